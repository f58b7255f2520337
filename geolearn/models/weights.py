"""Registered models, and their weights as safetensors files that say how to build the model.

A weights file is one safetensors file: the parameters, and in its header one JSON record with the registered name of
the model, its constructor arguments, and whatever the trainer noted (classes, dataset, recipe). Nothing is unpickled.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import safetensors.torch
import torch
from torch import nn

from geolearn.errors import CheckpointError, InvalidInputError, printable, unknown_name
from geolearn.io.files import write_whole
from geolearn.known_names import PACKAGE, weights_names
from geolearn.models.building import build_recorded
from geolearn.models.channels import widen
from geolearn.registry import Registry
from geolearn.structures._door import whole_number
from geolearn.typing import PathLike

Model = TypeVar("Model", bound="PretrainedModel")
MODELS: Registry[type["PretrainedModel"]] = Registry("model", plugins=True)
SHIPPED = PACKAGE / "weights"
_RECORD = "geolearn"
# Notes about a training. They are not true of weights that were trained further.
_PROVENANCE = ("model", "config", "data", "protocol", "validation", "samples", "recipe", "seed", "start")


class PretrainedModel(nn.Module):
    """Base of every registered model: remembers its constructor arguments and loads weights by name or path.

    A subclass passes its constructor arguments to `super().__init__(**arguments)`.

    Attributes:
        inputs: what the model looks at, such as "voxels", "views", "faces", "observations" or "deformations": which
            methods can train it; "codes" for a decoder, "belief" for a belief network.
        classifier: the name of its last dense layer, which has one output for each class; "" where there is none.
        outputs: the argument of the constructor that says how many outputs that layer has.
        not_recorded: arguments of the constructor that a weights file must not give, since they fetch something.
        notes: what was noted with the weights that it was loaded from.
    """

    inputs: ClassVar[str] = "voxels"
    classifier: ClassVar[str] = ""
    outputs: ClassVar[str] = "num_classes"
    not_recorded: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **config: Any):
        super().__init__()
        self.config = config
        self.notes: dict[str, Any] = {}
        self._classes: tuple[str, ...] = ()

    @classmethod
    def from_pretrained(
        cls: type[Model],
        name_or_path: PathLike,
        *,
        num_classes: int | None = None,
        in_channels: int | None = None,
    ) -> Model:
        """The model with trained weights, in evaluation mode.

        Args:
            name_or_path: a name that ships with geolearn (`geolearn.models.pretrained_names()`), a run folder, or a
                file written by `save_model`.
            num_classes: give it a new last layer for so many classes, untrained; None keeps the trained one.
            in_channels: let it look at so many channels; it gives the same as before where all of them show what the
                one channel of its training showed.

        Raises:
            UnknownNameError: neither a file nor a shipped name.
            CheckpointError: the file is damaged or holds another model.
            InvalidInputError: a model that has no classes, or looks at a fixed number of channels.
        """
        model, _ = load_model(find_weights(name_or_path))
        if not isinstance(model, cls):
            raise CheckpointError(f"{name_or_path}: expected weights of {cls.__name__}, got {type(model).__name__}")
        if in_channels is not None:
            model = cast(Model, widen(model, whole_number(in_channels, "in_channels")))
        if num_classes is not None:
            model.reset_classifier(num_classes)
        return model

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, or of the parts of meshes, in the order of the outputs; () where they have none yet."""
        return self._classes

    @classes.setter
    def classes(self, names: Sequence[str]) -> None:
        count = self.config.get(self.outputs)
        if names and count is not None and (len(names) != count or len(set(names)) != count):
            raise InvalidInputError(f"classes: expected {count} different names, one for each output, got {names!r}")
        self._classes = tuple(names)

    def reset_classifier(self, num_classes: int, *, classes: Sequence[str] = ()) -> None:
        """Put a new, untrained layer for other classes in place of the last one. All other layers stay as they are.

        Args:
            classes: their names, kept with the weights.

        Raises:
            InvalidInputError: a model without classes, or fewer than one.
        """
        if not self.classifier:
            raise InvalidInputError(f"{type(self).__name__} has no classes")
        count = whole_number(num_classes, "num_classes")
        if count < 1:
            raise InvalidInputError(f"num_classes: expected at least 1, got {count}")
        old = cast(nn.Linear, self.get_submodule(self.classifier))
        new = self.new_classifier(old.in_features, count).to(old.weight.device, old.weight.dtype).train(old.training)
        setattr(self, self.classifier, new)
        self.config[self.outputs] = count
        self.classes = classes

    def new_classifier(self, in_features: int, num_classes: int) -> nn.Linear:
        """A last layer as a new model has it."""
        return nn.Linear(in_features, num_classes)

    def save_pretrained(self, path: PathLike, *, half: bool = False, **notes: Any) -> None:
        """Write the weights to a file that `from_pretrained` and every command read, as `save_model` does.

        What the weights that it was loaded from were fed stays noted, and so do the names of classes; where they were
        trained does not.

        Args:
            half: store floating-point parameters as float16 (they load back as float32).
            notes: more facts to keep with the weights.
        """
        kept = {name: value for name, value in self.notes.items() if name not in _PROVENANCE}
        save_model(self, path, half=half, **{**kept, "classes": list(self.classes), **notes})


def pretrained_names() -> list[str]:
    """Names of the weights that ship inside the package.

    >>> "voxnet-modelnet10" in pretrained_names()
    True
    """
    return weights_names()


def find_weights(run_or_weights: PathLike) -> PathLike:
    """The weights of a run folder, or the argument itself (a file, or a name that ships with geolearn).

    >>> find_weights("voxnet-modelnet10")  # not a run folder
    'voxnet-modelnet10'
    """
    inside = Path(run_or_weights) / "model.safetensors"
    return inside if inside.is_file() else run_or_weights


def save_model(model: PretrainedModel, path: PathLike, *, half: bool = False, **notes: Any) -> None:
    """Write weights and the record to rebuild them; first under a temporary name, then renamed.

    Args:
        half: store floating-point parameters as float16 (they load back as float32).
        notes: JSON-able facts to keep with the weights, such as `classes=[...]`.

    >>> import tempfile
    >>> from geolearn.models import PCADecoder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(PCADecoder(1, num_verts=3, num_faces=1), f"{folder}/decoder.safetensors", subject="corners")
    ...     load_model(f"{folder}/decoder.safetensors")[1]["subject"]
    'corners'
    """
    name = next((name for name in MODELS if MODELS[name] is type(model)), None)
    if name is None:
        raise CheckpointError(f"{type(model).__name__} is not a registered model; decorate it with @MODELS.register")
    _check_shapes(model, name)
    _check_numbers(model.state_dict(), printable(path))
    tensors = {
        key: (value.half() if half and value.is_floating_point() else value).detach().cpu().contiguous()
        for key, value in model.state_dict().items()
    }
    record = json.dumps({"model": name, "config": model.config, **notes}, sort_keys=True)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, safetensors.torch.save(tensors, metadata={_RECORD: record}))


def _check_shapes(model: PretrainedModel, name: str) -> None:
    """Refuse weights that the recorded constructor arguments would not take back."""
    with torch.random.fork_rng(devices=[]):  # saving must not change what is drawn afterwards
        wanted = {key: tuple(value.shape) for key, value in MODELS[name](**model.config).state_dict().items()}
    found = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    wrong = [key for key in sorted(wanted.keys() | found.keys()) if wanted.get(key) != found.get(key)]
    if wrong:
        key = wrong[0]
        raise CheckpointError(
            f"{name}({model.config}) has {key} of shape {wanted.get(key)}, this model has {found.get(key)}; a file of "
            "it could not be loaded again. reset_classifier(n) replaces the last layer; where another was replaced, "
            "build the model with the arguments that give it"
        )


def load_model(name_or_path: PathLike) -> tuple[PretrainedModel, dict[str, Any]]:
    """The model in evaluation mode, and the record kept with its weights. See `PretrainedModel.from_pretrained`.

    A file cannot do harm: nothing is unpickled or fetched, and the model that it describes is no larger than the file.

    Raises:
        UnknownNameError: neither a file nor a shipped name.
        CheckpointError: the file is damaged, holds a value that is not a number, or describes another model than its
            tensors are of.

    >>> model, record = load_model("voxnet-modelnet10")
    >>> record["model"], len(record["classes"])
    ('voxnet', 10)
    """
    path = _find(name_or_path)
    source = printable(path)
    with _read(path) as archive:
        record = json.loads((archive.metadata() or {})[_RECORD])
        state = {key: archive.get_tensor(key) for key in archive.keys()}  # noqa: SIM118 (not a dict)
        kind, config = MODELS[record["model"]], record["config"]
    num_bytes = sum(value.numel() * value.element_size() for value in state.values())
    model = build_recorded(kind, config, len(state), num_bytes, source)
    state = {key: value.float() if value.dtype == torch.float16 else value for key, value in state.items()}
    _check_numbers(state, source)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        problem = printable(error, lines=True)[:2000]
        raise CheckpointError(f"{source}: the weights do not fit {kind.__name__}({config!a}): {problem}") from error
    model.notes = record
    names = record.get("classes")
    if isinstance(names, list) and len(set(map(str, names))) == len(names) == config.get(kind.outputs):
        model.classes = tuple(map(str, names))
    return model.eval(), record


def load_record(name_or_path: PathLike) -> dict[str, Any]:
    """What is noted with weights, without the weights: the model, its arguments, and what its training left.

    Raises:
        UnknownNameError, CheckpointError: as for `load_model`.

    >>> load_record("voxnet-modelnet10")["config"]["num_classes"]
    10
    """
    with _read(_find(name_or_path)) as archive:
        record = json.loads((archive.metadata() or {})[_RECORD])
        return {**record, "model": record["model"], "config": dict(record["config"])}


def _find(name_or_path: PathLike) -> Path:
    path = Path(name_or_path)
    if not path.is_file():
        path = SHIPPED / f"{name_or_path}.safetensors"
    if not path.is_file():
        raise unknown_name("weights (no such file, nor weights of that name)", str(name_or_path), pretrained_names())
    return path


@contextmanager
def _read(path: Path) -> Iterator[Any]:
    """An open weights file; whatever is wrong with it is one error."""
    try:
        with safetensors.safe_open(path, framework="pt") as archive:
            yield archive
    except (safetensors.SafetensorError, RecursionError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{printable(path)}: not weights written by geolearn.models.save_model, or damaged "
            f"({type(error).__name__}: {printable(error)[:300]})"
        ) from error


def _check_numbers(state: dict[str, torch.Tensor], source: str) -> None:
    for name, value in state.items():
        broken = ~torch.isfinite(value)
        if bool(broken.any()):
            raise CheckpointError(
                f"{source}: {int(broken.sum())} of {value.numel()} values of {name!a} are NaN or infinite, so "
                "nothing that they compute is a number. Train again, with a smaller learning rate"
            )
