"""Retrieval: rank shapes by the distance of their descriptors, score the ranking, and learn the distance."""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from geolearn.errors import InvalidInputError
from geolearn.typing import Bool, Float, Int, Tensor

MARGIN = 4.0  # the mean squared distance a metric starts from, in units of the hinge's margin


def rank(features: Float[Tensor, "N D"]) -> Int[Tensor, "N M"]:
    """For every sample the N - 1 others, nearest first; ties in the order of the samples.

    Distance is that of descriptors scaled to unit length, so ranking by it is ranking by the cosine.
    """
    unit = F.normalize(features.double(), dim=1)
    similarity = (unit @ unit.T).fill_diagonal_(-2.0)
    return similarity.argsort(dim=1, descending=True, stable=True)[:, :-1]


def find_nearest(
    queries: Float[Tensor, "Q D"], features: Float[Tensor, "N D"], count: int, *, block: int = 8192
) -> tuple[Float[Tensor, "Q K"], Int[Tensor, "Q K"]]:
    """The `count` descriptors that are nearest to each query: their cosines, and their rows, nearest first.

    Ties come in the order of the rows. Features are compared a block at a time: memory grows with Q and with N, never
    with their product.

    Raises:
        InvalidInputError: a count below 1, or descriptors of another size.
    """
    if count < 1 or block < 1 or queries.shape[1] != features.shape[1]:
        raise InvalidInputError(
            f"count, block: expected at least 1, and descriptors of one size, got {count}, {block}, "
            f"{tuple(queries.shape)} and {tuple(features.shape)}"
        )
    unit = F.normalize(queries.double(), dim=1)
    best, rows = unit.new_zeros(len(unit), 0), torch.zeros(len(unit), 0, dtype=torch.int64)
    for first in range(0, len(features), block):
        part = F.normalize(features[first : first + block].double(), dim=1)
        places = torch.arange(first, first + len(part)).expand(len(unit), -1)
        found, order = torch.cat([best, unit @ part.T], dim=1).sort(dim=1, descending=True, stable=True)
        best, rows = found[:, :count], torch.cat([rows, places], dim=1).gather(1, order[:, :count])
    return best, rows


def retrieval_map(features: Float[Tensor, "N D"], labels: Int[Tensor, " N"]) -> float:
    """Mean average precision, in percent, of every sample as a query among all others (see `rank`).

    AP of a query = mean over its relevant items of (relevant items up to there) / (rank); queries without another
    sample of their class do not count.
    """
    relevant = _relevant(features, labels)
    precision = relevant.cumsum(1) / torch.arange(1, relevant.shape[1] + 1, dtype=torch.float64)
    return float(100 * ((precision * relevant).sum(1) / relevant.sum(1)).mean())


def precision_recall(
    features: Float[Tensor, "N D"], labels: Int[Tensor, " N"], points: int = 21
) -> tuple[Float[Tensor, " P"], Float[Tensor, " P"]]:
    """Recall 0..1 in equal steps, and the interpolated precision there (Manning et al., section 8.4), mean of queries.

    The interpolated precision at a recall is the highest precision at that recall or beyond.
    """
    relevant = _relevant(features, labels)
    found = relevant.cumsum(1)
    precision = found / torch.arange(1, relevant.shape[1] + 1, dtype=torch.float64)
    best = precision.flip(1).cummax(1).values.flip(1)
    wanted = torch.linspace(0, 1, points, dtype=torch.float64)
    # The first rank that has found ceil(recall x all) items, and at least one.
    needed = (wanted * found[:, -1:]).sub(1e-9).ceil().clamp(min=1)
    place = torch.searchsorted(found.contiguous(), needed)
    return wanted, best.gather(1, place).mean(0)


def _relevant(features: Tensor, labels: Tensor) -> Float[Tensor, "Q M"]:
    """Per query and rank: 1 where the item is of the query's class. Queries with nothing to find are left out."""
    if len(features) != len(labels):
        raise InvalidInputError(f"labels: expected one per descriptor, {len(features)}, got {len(labels)}")
    relevant = (labels[rank(features)] == labels[:, None]).double()
    relevant = relevant[relevant.sum(1) > 0]
    if not len(relevant):
        raise InvalidInputError("labels: expected at least one class with two samples, got none")
    return relevant


@dataclass(frozen=True)
class MahalanobisMetric:
    """A learned distance ||W f(x) - W f(y)|| of low rank (Su et al., ICCV 2015, section 4.2).

    f scales a descriptor to unit length and subtracts the mean of those the metric was learned from.

    Attributes:
        projection: W, (dim, D).
        mean: (D,).
    """

    projection: Float[Tensor, "dim D"]
    mean: Float[Tensor, " D"]

    @classmethod
    def fit(
        cls, features: Float[Tensor, "N D"], labels: Int[Tensor, " N"], *, dim: int = 128, steps: int = 100
    ) -> "MahalanobisMetric":
        """Large-margin learning (Simonyan et al., BMVC 2013, section 5): pairs of a class closer than b - 1, others
        farther than b + 1, by squared distance,

            min over W, b of  mean_same max(0, 1 - b + d^2) + mean_different max(0, 1 + b - d^2).

        W starts as the first `dim` principal axes, scaled to a mean squared distance of 4. Every pair takes part in
        every step (Adam), so there is nothing random. Learn it from descriptors that the network has not fitted to
        perfection, or all pairs are apart already and there is nothing to learn.

        Raises:
            InvalidInputError: fewer than two classes, or no class with two samples.
        """
        same = labels[:, None] == labels
        different = ~same
        same.fill_diagonal_(False)
        if not bool(same.any()) or not bool(different.any()):
            raise InvalidInputError("labels: expected at least two classes, one of them with two samples")
        unit = F.normalize(features.float(), dim=1)
        mean = unit.mean(0)
        centred = unit - mean
        axes = torch.linalg.svd(centred, full_matrices=False).Vh[:dim]
        spread = _squared_distances(centred @ axes.T).mean().clamp(min=1e-12)
        projection = (axes * (MARGIN / spread).sqrt()).requires_grad_()
        threshold = torch.tensor(MARGIN, requires_grad=True)
        rate = 0.1 * float(projection.detach().square().mean().sqrt())
        optimiser = torch.optim.Adam([{"params": [projection], "lr": rate}, {"params": [threshold], "lr": 0.01}])
        for _ in range(steps):
            gap = _squared_distances(centred @ projection.T) - threshold
            loss = _mean(F.relu(1 + gap), same) + _mean(F.relu(1 - gap), different)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return cls(projection.detach(), mean)

    def __call__(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "N dim"]:
        """Descriptors whose Euclidean distance is the metric's."""
        return (F.normalize(features.float(), dim=1) - self.mean) @ self.projection.T


def _squared_distances(points: Tensor) -> Float[Tensor, "N N"]:
    norms = points.square().sum(1)
    return norms[:, None] + norms - 2 * points @ points.T


def _mean(values: Tensor, where: Bool[Tensor, "N N"]) -> Tensor:
    return (values * where).sum() / where.sum()
