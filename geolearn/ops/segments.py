"""Reductions of values by group: `scatter` by an index per value, `segment_csr` over consecutive runs."""

from typing import Literal, overload

import torch

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.structures._door import whole_number
from geolearn.typing import Int, Shaped, Tensor

Reduction = Literal["sum", "add", "mean", "max", "min", "mul"]
_REDUCTIONS: dict[Reduction, str] = {
    "sum": "sum",
    "add": "sum",
    "mean": "mean",
    "max": "amax",
    "min": "amin",
    "mul": "prod",
}


@overload
def scatter(
    src: Tensor,
    index: Tensor,
    dim: int = ...,
    dim_size: int | None = ...,
    reduce: Reduction = ...,
    *,
    return_argmax: Literal[False] = ...,
) -> Tensor: ...


@overload
def scatter(
    src: Tensor,
    index: Tensor,
    dim: int = ...,
    dim_size: int | None = ...,
    reduce: Reduction = ...,
    *,
    return_argmax: Literal[True],
) -> tuple[Tensor, Tensor]: ...


def scatter(
    src: Shaped[Tensor, "..."],
    index: Int[Tensor, "..."],
    dim: int = 0,
    dim_size: int | None = None,
    reduce: Reduction = "sum",
    *,
    return_argmax: bool = False,
) -> Shaped[Tensor, "..."] | tuple[Shaped[Tensor, "..."], Int[Tensor, "..."]]:
    """Reduce all values of `src` that share an `index` along `dim`: out[index[i]] = reduce over i of src[i].

    The meaning is that of `torch_scatter.scatter` and `torch_geometric.utils.scatter`, computed by
    `torch.scatter_reduce`. Where a group is empty the result is 0, and for "mul" the empty product 1. Integers are
    averaged with division rounded down.

    Differentiable in `src`. The gradient of "max" and "min" is shared equally among the values that attain it
    (torch-scatter gives it to one of them).

    Args:
        src: values of any shape.
        index: whole numbers, either as long as `src` along `dim` (1-D) or broadcastable to the shape of `src`.
        dim: the dimension that is reduced; negative counts from the end.
        dim_size: size of the result along `dim`; by default `index.max() + 1` (0 without values).
        reduce: "sum" (or "add"), "mean", "max", "min" or "mul".
        return_argmax: for "max" and "min", also give the position along `dim` of the first value that attains it, and
            the size of `src` there for an empty group, as torch-scatter does.

    Returns:
        As `src` with size `dim_size` along `dim`; dtype and device of `src`. With `return_argmax` that and int64 of the
        same shape.

    Raises:
        InvalidInputError: shapes that do not fit, an index outside 0..dim_size-1, or `return_argmax` of another
            reduction.
        UnknownNameError: an unknown `reduce`.

    >>> scatter(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 1, 0]))
    tensor([5., 2.])
    >>> scatter(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 1, 0]), reduce="max", return_argmax=True)
    (tensor([4., 2.]), tensor([2, 1]))
    """
    if reduce not in _REDUCTIONS:
        raise unknown_name("reduction", reduce, _REDUCTIONS)
    if return_argmax and reduce not in ("max", "min"):
        raise InvalidInputError(f"return_argmax: expected the reduction max or min, got {reduce!r}")
    index, dim = _whole(index, "index"), whole_number(dim, "dim")
    if not -src.ndim <= dim < src.ndim:
        raise InvalidInputError(f"dim: expected a dimension of src {tuple(src.shape)}, got {dim}")
    dim %= src.ndim
    if index.ndim == 1 and len(index) == src.shape[dim]:
        index = index.reshape([-1 if axis == dim else 1 for axis in range(src.ndim)])
    if index.ndim != src.ndim or any(size not in (1, want) for size, want in zip(index.shape, src.shape, strict=True)):
        raise InvalidInputError(
            f"index: expected {src.shape[dim]} values, or the shape of src {tuple(src.shape)} up to broadcasting, got "
            f"shape {tuple(index.shape)}"
        )
    low, high = (int(index.min()), int(index.max())) if index.numel() and src.numel() else (0, -1)
    dim_size = high + 1 if dim_size is None else whole_number(dim_size, "dim_size")
    if low < 0 or high >= dim_size:
        raise InvalidInputError(f"index: expected values in 0..{dim_size - 1}, got {low}..{high}")
    index = index.expand_as(src)
    out = src.new_full([*src.shape[:dim], dim_size, *src.shape[dim + 1 :]], 1 if reduce == "mul" else 0)
    out = out.scatter_reduce(dim, index, src, _REDUCTIONS[reduce], include_self=reduce == "mul")
    return (out, _first_position(src.detach(), index, out.detach(), dim)) if return_argmax else out


def _first_position(src: Tensor, index: Tensor, out: Tensor, dim: int) -> Tensor:
    """Along `dim`, where the first value of each group stands that equals its entry of `out`; NaN equals NaN."""
    size = src.shape[dim]
    nowhere = torch.full(out.shape, size, dtype=torch.int64, device=src.device)
    if not src.numel():
        return nowhere
    attained = out.gather(dim, index)
    equal = (src == attained) | ((src != src) & (attained != attained))
    position = torch.arange(size, device=src.device).reshape([-1 if axis == dim else 1 for axis in range(src.ndim)])
    return nowhere.scatter_reduce(dim, index, torch.where(equal, position, size), "amin")


def _whole(numbers: Tensor, name: str) -> Tensor:
    if numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool:
        raise InvalidInputError(f"{name}: expected whole numbers, got {numbers.dtype}; convert them first")
    return numbers.long()


def segment_csr(
    src: Shaped[Tensor, "..."], indptr: Int[Tensor, "..."], reduce: Reduction = "sum"
) -> Shaped[Tensor, "..."]:
    """Reduce consecutive runs of `src`: out[i] = reduce of src[indptr[i] : indptr[i + 1]].

    The meaning is that of `torch_scatter.segment_csr`; gradients and empty runs are as in `scatter`. Values before the
    first and after the last pointer belong to no run.

    Args:
        src: values; the dimension that is reduced is the last one of `indptr`.
        indptr: whole numbers (..., S + 1), non-decreasing along its last dimension, between 0 and the size of `src`
            there. Its leading dimensions broadcast with those of `src`; usually it is 1-D and rows of `src` are
            reduced.
        reduce: "sum" (or "add"), "mean", "max", "min" or "mul".

    Returns:
        As `src` with S in place of the reduced dimension.

    Raises:
        InvalidInputError: shapes that do not fit, or pointers that decrease or leave `src`.
        UnknownNameError: an unknown `reduce`.

    >>> segment_csr(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 1, 3]))
    tensor([1., 6.])
    """
    indptr = _whole(indptr, "indptr")
    dim = indptr.ndim - 1
    if not 0 <= dim < src.ndim or indptr.shape[-1] == 0:
        raise InvalidInputError(
            f"indptr: expected 1 to {src.ndim} dimensions and at least one pointer for src {tuple(src.shape)}, got "
            f"shape {tuple(indptr.shape)}"
        )
    if any(size not in (1, want) for size, want in zip(indptr.shape[:-1], src.shape[:dim], strict=True)):
        raise InvalidInputError(
            f"indptr: expected leading dimensions that broadcast to {tuple(src.shape[:dim])}, got {tuple(indptr.shape)}"
        )
    size = src.shape[dim]
    if indptr.numel() and (bool((indptr.diff() < 0).any()) or int(indptr.min()) < 0 or int(indptr.max()) > size):
        raise InvalidInputError(f"indptr: expected non-decreasing pointers in 0..{size}, got {indptr.tolist()}")
    # Run i holds the positions that i + 1 pointers do not exceed; a group before all runs and one after take the rest.
    positions = torch.arange(size, device=src.device).expand(*indptr.shape[:-1], size).contiguous()
    index = torch.searchsorted(indptr.contiguous(), positions, right=True)
    index = index.reshape(*index.shape, *[1] * (src.ndim - dim - 1))
    runs = indptr.shape[-1] - 1
    return scatter(src, index, dim, runs + 2, reduce).narrow(dim, 1, runs)
