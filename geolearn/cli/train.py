"""`geolearn train`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from geolearn.cli.folder_flags import FolderFlags
from geolearn.cli.numbers import parse_changes
from geolearn.cli.output import say
from geolearn.cli.typed_names import check_data, check_recipe, check_weights


@dataclass(frozen=True)
class Train:
    """Train a model and write a run folder: weights, curves, metrics, configuration and environment.

    Interrupt with Ctrl-C or a kill; --resume goes on from the last finished epoch and ends where an uninterrupted
    run would have ended.

    For example:
        geolearn train voxnet -o runs/first
        geolearn train voxnet --data modelnet10_voxels --recipe best --seed 1 -o runs/voxnet-1
        geolearn train voxnet --data modelnet10_voxels -o runs/voxnet-1 --seed 1 --resume
        geolearn train voxnet --data path/to/my/shapes --up y -o runs/mine
        geolearn train voxnet --from voxnet-modelnet10 -o runs/tuned
    """

    model: tyro.conf.Positional[str]
    """Name of a model, such as voxnet or voxresnet."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The run folder to write."""
    data: str = "procedural"
    """Name of a dataset (`geolearn data list` shows them); or your own: a folder with a folder for each class, a CSV
    file of path,label,split, or a folder of labelled meshes. `geolearn data check PATH` says how it is understood."""
    folder: FolderFlags = FolderFlags()  # noqa: RUF009 (frozen)
    protocol: str = "full"
    """Which of the dataset's protocols; `geolearn info DATASET` shows them."""
    recipe: str = "best"
    """Name of a recipe of the model: "paper" follows the publication, "best" is ours. Or a .toml file: base, the
    recipe that it changes, and any fields of it."""
    seed: int = 0
    """Seed of initial weights, order and augmentation."""
    epochs: int | None = None
    """Train for this long instead of the recipe's number of epochs."""
    resolution: int | None = None
    """Cells a side of voxels, up to 128, or pixels a side of pictures, instead of the recipe's."""
    start: Annotated[str | None, tyro.conf.arg(name="from")] = None
    """Start from trained weights: a run folder, a weights file, or a name. The last layer is new unless the classes are
    the same."""
    changes: Annotated[tuple[str, ...], tyro.conf.arg(name="set"), tyro.conf.UseAppendAction] = ()
    """Set a field of the recipe, such as --set learning_rate=3e-4 --set augment.shift=3; its name then says so."""
    use: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Import a module that registers models, methods or recipes of your own."""
    validation: float = 0.1
    """Share of every class of the training split that is held out for validation."""
    log: str = "tensorboard"
    """Where curves go besides metrics.csv: tensorboard, csv, wandb, some of them with commas between, or none."""
    resume: bool = False
    """Continue the run in the output folder."""
    devices: int = 1
    """Processes on this machine, one per GPU, or CPU processes (gloo)."""
    nodes: int = 1
    """Machines; start the same command on each, as torchrun or SLURM does."""
    accelerator: str = "auto"
    """cpu, gpu, or auto."""
    precision: str = "32-true"
    """32-true, or bf16-mixed, 16-mixed on hardware that gains by it."""

    def run(self) -> int:
        check_recipe(self.model, self.recipe, use=self.use)
        check_data(self.data)
        if self.start is not None:
            check_weights(self.start)
        from geolearn.cli.modules import import_modules
        from geolearn.training.runs import make_run, train

        import_modules(self.use)
        run = make_run(
            self.model,
            self.data,
            self.recipe,
            epochs=self.epochs,
            changes=parse_changes(self.changes),
            resolution=self.resolution,
            reading=self.folder.reading(),
            start=self.start,
            protocol=self.protocol,
            seed=self.seed,
            validation=self.validation,
            devices=self.devices,
            nodes=self.nodes,
            accelerator=self.accelerator,
            precision=self.precision,
        )
        result = train(run, self.output, resume=self.resume, loggers=self.log.split(","))
        figures = {name: value for name, value in result["validation"].items() if name.startswith("val_")}
        say(f"{self.output}: {result['epochs']} epochs in {result['seconds']:.0f} s")
        for warning in result.get("warnings", ()):
            say(f"warning: {warning}")
        for name, value in figures.items():
            print(f"  {name} {value:.4g}")
        return 0
