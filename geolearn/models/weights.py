"""Registered models, and their weights as safetensors files that say how to build the model.

A weights file is one safetensors file: the parameters, and in its header one JSON record with the registered name of
the model, its constructor arguments, and whatever the trainer noted (classes, dataset, recipe). Nothing is unpickled.
"""

import json
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import safetensors.torch
import torch
from torch import nn

from geolearn.errors import CheckpointError, printable, unknown_name
from geolearn.io.files import write_whole
from geolearn.models.building import build_recorded
from geolearn.registry import Registry
from geolearn.typing import PathLike

Model = TypeVar("Model", bound="PretrainedModel")
MODELS: Registry[type["PretrainedModel"]] = Registry("model")
SHIPPED = Path(__file__).parent.parent / "weights"
_RECORD = "geolearn"


class PretrainedModel(nn.Module):
    """Base of every registered model: remembers its constructor arguments and loads weights by name or path.

    A subclass passes its constructor arguments to `super().__init__(**arguments)`.

    Attributes:
        inputs: what the model looks at, such as "voxels", "views", "faces", "observations" or "deformations": which
            methods can train it; "codes" for a decoder, "belief" for a belief network.
        not_recorded: arguments of the constructor that a weights file must not give, since they fetch something.
    """

    inputs: ClassVar[str] = "voxels"
    not_recorded: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **config: Any):
        super().__init__()
        self.config = config

    @classmethod
    def from_pretrained(cls: type[Model], name_or_path: PathLike) -> Model:
        """The model with trained weights, in evaluation mode.

        Args:
            name_or_path: a name that ships with geolearn (`geolearn.models.pretrained_names()`) or a file
                written by `save_model`.

        Raises:
            UnknownNameError: neither a file nor a shipped name.
            CheckpointError: the file is damaged or holds another model.
        """
        model, _ = load_model(name_or_path)
        if not isinstance(model, cls):
            raise CheckpointError(f"{name_or_path}: expected weights of {cls.__name__}, got {type(model).__name__}")
        return model


def pretrained_names() -> list[str]:
    """Names of the weights that ship inside the package.

    >>> "voxnet-modelnet10" in pretrained_names()
    True
    """
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


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
            "it could not be loaded again. Where a layer was replaced, build the model with the arguments that give it"
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
    path = Path(name_or_path)
    if not path.is_file():
        path = SHIPPED / f"{name_or_path}.safetensors"
        if not path.is_file():
            raise unknown_name(
                "weights (no such file, nor weights of that name)", str(name_or_path), pretrained_names()
            )
    source = printable(path)
    try:
        with safetensors.safe_open(path, framework="pt") as archive:
            record = json.loads((archive.metadata() or {})[_RECORD])
            state = {key: archive.get_tensor(key) for key in archive.keys()}  # noqa: SIM118 (not a dict)
        kind, config = MODELS[record["model"]], record["config"]
    except (safetensors.SafetensorError, RecursionError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{source}: not weights written by geolearn.models.save_model, or damaged ({type(error).__name__}: "
            f"{printable(error)[:300]})"
        ) from error
    num_bytes = sum(value.numel() * value.element_size() for value in state.values())
    model = build_recorded(kind, config, len(state), num_bytes, source)
    state = {key: value.float() if value.dtype == torch.float16 else value for key, value in state.items()}
    _check_numbers(state, source)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        problem = printable(error, lines=True)[:2000]
        raise CheckpointError(f"{source}: the weights do not fit {kind.__name__}({config!a}): {problem}") from error
    return model.eval(), record


def _check_numbers(state: dict[str, torch.Tensor], source: str) -> None:
    for name, value in state.items():
        broken = ~torch.isfinite(value)
        if bool(broken.any()):
            raise CheckpointError(
                f"{source}: {int(broken.sum())} of {value.numel()} values of {name!a} are NaN or infinite, so "
                "nothing that they compute is a number. Train again, with a smaller learning rate"
            )
