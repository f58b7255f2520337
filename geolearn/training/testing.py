"""Test trained weights by name: what the command line, the benchmarks and the demo call."""

import inspect
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from geolearn.data import Collection, Packed, Reading, open_collection
from geolearn.data.folders.folder import is_path
from geolearn.data.splits import Split
from geolearn.errors import InvalidInputError, unknown_name
from geolearn.models import find_weights, load_model
from geolearn.models.weights import PretrainedModel
from geolearn.reports.files import write_json
from geolearn.training import methods as _methods  # noqa: F401 (registers them)
from geolearn.training.evaluation_page import evaluation_page
from geolearn.training.method import METHODS, Method, Outcome
from geolearn.training.recipes import read_record
from geolearn.typing import PathLike


@dataclass(frozen=True)
class Trained:
    """Weights with the method that they were trained by.

    Attributes:
        record: what was noted with the weights, see `geolearn.models.save_model`.
    """

    net: PretrainedModel
    method: Method
    record: dict[str, Any]
    name: str

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.record.get("classes", ()))


def load_trained(run_or_weights: PathLike) -> Trained:
    """The weights of a run folder, a file, or a name that ships with geolearn.

    Weights that do not say how they were trained are tested by the method for models of their kind, with the settings
    among their notes.

    Raises:
        UnknownNameError: no such weights.
        CheckpointError: damaged weights.
        InvalidInputError: no method tests such a model.
    """
    net, record = load_model(find_weights(run_or_weights))
    if "method" in record:
        kind = METHODS[record["method"]]
        recipe = read_record(kind.recipe_type, record["settings"])
    else:
        kinds = [METHODS[name] for name in METHODS if METHODS[name].inputs == net.inputs]
        if not kinds:
            raise InvalidInputError(
                f"{run_or_weights}: no method tests a {record['model']} whose weights do not say how it was trained"
            )
        kind, recipe = kinds[0], kinds[0].recipe_type()
        noted = {name: value for name, value in record.items() if hasattr(recipe, name) and name != "model"}
        recipe = replace(recipe, **{"vote_mirror": False, "votes": 1, **noted} if hasattr(recipe, "votes") else noted)
    return Trained(net, kind(recipe, record["model"]), record, Path(run_or_weights).name)


@dataclass(frozen=True)
class Tested:
    """Weights that were tested.

    Attributes:
        record: every figure and table, and what was tested how, as result.json holds it.
        warnings: what a reader of the figures has to know.
    """

    trained: Trained
    data: Collection
    split: str
    outcome: Outcome
    record: dict[str, Any]
    warnings: tuple[str, ...] = ()

    def write_report(self, folder: Path) -> Path:
        """Write result.json, pictures and report.html; returns the path of the page."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "result.json", self.record)
        pictures = self.trained.method.sheets(self.trained.net, self.data, self.split, self.outcome, folder)
        return evaluation_page(self.record, self.trained.method.figures, self.outcome, pictures, self.warnings, folder)


def evaluate(
    run_or_weights: PathLike,
    data: str | Collection,
    *,
    split: Split = "test",
    protocol: str | None = None,
    reading: Reading | None = None,
    progress: bool = False,
    **options: Any,
) -> Tested:
    """Test weights on a split of a dataset, by name or as it is; every sample counts.

    Classes are compared by name: the same classes in another order are mapped, others are refused.

    Args:
        split: "test", "val" or "train", the last two as they were divided when the weights were trained.
        protocol: of the dataset; by default that of the training.
        reading: how the files of a folder are read; by default as in the training, if that was on the same folder.
        options: of the method's `test`, such as `retrieval=True`.

    Raises:
        InvalidInputError: the weights know other classes than the data, or an option that the method does not have.

    >>> import torch
    >>> from geolearn.data import ShapeCollection, Store
    >>> from geolearn.structures import VoxelGrid
    >>> empty = VoxelGrid(torch.zeros(32, 32, 32, dtype=torch.bool), torch.zeros(3), 1.0)
    >>> classes = load_trained("voxnet-modelnet10").classes
    >>> shapes = ShapeCollection({"test": Store.of_shapes([empty], classes=classes)}, "nothing at all")
    >>> evaluate("voxnet-modelnet10", shapes).record["num_samples"]
    1
    """
    trained = load_trained(run_or_weights)
    record, method = trained.record, trained.method
    _check_options(method, options)
    held_out = record.get("validation", 0.1)  # 0: the weights learned from all of the training split
    protocol_read = protocol or record.get("protocol", "full")
    if isinstance(data, str):
        if reading is None and "reading" in record and _is_same(data, record["data"]):
            reading = Reading(**record["reading"])
        data = open_collection(data, protocol_read, held_out or 0.1, reading)
    elif protocol is not None or reading is not None:
        raise InvalidInputError("protocol, reading: only of datasets by name or path")
    split_read = "trainval" if split == "train" and not held_out else split
    if trained.classes:
        data = AlignedCollection(data, trained.classes, trained.name)
    seen = _seen(split, held_out) if _is_same(data.name, record.get("data", "")) else ()
    warnings = (*seen, *data.warnings(split_read))
    outcome = method.test(trained.net, data, split_read, progress=progress, **options)
    found = {
        "model": record["model"],
        "weights": trained.name,
        "data": data.name,
        "split": split,
        "protocol": f"{protocol_read} {split} split, {outcome.voting}",
        **outcome.figures,
        "num_samples": outcome.samples,
        **outcome.tables,
        **outcome.details,
    }
    if warnings:
        found["warnings"] = list(warnings)
    return Tested(trained, data, split_read, outcome, found, warnings)


def _is_same(data: str, trained_on: str) -> bool:
    """Whether two names or paths mean the same data."""
    if data == trained_on:
        return True
    return is_path(data) and is_path(trained_on) and Path(data).resolve() == Path(trained_on).resolve()


def _check_options(method: Method, options: dict[str, Any]) -> None:
    known = [name for name in inspect.signature(method.test).parameters if name not in ("net", "data", "split")]
    for name in options:
        if name not in known:
            raise unknown_name(f"option of a test by {method.recipe.method}", name, known)


def _seen(split: str, held_out: float) -> tuple[str, ...]:
    """What to say where a split of the dataset that trained the weights has shapes that trained them."""
    if split in ("train", "trainval"):
        return ("the weights were trained on these shapes",)
    if split == "val" and not held_out:
        return ("the weights were trained on the whole training split: these validation shapes are among it",)
    return ()


@dataclass(frozen=True)
class AlignedCollection(Collection):
    """Another collection, its class numbers those of trained weights."""

    inner: Collection
    classes: tuple[str, ...]
    weights: str

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.inner.name

    @property
    def kind(self) -> str | None:
        return self.inner.kind

    def facts(self, split: str) -> dict[str, Any]:
        return self.inner.facts(split)

    def packed(self, split: str, representation: Any, target: Any) -> Packed:
        found = self.inner.packed(split, representation, target)
        if not found.classes or found.classes == self.classes:
            return found
        if set(found.classes) != set(self.classes):
            raise InvalidInputError(
                f"data: {self.weights} knows the {len(self.classes)} classes {', '.join(self.classes)}; {self.name} "
                f"has the {len(found.classes)} classes {', '.join(found.classes)}"
            )
        if target is None:
            return found.with_classes(self.classes)
        return replace(found, classes=self.classes)  # type: ignore[type-var]
