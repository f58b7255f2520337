"""`geolearn benchmark`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from geolearn.cli.folder_flags import FolderFlags
from geolearn.cli.modules import import_modules
from geolearn.cli.numbers import parse_changes, parse_numbers
from geolearn.cli.output import say
from geolearn.cli.typed_names import check_benchmark, check_recipe


@dataclass(frozen=True)
class Benchmark:
    """Train and test models over several seeds by a fixed protocol, beside the published numbers.

    Writes NAME.json, NAME.md and NAME.html. Finished seeds are kept, so an interrupted benchmark goes on where it
    stopped when the same command is given again.

    For example:
        geolearn benchmark modelnet10_voxels --models voxnet,voxresnet --seeds 0,1,2
    """

    name: tyro.conf.Positional[str]
    """Name of the benchmark; an unknown name lists them. Or the path of your own shapes, as for `geolearn train`."""
    folder: FolderFlags = FolderFlags()  # noqa: RUF009 (frozen)
    models: str | None = None
    """Comma-separated models; default: all of the benchmark's."""
    seeds: str = "0,1,2"
    """Comma-separated seeds; a claim takes at least three."""
    recipe: str | None = None
    """Recipe of every model; default: the benchmark's."""
    epochs: int | None = None
    """Train for this long instead of the recipe's number of epochs (the results say so)."""
    resolution: int | None = None
    """Cells a side of voxels, or pixels a side of pictures, instead of the recipe's (the results say so)."""
    changes: Annotated[tuple[str, ...], tyro.conf.arg(name="set"), tyro.conf.UseAppendAction] = ()
    """Set a field of the recipe, such as --set learning_rate=3e-4 (the results say so)."""
    use: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Import a module that registers models, methods or recipes of your own."""
    precision: str = "32-true"
    """32-true, or bf16-mixed, 16-mixed on hardware that gains by it."""
    runs: Path = Path("runs/benchmark")
    """Folder of the runs."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("benchmarks/results")
    """Folder of the results."""

    def run(self) -> int:
        check_benchmark(self.name)
        models = self.models.split(",") if self.models else None
        for model in models or ():
            check_recipe(model, self.recipe, use=self.use)
        from geolearn.reports.page import markdown_table
        from geolearn.training.benchmarks import result_name, run_benchmark

        import_modules(self.use)
        rows = run_benchmark(
            self.name,
            models=models,
            seeds=parse_numbers(self.seeds, "--seeds"),
            recipe=self.recipe,
            epochs=self.epochs,
            precision=self.precision,
            runs=self.runs,
            output=self.output,
            changes=parse_changes(self.changes),
            resolution=self.resolution,
            reading=self.folder.reading(),
            command="geolearn " + " ".join(sys.argv[1:]),
        )
        print(markdown_table(rows), end="")
        say(f"written: {self.output / result_name(self.name)}.json, .md, .html")
        return 0
