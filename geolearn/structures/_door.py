"""Records are validated on construction: shape, dtype and finiteness, with uniform messages."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from geolearn.errors import InvalidInputError


def as_tensor(value: object, name: str, shape: Sequence[int | None], *, exact: bool = False) -> Tensor:
    """`value` as a tensor of its own type; `shape` is only for the message.

    With `exact` the numbers of a list are float64, as in Python; torch alone rounds them to float32.

    Arrays share their memory where torch can: arrays that are read-only, reversed or in another byte order are copied.

    Raises:
        InvalidInputError: not numeric.
    """
    try:
        if isinstance(value, list | tuple) and value and isinstance(value[0], np.ndarray):
            value = np.stack(value)
        if isinstance(value, np.ndarray):
            native = value.astype(value.dtype.newbyteorder("="), copy=False)
            value = np.require(native, requirements=["C_CONTIGUOUS", "WRITEABLE"])
        return torch.as_tensor(value, dtype=torch.float64 if exact and isinstance(value, list | tuple) else None)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidInputError(
            f"{name}: expected numbers of shape {_text(shape)}, got {type(value)} ({error})"
        ) from error


def to_tensor(value: object, name: str, dtype: torch.dtype, shape: Sequence[int | None]) -> Tensor:
    """`value` (tensor, array or nested sequence) as a `dtype` tensor of `shape`, where None is any length.

    Raises:
        InvalidInputError: not numeric, another shape, non-finite floats, or fractional values for integers.
    """
    tensor = as_tensor(value, name, shape, exact=dtype == torch.float64)
    if tensor.numel() == 0 and tensor.ndim != len(shape):
        tensor = tensor.reshape([0 if size is None else size for size in shape])
    if tensor.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, tensor.shape, strict=True)):
        raise InvalidInputError(f"{name}: expected shape {_text(shape)}, got {tuple(tensor.shape)}")
    if tensor.is_complex():
        raise InvalidInputError(f"{name}: expected real numbers, got {tensor.dtype}")
    if not dtype.is_floating_point and tensor.is_floating_point() and tensor.numel():
        raise InvalidInputError(f"{name}: expected integers, got {tensor.dtype}; convert them first")
    converted = tensor.to(dtype)
    # One sum decides nearly always: it is not finite if a value is not, and otherwise only if it overflows.
    if dtype.is_floating_point and not math.isfinite(converted.detach().sum()):
        bad = int((~torch.isfinite(converted)).sum())
        if not bad:
            return converted
        raise InvalidInputError(f"{name}: {bad} of {converted.numel()} values are NaN, infinite or beyond {dtype}")
    return converted


def whole_number(value: object, name: str) -> int:
    """`value` as int: a whole number of any type, 32.0 included.

    Raises:
        InvalidInputError: anything else.
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError, OverflowError):
        number = math.nan
    if isinstance(value, str | bytes | bool) or not number.is_integer():
        raise InvalidInputError(f"{name}: expected a whole number, got {value!r}")
    return int(number)


def _text(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
