"""Trained weights as the start of another training."""

from collections.abc import Mapping, Sequence

import torch

from geolearn.errors import CheckpointError, printable
from geolearn.models.weights import PretrainedModel
from geolearn.typing import Tensor


def copy_weights(source: PretrainedModel, target: PretrainedModel, classes: Sequence[str] = (), name: str = "") -> bool:
    """Copy all that `source` has learned into `target`, a model of the same layers; returns whether its head, too.

    A last layer of other outputs is left as the target has it. Where both know the same classes by name
    (`source.classes` and `classes`), the head is copied with its outputs in the target's order.

    Args:
        classes: the names of the target's outputs.
        name: of the weights, for messages.

    Raises:
        CheckpointError: another model, or layers of other sizes.

    >>> from geolearn.models import VoxNet
    >>> copy_weights(VoxNet(10), VoxNet(5))
    False
    """
    if type(source) is not type(target):
        raise CheckpointError(
            f"{printable(name)}: expected weights of {type(target).__name__}, got {type(source).__name__}"
        )
    state, own = source.state_dict(), target.state_dict()
    head = {key for key in own if source.classifier and key.startswith(f"{source.classifier}.")}
    same = bool(head) and bool(classes) and sorted(source.classes) == sorted(classes)
    if same:
        order = torch.tensor([source.classes.index(each) for each in classes])
        state |= {key: state[key][order] for key in head}
    elif head:
        state |= {key: own[key] for key in head}
    wrong = [key for key in sorted(state.keys() | own.keys()) if _shape(state, key) != _shape(own, key)]
    if wrong:
        raise CheckpointError(
            f"{printable(name)}: {wrong[0]} has the shape {_shape(state, wrong[0])}, the new "
            f"{type(target).__name__}({target.config}) needs {_shape(own, wrong[0])}; make it with the arguments of "
            f"the weights, {source.config}"
        )
    target.load_state_dict(state)
    return same or not head


def _shape(state: Mapping[str, Tensor], key: str) -> tuple[int, ...] | None:
    return tuple(state[key].shape) if key in state else None
