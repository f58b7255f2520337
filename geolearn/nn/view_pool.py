"""Layers over the views of a shape."""

from typing import Literal, get_args

import torch
from torch import nn
from torch.nn import functional as F

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.typing import Bool, Float, Shaped, Tensor

Pooling = Literal["max", "mean", "attention"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)


class ViewPool(nn.Module):
    """One descriptor or feature map per shape from those of its views: (B, V, *F) -> (B, *F).

    | pooling | y |
    | --- | --- |
    | `max` | the largest value over the views, element by element (Su et al., ICCV 2015, section 4.2) |
    | `mean` | the mean over the views |
    | `attention` | sum_v a_v x_v, a = softmax_v(w . tanh(U m(x_v))), m(.) averaged to one value per channel |

    Attention is that of Ilse et al., ICML 2018, equation 8. The result does not depend on the order of the views, to
    the last bit, and any number of views will do. The gradient of the maximum goes to the view that holds it, in equal
    parts where several do.

    Args:
        pooling: see the table.
        channels: size of the third dimension, for `attention` only.

    Shape: x (B, V, C, ...) -> (B, C, ...). `mask` (B, V), True where there is a view; every shape needs one.

    >>> views = torch.tensor([[[1.0, 5.0], [3.0, 2.0]]])  # one shape, two views, two features
    >>> ViewPool("max")(views).tolist(), ViewPool("mean")(views).tolist()
    ([[3.0, 5.0]], [[2.0, 3.5]])
    """

    def __init__(self, pooling: Pooling = "max", channels: int | None = None):
        super().__init__()
        if pooling not in POOLINGS:
            raise unknown_name("pooling", pooling, POOLINGS)
        self.pooling = pooling
        if pooling == "attention":
            if channels is None or channels < 1:
                raise InvalidInputError(f"channels: attention needs the number of channels, got {channels}")
            hidden = max(channels // 4, 1)
            self.hidden = nn.Linear(channels, hidden)
            self.score = nn.Linear(hidden, 1, bias=False)

    def forward(self, x: Float[Tensor, "B V *F"], mask: Bool[Tensor, "B V"] | None = None) -> Shaped[Tensor, "B *F"]:
        if x.ndim < 3 or x.shape[1] == 0:
            raise InvalidInputError(f"x: expected (B, V, C, ...) with at least one view, got {tuple(x.shape)}")
        if mask is not None:
            if mask.shape != x.shape[:2]:
                raise InvalidInputError(f"mask: expected {tuple(x.shape[:2])}, got {tuple(mask.shape)}")
            if not bool(mask.any(1).all()):
                empty = (~mask.any(1)).nonzero().flatten().tolist()
                raise InvalidInputError(
                    f"mask: shapes {empty} of the batch have no view; every shape needs at least one"
                )
            x = x.masked_fill(~_like(mask, x), -torch.inf if self.pooling == "max" else 0)
        if self.pooling == "max":
            return x.amax(1)
        if self.pooling == "mean":
            return _sum(x) / (x.shape[1] if mask is None else _like(mask, x).sum(1))
        score = self._scores(x)
        if mask is not None:
            score = score.masked_fill(~mask, -torch.inf)
        odds = (score - score.amax(1, keepdim=True)).exp()
        return _sum(x * _like(odds / _sum(odds)[:, None], x))

    def _scores(self, x: Tensor) -> Tensor:
        """(B, V). In double: a matrix product rounds by the place of a row, which then is lost in rounding to float."""
        means = x.double().flatten(3).mean(3) if x.ndim > 3 else x.double()
        hidden = F.linear(means, self.hidden.weight.double(), self.hidden.bias.double()).tanh()
        return F.linear(hidden, self.score.weight.double())[..., 0].to(x.dtype)

    def extra_repr(self) -> str:
        return self.pooling


def _like(per_view: Tensor, x: Tensor) -> Tensor:
    """(B, V) with as many trailing dimensions of one as it takes to multiply x (B, V, ...)."""
    return per_view.view(*per_view.shape, *[1] * (x.ndim - 2))


def _sum(x: Tensor) -> Tensor:
    """Sum over the views, smallest first: the same bits for any order of the views."""
    return x.sort(1).values.sum(1)
