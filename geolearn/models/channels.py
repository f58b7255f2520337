"""Trained weights for more channels than they were trained with."""

from typing import Any

from geolearn.errors import InvalidInputError


def widen(source: Any, channels: int) -> Any:
    """The same model (a `PretrainedModel`) for so many channels: it gives the same where all show what the one showed.

    Raises:
        InvalidInputError: a model without an argument `in_channels`, or weights of several channels.

    >>> import torch
    >>> from geolearn.models import VoxNet
    >>> net, x = VoxNet(10).eval(), torch.rand(1, 1, 32, 32, 32).round()
    >>> torch.allclose(widen(net, 3)(x.expand(1, 3, 32, 32, 32)), net(x), atol=1e-5)
    True
    """
    kind = type(source)
    if "in_channels" not in source.config:
        raise InvalidInputError(f"in_channels: {kind.__name__} has no such argument")
    before = source.config["in_channels"]
    if before == channels:
        return source
    if before != 1:
        raise InvalidInputError(f"in_channels: weights of one channel can look at {channels}, these look at {before}")
    wide = kind(**{**source.config, "in_channels": channels})
    state = source.state_dict()
    for key, value in wide.state_dict().items():
        if value.shape != state[key].shape:  # the first convolution
            state[key] = state[key].repeat(1, channels, *(1,) * (value.ndim - 2)) / channels
    wide.load_state_dict(state)
    wide.notes, wide.classes = source.notes, source.classes
    return wide.train(source.training)
