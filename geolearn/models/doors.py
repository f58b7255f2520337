"""What networks take: grids and pictures of any type of number that has one meaning, of the right shape."""

from collections.abc import Sequence

import torch

from geolearn.errors import InvalidInputError
from geolearn.typing import Float, Shaped, Tensor


def as_grids(
    x: Shaped[Tensor, "*N"], channels: int, resolution: int, dtype: torch.dtype, name: str = "x"
) -> Float[Tensor, "B C R R R"]:
    """Grids as floats. bool, and whole numbers 0 and 1, are occupancy.

    Raises:
        InvalidInputError: another shape, or whole numbers other than 0 and 1.

    >>> as_grids(torch.ones(2, 1, 4, 4, 4, dtype=torch.bool), 1, 4, torch.float32).dtype
    torch.float32
    """
    wanted = (channels, *(resolution,) * 3)
    if not isinstance(x, Tensor):
        raise InvalidInputError(_no_tensor(x, ("B", *wanted), name))
    if x.ndim != 5 or x.shape[1:] != wanted:
        raise InvalidInputError(f"{name}: expected {_shape('B', *wanted)}, got {tuple(x.shape)}{_remedy(x, wanted)}")
    if _is_whole(x) and x.dtype != torch.bool and _range_known(x):
        low, high = int(x.min()), int(x.max())
        if low < 0 or high > 1:
            raise InvalidInputError(
                f"{name}: expected occupancy in [0, 1], got {x.dtype} from {low} to {high}; divide by what a full cell "
                "has, or compare with a threshold"
            )
    return x.to(dtype)


def as_pictures(x: Shaped[Tensor, "*N"], dtype: torch.dtype, name: str = "x") -> Float[Tensor, "B V C H W"]:
    """Pictures as floats in [0, 1]: bytes are divided by 255.

    Raises:
        InvalidInputError: another shape, other whole numbers, or bytes of which none is above 1.

    >>> as_pictures(torch.full((1, 2, 3, 4, 4), 255, dtype=torch.uint8), torch.float32).max()
    tensor(1.)
    """
    if not isinstance(x, Tensor):
        raise InvalidInputError(_no_tensor(x, ("B", "V", "C", "H", "W"), name))
    if x.ndim != 5 or x.shape[1] == 0 or x.shape[2] not in (1, 3):
        one = "; one view of each shape is x[:, None]" if x.ndim == 4 and x.shape[1] in (1, 3) else ""
        raise InvalidInputError(
            f"{name}: expected (B, V, C, H, W) with at least one view and 1 or 3 channels, got {tuple(x.shape)}{one}"
        )
    if x.dtype == torch.uint8:
        if _range_known(x) and int(x.max()) == 1:
            raise InvalidInputError(
                f"{name}: expected bytes from 0 to 255, got none above 1; if 1 is white, pass {name}.float()"
            )
        return x.to(dtype) / 255
    if _is_whole(x) and x.dtype != torch.bool:
        raise InvalidInputError(
            f"{name}: expected bytes (uint8, 0 to 255) or floats in [0, 1], got {x.dtype}; convert them first"
        )
    return x.to(dtype)


def check_batch_of_one(x: Tensor, training: bool) -> None:
    """Refuse one shape alone where a normalisation over the batch learns.

    Raises:
        InvalidInputError: says what to do.
    """
    if training and len(x) == 1:
        raise InvalidInputError(
            "x: expected at least two shapes while training, got one: batch normalisation compares the shapes of a "
            "batch; call net.eval() to ask about one, or drop the last batch where one is left over"
        )


def _is_whole(x: Tensor) -> bool:
    return not x.is_floating_point() and not x.is_complex()


def _range_known(x: Tensor) -> bool:
    """Values are looked at only where they are there: not while a compiler traces the network."""
    return x.numel() > 0 and not torch.compiler.is_compiling()


def _no_tensor(x: object, shape: Sequence[object], name: str) -> str:
    values = getattr(x, "values", None)
    how = "torch.as_tensor(x)" if not isinstance(values, Tensor) else f"{name}.values[None, None]"
    return f"{name}: expected a tensor {_shape(*shape)}, got {type(x).__name__}; pass {how}"


def _shape(*sizes: object) -> str:
    return f"({', '.join(map(str, sizes))})"


def _remedy(x: Tensor, wanted: tuple[int, ...]) -> str:
    """What to do about another shape, where that is clear."""
    channels, resolution = wanted[0], wanted[-1]
    if channels == 1 and x.shape == wanted[1:]:
        return "; one grid is x[None, None]"
    if x.ndim == 4 and x.shape[1:] == wanted[1:]:
        return "; x[:, None] adds the channel of a batch" if channels == 1 else "; x[None] is a batch of one"
    if x.ndim == 5 and x.shape[1] == channels and len({*x.shape[2:]}) == 1 and x.shape[2] > 0:
        return f"; a network for {x.shape[2]}^3 cells is made with resolution={x.shape[2]}, this one has {resolution}^3"
    if x.ndim == 5 and x.shape[2:] == wanted[1:]:
        return (
            f"; a network for {x.shape[1]} channels is made with in_channels={x.shape[1]}, where it has that argument"
        )
    return ""
