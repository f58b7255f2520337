"""Deform any mesh by named attributes with trained weights: what `geolearn deform` calls."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch

from geolearn.data.attribute_names import ATTRIBUTES, SLANTS, attribute_names
from geolearn.data.packed.deformations import AMOUNT
from geolearn.errors import CheckpointError, InvalidInputError, unknown_name
from geolearn.models import DeformationFlowNet, DeformedMesh, attribute_motions, deform_mesh
from geolearn.models.deformed_meshes import Prevention, voxelize_shape
from geolearn.models.familiarity import Familiarity, Orientation, orientations
from geolearn.ops.foldover import Foldover
from geolearn.ops.lattice import Mode
from geolearn.structures import Mesh
from geolearn.training.testing import load_trained
from geolearn.typing import Float, PathLike, Tensor

SHIPPED = "deformation-procedural"
STRANGE = 2.0  # times as far as usual: said in a warning
BETTER = 0.7  # times as far, when turned: said in a warning


@dataclass(frozen=True)
class Look:
    """What a mesh looks like to a deformer.

    Attributes:
        distances: from every family that the weights know; up to 1 is usual among the shapes they learned.
        family: the one that was asked for, or the nearest.
        turned: how the mesh should be turned to come much nearer, if so.
    """

    distances: Mapping[str, float]
    family: str
    turned: Orientation | None

    @property
    def warnings(self) -> list[str]:
        """What somebody has to know before they trust a deformation."""
        found, distance = [], self.distances[self.family]
        if distance > STRANGE:
            found.append(
                f"this mesh is {distance:.1f} times as far from the {self.family}s that were learned as 99 of 100 of "
                "them are; look at what comes out"
            )
        if self.turned is not None:
            found.append(
                f"turned so that {self.turned.up} is up and {self.turned.front} the front it would be "
                f"{self.turned.distance:.1f} times as far; as it stands, +z is up and -y the front"
            )
        return found


class Deformer:
    """Trained weights that deform meshes; made by `load_deformer`.

    Meshes stand upright (Z) and face -Y.
    """

    def __init__(self, net: DeformationFlowNet, families: Sequence[str]):
        self.net, self.families = net, tuple(families)
        self._names = attribute_names(self.families)
        self._familiarity = Familiarity.of_net(net, self.families)

    def attributes(self, family: str) -> tuple[str, ...]:
        """Of one family.

        Raises:
            UnknownNameError: the weights do not know it; suggests the nearest.
        """
        if family not in self.families:
            raise unknown_name("family", family, self.families)
        return ATTRIBUTES[family]

    def look(self, mesh: Mesh, family: str | None = None, attributes: Collection[str] = ()) -> Look:
        """How far a mesh is from what the weights know, and whether it stands as it should.

        Args:
            family: what the mesh is; by default the nearest of those that have all `attributes`.

        Raises:
            UnknownNameError: an unknown family, or an attribute that no family has; suggests the nearest.
            InvalidInputError: attributes that no family has together.
        """
        grid = voxelize_shape(self.net, mesh).values.to(self.net.motion)
        with torch.inference_mode():
            distances = self.distances(self.net.code(grid[None, None]))
        if family is None:
            family = min(self._families_with(attributes), key=distances.__getitem__)
        self.attributes(family)
        best = orientations(self.net, self._familiarity, grid, family)[0]
        right = (best.up, best.front) == ("+z", "-y") or best.distance > BETTER * distances[family]
        return Look(distances, family, None if right else best)

    def _families_with(self, attributes: Collection[str]) -> list[str]:
        known = {name for family in self.families for name in self.attributes(family)}
        for name in attributes:
            if name not in known:
                raise unknown_name("attribute", name, known)
        found = [family for family in self.families if set(attributes) <= set(self.attributes(family))]
        if not found:
            raise InvalidInputError(f"attributes: no family has {' and '.join(map(repr, attributes))}")
        return found

    def distances(self, code: Float[Tensor, "1 D"]) -> dict[str, float]:
        """How far a code is from those of every family."""
        return dict(zip(self.families, self._familiarity.distances(code)[0].tolist(), strict=True))

    def intention(self, family: str, amounts: Mapping[str, float]) -> Float[Tensor, " K"]:
        """Amounts by name as the network takes them.

        Raises:
            UnknownNameError: an attribute that the family does not have; suggests the nearest.
            InvalidInputError: an amount that is not finite, or takes away all of a length.
        """
        known, wanted = self.attributes(family), torch.zeros(len(self._names))
        for name, amount in amounts.items():
            if name not in known:
                raise unknown_name(f"attribute of a {family}", name, known)
            if not math.isfinite(amount) or (amount <= -1 and name not in SLANTS):
                raise InvalidInputError(
                    f"amount: expected a number above -1 for {name!r}, which takes away all of it, got {amount}"
                )
            wanted[self._names.index((family, name))] = amount
        return wanted

    def deform(
        self,
        mesh: Mesh,
        family: str,
        amounts: Mapping[str, float],
        *,
        prevent: Prevention = "none",
        mode: Mode = "linear",
    ) -> DeformedMesh:
        """Change attributes of a mesh, see `deform_mesh`.

        With `prevent="integrate"` the amounts of lengths go in as log(1 + amount), so that a stretch by 1 + amount
        comes out as such.
        """
        if prevent == "integrate":
            amounts = {
                name: each if name in SLANTS or each <= -1 else math.log1p(each) for name, each in amounts.items()
            }
        return deform_mesh(self.net, mesh, self.intention(family, amounts), prevent=prevent, mode=mode)

    def motions(
        self, mesh: Mesh, family: str, names: Sequence[str], *, mode: Mode = "linear"
    ) -> Float[Tensor, "M V 3"]:
        """How every vertex moves for an amount of 1 of some attributes."""
        self.intention(family, dict.fromkeys(names, 0.0))
        return attribute_motions(self.net, mesh, [self._names.index((family, name)) for name in names], mode=mode)


def load_deformer(run_or_weights: PathLike = SHIPPED) -> Deformer:
    """Weights of a `DeformationFlowNet` as a way to deform meshes.

        load_deformer().deform(load_mesh("chair.off"), "chair", {"back height": 0.4}).mesh

    Args:
        run_or_weights: a run folder, a weights file, or a name that ships with geolearn.

    Raises:
        UnknownNameError: no such weights.
        CheckpointError: weights of something else.
    """
    trained = load_trained(run_or_weights)
    if not isinstance(trained.net, DeformationFlowNet) or trained.net.mixing != "linear":
        raise CheckpointError(
            f"{run_or_weights}: expected weights of a DeformationFlowNet with linear mixing, got those of "
            f"{trained.record['model']}"
        )
    return Deformer(cast(DeformationFlowNet, trained.net.eval()), trained.classes)


def amount_warnings(amounts: Mapping[str, float]) -> list[str]:
    """What to say of amounts that no network has seen."""
    return [
        f"{name} {amount:+g} is outside the amounts that were learned, -{AMOUNT} to {AMOUNT}: the motion goes on in "
        "proportion"
        for name, amount in amounts.items()
        if abs(amount) > AMOUNT
    ]


def describe_foldover(result: DeformedMesh) -> str:
    """Foldover in a sentence."""

    def share(one: Foldover) -> str:
        return f"{100 * one.share:.2f} % of the cells at the shape are folded over, least Jacobian {one.lowest:.2f}"

    if result.foldover is result.unprevented:
        return share(result.foldover)
    return f"{share(result.foldover)} (before that was prevented: {share(result.unprevented)})"
