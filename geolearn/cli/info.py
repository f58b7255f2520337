"""`geolearn info`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from geolearn.cli.listings import LISTS
from geolearn.cli.modules import import_modules
from geolearn.cli.typed_names import check_subject

VOXEL_SUFFIXES = (".binvox", ".mat", ".npy", ".npz")


@dataclass(frozen=True)
class Info:
    """Describe a mesh, point or voxel file, trained weights, a run folder, or a dataset; or list what there is.

    For example:
        geolearn info models        (also: recipes, benchmarks, datasets, weights)
        geolearn info chair.off
        geolearn info runs/voxnet-1
        geolearn info voxnet-modelnet10
        geolearn info modelnet10_voxels
    """

    subject: tyro.conf.Positional[str]
    """A file, a run folder, the name of shipped weights, the name of a dataset, or what to list: models, recipes,
    benchmarks, datasets, weights."""
    use: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Import a module that registers models, methods or recipes of your own."""

    def run(self) -> int:
        from geolearn.errors import printable

        check_subject(self.subject, LISTS)
        import_modules(self.use)
        if self.subject in LISTS:
            from geolearn.reports.page import markdown_table

            print(markdown_table(LISTS[self.subject]()), end="")
            return 0
        facts = describe(self.subject)
        width = max(map(len, facts))
        for name, value in facts.items():
            text = value if isinstance(value, str) else json.dumps(value)
            print(f"{printable(name):{width}}  {printable(text, lines=True)}")
        return 0


def describe(subject: str) -> dict[str, Any]:
    """Facts about whatever `subject` names, most telling first."""
    from geolearn.data import dataset_names, describe_dataset
    from geolearn.errors import unknown_name
    from geolearn.io import load_voxels
    from geolearn.io.inspect import describe_shape, describe_voxels
    from geolearn.models import load_model, pretrained_names

    path = Path(subject)
    if path.is_dir():
        parts = [path / "config.json", path / "result.json", path / "evaluation" / "result.json"]
        if not any(part.is_file() for part in parts):
            raise FileNotFoundError(f"{path} is a folder without config.json or result.json: neither a run nor a fit")
        return {part.relative_to(path).as_posix(): _read_json(part) for part in parts if part.is_file()}
    if path.suffix == ".safetensors" or subject in pretrained_names():
        model, record = load_model(subject)
        return {**record, "parameters": sum(p.numel() for p in model.parameters())}
    if path.is_file() or path.suffix:
        voxels = path.suffix.lower() in VOXEL_SUFFIXES
        return describe_voxels(load_voxels(path)) if voxels else describe_shape(path)
    if subject in dataset_names():
        return describe_dataset(subject)
    raise unknown_name("file, run, weights or dataset", subject, [*pretrained_names(), *dataset_names()])


def _read_json(path: Path) -> Any:
    from geolearn.errors import CheckpointError

    try:
        return json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: damaged, not JSON ({error})") from error
