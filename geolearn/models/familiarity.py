"""How far a shape is from the kinds of shapes that a deformation network learned, and which way up it should be."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch

from geolearn.errors import InvalidInputError
from geolearn.models.deformationflownet import DeformationFlowNet
from geolearn.ops.quarter_turns import DIRECTIONS, turn_grid, turn_matrix
from geolearn.typing import Float, Tensor

LEAST_SPREAD = 0.05  # of a number of the code, as a share of its mean spread over all numbers
USUAL = 0.99


@dataclass(frozen=True, eq=False)
class Familiarity:
    """The codes of known shapes of F kinds: mean, spread, and how far from the mean is usual.

    The distance of a code c from a kind is sqrt(mean_i ((c_i - mean_i) / spread_i)^2) divided by the value below which
    99 % of unseen shapes of that kind lie: up to 1 is usual.

    Attributes:
        kinds: names.
        means, spreads: (F, D).
        usual: (F,).
    """

    kinds: tuple[str, ...]
    means: Float[Tensor, "F D"]
    spreads: Float[Tensor, "F D"]
    usual: Float[Tensor, " F"]

    @classmethod
    def of(cls, known: Mapping[str, Float[Tensor, "N D"]], unseen: Mapping[str, Float[Tensor, "M D"]]) -> "Familiarity":
        """From the codes of the shapes that were learned, and of others of the same kinds.

        Raises:
            InvalidInputError: fewer than two codes of a kind, or kinds that differ.
        """
        if set(known) != set(unseen) or min(map(len, [*known.values(), *unseen.values()]), default=0) < 2:
            raise InvalidInputError("known, unseen: expected the same kinds, and at least two codes of each")
        means = torch.stack([codes.mean(0) for codes in known.values()])
        spreads = torch.stack([codes.std(0) for codes in known.values()])
        spreads = spreads.clamp(min=LEAST_SPREAD * float(spreads.mean()))
        raw = cls(tuple(known), means, spreads, torch.ones(len(known)))
        usual = [raw.distances(unseen[kind])[:, i].quantile(USUAL) for i, kind in enumerate(known)]
        return cls(raw.kinds, means, spreads, torch.stack(usual))

    def distances(self, codes: Float[Tensor, "N D"]) -> Float[Tensor, "N F"]:
        """Of every code from every kind."""
        off = (codes[:, None].to(self.means) - self.means) / self.spreads
        return off.square().mean(2).sqrt() / self.usual

    def keep_in(self, net: DeformationFlowNet) -> None:
        """Store it in a network that was made for so many kinds."""
        net.kind_means.copy_(self.means)
        net.kind_spreads.copy_(self.spreads)
        net.kind_usual.copy_(self.usual)

    @classmethod
    def of_net(cls, net: DeformationFlowNet, kinds: tuple[str, ...]) -> "Familiarity":
        """What a network holds.

        Raises:
            InvalidInputError: another number of kinds.
        """
        if len(kinds) != len(net.kind_means):
            raise InvalidInputError(f"kinds: expected {len(net.kind_means)} names, as the network has, got {kinds}")
        return cls(kinds, net.kind_means, net.kind_spreads, net.kind_usual)


class Orientation(NamedTuple):
    """A quarter-turn orientation of a shape, and how far it is from a kind when it stands so.

    Attributes:
        up, front: which direction of the shape as it stands ("+x", "-y", ...) points up and to the front.
        distance: from the kind, see `Familiarity`.
    """

    up: str
    front: str
    distance: float


def orientations(
    net: DeformationFlowNet, familiarity: Familiarity, grid: Float[Tensor, "R R R"], kind: str
) -> list[Orientation]:
    """All 24 ways to stand and face, the nearest to `kind` first. A shape that is right has +z up and -y in front.

    Raises:
        InvalidInputError: an unknown kind.
    """
    if kind not in familiarity.kinds:
        raise InvalidInputError(f"kind: expected one of {', '.join(familiarity.kinds)}, got {kind!r}")
    turns = [(up, front) for up, front in itertools.product(DIRECTIONS, repeat=2) if up[1] != front[1]]
    turned = torch.stack([turn_grid(grid, turn_matrix(up, front)) for up, front in turns])[:, None]
    with torch.inference_mode():
        codes = net.code(turned.to(net.motion))
    distances = familiarity.distances(codes)[:, familiarity.kinds.index(kind)].tolist()
    found = [Orientation(up, front, distance) for (up, front), distance in zip(turns, distances, strict=True)]
    return sorted(found, key=lambda one: one.distance)
