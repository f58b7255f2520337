"""Smooth labels of faces: the least energy of a labelling of the face graph, by alpha expansion.

Guo, Zou & Chen, "3D mesh labeling via deep convolutional neural networks", ACM TOG 2015, smooth the labels of their
network so. Expansion moves: Boykov, Veksler & Zabih, "Fast approximate energy minimization via graph cuts", PAMI 2001.

With the area A_f of every face as a share of the surface, the length L_fg of the edge between two faces in units of the
square root of the surface's area, and its angle t_fg (negative where concave), a labelling l costs

    E(l) = sum_f A_f (-log p_f(l_f)) + smoothness sum_fg [l_f != l_g] L_fg w(t_fg)
    w(t) = exp(-CONCAVE max(-t, 0) - CONVEX max(t, 0))

so that a border costs by its length, and less along creases, above all concave ones. Departures from the paper: the
first sum is weighted by area, and lengths are relative. So E approaches an integral over the surface as triangles get
smaller, and a smoothness that suits one mesh suits a finer one.
"""

from collections.abc import Sequence

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.face_adjacency import face_adjacency
from geolearn.ops.face_geometry import face_areas
from geolearn.ops.minimum_cut import minimum_cut
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Array, Float, Int, Tensor

CONCAVE, CONVEX = 2.0, 0.5
LEAST_PROBABILITY = 1e-6
SMOOTHNESS = (0.0, 0.003, 0.01, 0.02, 0.04, 0.07, 0.12, 0.2, 0.35)
# Expansion ends long before; this only bounds it.
MAX_ROUNDS = 100


@takes_mesh
def smooth_labels(mesh: Mesh, probabilities: Float[Tensor, "F K"], smoothness: float) -> Int[Tensor, " F"]:
    """Labels of least energy (see above), from the most probable ones on. Never of more energy than those.

    Args:
        mesh: F faces; any soup of triangles will do.
        probabilities: of K labels, each row summing to 1; those below 1e-6 count as that.
        smoothness: what a border costs, >= 0; 0 gives the most probable labels.

    Raises:
        InvalidInputError: shapes that do not fit, probabilities that are negative or not finite, or smoothness < 0.

    >>> corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    >>> square = Mesh(corners, torch.tensor([[0, 1, 2], [0, 2, 3]]))
    >>> unsure = torch.tensor([[0.9, 0.1], [0.45, 0.55]])
    >>> [smooth_labels(square, unsure, smoothness).tolist() for smoothness in (0.0, 0.2)]
    [[0, 1], [0, 0]]
    """
    if probabilities.ndim != 2 or len(probabilities) != len(mesh.faces) or probabilities.shape[1] == 0:
        raise InvalidInputError(
            f"probabilities: expected ({len(mesh.faces)}, K), one row per face, got {tuple(probabilities.shape)}"
        )
    if not bool((probabilities >= 0).all()) or not bool(torch.isfinite(probabilities).all()):
        raise InvalidInputError("probabilities: expected finite numbers >= 0")
    if not 0 <= smoothness < float("inf"):
        raise InvalidInputError(f"smoothness: expected a number >= 0, got {smoothness}")
    start = probabilities.argmax(1)
    if smoothness == 0 or len(mesh.faces) == 0:
        return start
    unary, pairs, cost = energy_terms(mesh, probabilities)
    return alpha_expansion(unary, pairs, smoothness * cost, start)


def energy_terms(
    mesh: Mesh, probabilities: Float[Tensor, "F K"]
) -> tuple[Float[Tensor, "F K"], Int[Tensor, "E 2"], Float[Tensor, " E"]]:
    """What the labelling energy is made of, in float64: A_f (-log p_f), the neighbours f, g, and L_fg w(t_fg)."""
    areas = face_areas(mesh.triangles().detach().double())
    total = areas.sum().clamp(min=torch.finfo(torch.float64).tiny)
    adjacency = face_adjacency(mesh)
    unary = -probabilities.detach().double().clamp(min=LEAST_PROBABILITY).log() * (areas / total)[:, None]
    angle = adjacency.dihedral_angle_rad.double()
    crease = torch.exp(-CONCAVE * (-angle).clamp(min=0) - CONVEX * angle.clamp(min=0))
    return unary, adjacency.pairs, adjacency.edge_length.double() / total.sqrt() * crease


def labelling_energy(
    labels: Int[Tensor, " F"], unary: Float[Tensor, "F K"], pairs: Int[Tensor, "E 2"], pair_cost: Float[Tensor, " E"]
) -> float:
    """sum_f unary[f, l_f] + sum_fg pair_cost_fg [l_f != l_g], the second sum over `pairs`."""
    own = unary.gather(1, labels[:, None]).sum()
    return float(own + (pair_cost * (labels[pairs[:, 0]] != labels[pairs[:, 1]])).sum())


def alpha_expansion(
    unary: Float[Tensor, "F K"],
    pairs: Int[Tensor, "E 2"],
    pair_cost: Float[Tensor, " E"],
    start: Int[Tensor, " F"] | None = None,
) -> Int[Tensor, " F"]:
    """A labelling that no expansion of one label improves: at most twice the least energy, in practice close to it.

    Each move offers one label to all faces at once and takes the best subset of them that accepts, by a minimum cut. It
    is kept only if `labelling_energy` falls, so the energy never rises. Labels take turns until none improves.

    Args:
        unary: cost of every label for every face.
        pairs: neighbours.
        pair_cost: >= 0, what a pair of different labels costs.
        start: labels to start from; by default the cheapest of each face.

    Raises:
        InvalidInputError: a negative cost of a pair.
    """
    if len(pair_cost) and float(pair_cost.min()) < 0:
        raise InvalidInputError(f"pair_cost: expected costs >= 0, got {float(pair_cost.min())}")
    labels = (unary.argmin(1) if start is None else start).clone()
    costs, weights = unary.double().cpu().numpy(), pair_cost.double().cpu().numpy()
    first, second = pairs.cpu().numpy().T
    energy = labelling_energy(labels, unary, pairs, pair_cost)
    waiting = costs.shape[1]  # labels to try before nothing has changed for a whole round
    for step in range(MAX_ROUNDS * costs.shape[1]):
        if waiting == 0:
            break
        label = step % costs.shape[1]
        accepts = _expansion(costs, first, second, weights, labels.cpu().numpy(), label)
        offered = torch.where(torch.from_numpy(accepts).to(labels.device), label, labels)
        changed = labelling_energy(offered, unary, pairs, pair_cost)
        waiting -= 1
        if changed < energy:
            labels, energy, waiting = offered, changed, costs.shape[1] - 1
    return labels


def _expansion(costs: Array, first: Array, second: Array, weights: Array, labels: Array, label: int) -> Array:
    """Which faces take `label` in the cheapest labelling where every face keeps its own label or takes that one.

    With x_f = 1 for a face that takes it, a pair costs a where neither does, b where the second does, c where the first
    does and nothing where both do: a + (c - a) x_f - c x_g + (b + c - a) (1 - x_f) x_g. The last factor is >= 0, since
    a, b and c are the weight or 0, and a = 0 where b = c = 0.
    """
    keeps, takes = costs[np.arange(len(costs)), labels], costs[:, label].copy()
    neither = weights * (labels[first] != labels[second])
    only_second = weights * (labels[first] != label)
    only_first = weights * (labels[second] != label)
    takes += np.bincount(first, only_first - neither, len(costs)) - np.bincount(second, only_first, len(costs))
    return minimum_cut(keeps - takes, first, second, only_second + only_first - neither)


def fit_smoothness(
    meshes: Sequence[Mesh],
    probabilities: Sequence[Float[Tensor, "F K"]],
    candidates: Sequence[float] = SMOOTHNESS,
) -> float:
    """The smoothness after which most of the surface has the right label, on average over labelled meshes.

    Of candidates that are equally good the least is taken. The meshes should be ones that the network has not learned:
    on its training meshes it needs no smoothing.

    Args:
        meshes: with `face_labels`.
        probabilities: of every mesh.
        candidates: values to try.

    Raises:
        InvalidInputError: no mesh, a mesh without labels, or not one set of probabilities per mesh.
    """
    if not meshes or len(meshes) != len(probabilities) or not candidates:
        raise InvalidInputError(
            f"expected at least one mesh, as many sets of probabilities and a candidate, got {len(meshes)}, "
            f"{len(probabilities)} and {len(candidates)}"
        )
    right = {}
    for smoothness in candidates:
        shares = []
        for mesh, own in zip(meshes, probabilities, strict=True):
            if mesh.face_labels is None:
                raise InvalidInputError(f"meshes: {mesh.name!r} has no face_labels")
            areas = face_areas(mesh.triangles().double())
            shares.append(float(areas[smooth_labels(mesh, own, smoothness) == mesh.face_labels].sum() / areas.sum()))
        right[smoothness] = float(np.mean(shares))
    return min(candidates, key=lambda smoothness: (-right[smoothness], smoothness))
