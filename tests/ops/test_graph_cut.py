"""Smoothing labels: worked energies, all labellings of tiny graphs, and what never happens."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geolearn.errors import InvalidInputError
from geolearn.ops.graph_cut import (
    CONCAVE,
    CONVEX,
    alpha_expansion,
    energy_terms,
    fit_smoothness,
    labelling_energy,
    smooth_labels,
)
from geolearn.structures import Mesh

SQUARE = Mesh(torch.tensor([[0.0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]]), torch.tensor([[0, 1, 2], [0, 2, 3]]))


def strip(heights: list[float]) -> Mesh:
    """A ribbon along x of two triangles per step, with these heights of its cross lines; areas and angles differ."""
    verts = [[float(x), y, height] for x, height in enumerate(heights) for y in (0.0, 1.0)]
    faces = [
        f for i in range(len(heights) - 1) for f in ([2 * i, 2 * i + 2, 2 * i + 1], [2 * i + 1, 2 * i + 2, 2 * i + 3])
    ]
    return Mesh(torch.tensor(verts), torch.tensor(faces))


def random_graph(seed: int, faces: int, labels: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = np.random.default_rng(seed)
    pairs = [pair for pair in itertools.combinations(range(faces), 2) if random.random() < 0.5]
    pairs = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    unary, cost = random.exponential(size=(faces, labels)), 0.5 * random.exponential(size=len(pairs))
    return torch.from_numpy(unary), torch.from_numpy(pairs), torch.from_numpy(cost)


def least_energy(unary, pairs, cost) -> float:
    """Over all labellings."""
    every = np.array(list(itertools.product(range(unary.shape[1]), repeat=len(unary))))
    own, (first, second) = unary.numpy()[np.arange(len(unary)), every].sum(1), pairs.numpy().T
    return float((own + (every[:, first] != every[:, second]) @ cost.numpy()).min())


def test_the_terms_of_a_flat_square():
    probabilities = torch.tensor([[0.8, 0.2], [0.3, 0.7]])
    unary, pairs, cost = energy_terms(SQUARE, probabilities)
    assert torch.allclose(unary, -probabilities.double().log() / 2)  # each face is half of the surface
    assert pairs.tolist() == [[0, 1]]
    assert float(cost) == pytest.approx(math.sqrt(8) / 2)  # the diagonal, over the root of the area


@pytest.mark.parametrize("rise, rate", [(1.0, -CONCAVE), (-1.0, -CONVEX)])
def test_a_border_is_cheaper_along_a_crease(rise, rate):
    """Two squares that meet at 45 degrees: bent up is a valley seen from above, bent down a ridge."""
    corners = [[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0, rise], [2, 1, rise]]
    mesh = Mesh(torch.tensor(corners), torch.tensor([[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2]]))
    _, pairs, cost = energy_terms(mesh, torch.full((4, 2), 0.5))
    crease = pairs.tolist().index([0, 3])
    area = 1 + math.sqrt(2)
    assert float(cost[crease]) == pytest.approx(math.exp(rate * math.pi / 4) / math.sqrt(area))


def test_energy_counts_own_costs_and_borders():
    unary = torch.tensor([[1.0, 5.0], [2.0, 7.0], [3.0, 11.0]], dtype=torch.float64)
    pairs, cost = torch.tensor([[0, 1], [1, 2]]), torch.tensor([10.0, 20.0], dtype=torch.float64)
    assert labelling_energy(torch.tensor([0, 1, 1]), unary, pairs, cost) == 1 + 7 + 11 + 10


@given(seed=st.integers(0, 10**6), faces=st.integers(1, 7))
def test_one_offer_of_a_second_label_is_the_best_of_all_labellings(seed, faces):
    unary, pairs, cost = random_graph(seed, faces, 2)
    found = alpha_expansion(unary, pairs, cost, torch.zeros(faces, dtype=torch.int64))
    assert labelling_energy(found, unary, pairs, cost) == pytest.approx(least_energy(unary, pairs, cost))


@pytest.mark.parametrize("seed", range(20))
def test_tiny_graphs_of_three_labels_get_the_best_labelling(seed):
    unary, pairs, cost = random_graph(seed, 6, 3)
    found = alpha_expansion(unary, pairs, cost)
    assert labelling_energy(found, unary, pairs, cost) == pytest.approx(least_energy(unary, pairs, cost))


@given(seed=st.integers(0, 10**6), faces=st.integers(1, 6), labels=st.integers(1, 3))
def test_never_more_than_before_nor_than_twice_the_least(seed, faces, labels):
    unary, pairs, cost = random_graph(seed, faces, labels)
    start = torch.from_numpy(np.random.default_rng(seed).integers(0, labels, faces))
    energy = labelling_energy(alpha_expansion(unary, pairs, cost, start), unary, pairs, cost)
    assert energy <= labelling_energy(start, unary, pairs, cost)
    assert energy <= 2 * least_energy(unary, pairs, cost) + 1e-9


def test_a_lone_mistake_goes_and_a_border_at_a_valley_stays():
    mesh = strip([2.0, 1.0, 0.0, 1.0, 2.0])  # a valley in the middle, at face 4
    sure = torch.tensor([[0.8, 0.2]] * 4 + [[0.2, 0.8]] * 4)
    sure[1] = torch.tensor([0.4, 0.6])
    assert smooth_labels(mesh, sure, 0.0).tolist() == [0, 1, 0, 0, 1, 1, 1, 1]
    assert smooth_labels(mesh, sure, 0.1).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert len(set(smooth_labels(mesh, sure, 1000.0).tolist())) == 1


def test_scale_and_order_of_faces_change_nothing():
    mesh = strip([0.0, 0.5, 0.0, 1.0, 0.2, 0.3])
    probabilities = torch.rand(len(mesh.faces), 3, generator=torch.Generator().manual_seed(5)).softmax(1)
    order = torch.randperm(len(mesh.faces), generator=torch.Generator().manual_seed(1))
    expected = smooth_labels(mesh, probabilities, 0.05)
    moved = Mesh(100 * mesh.verts, mesh.faces[order])
    assert torch.equal(smooth_labels(moved, probabilities[order], 0.05), expected[order])


def test_the_smoothness_that_mends_most_is_found():
    mesh = strip([2.0, 1.0, 0.0, 1.0, 2.0])
    mesh = Mesh(mesh.verts, mesh.faces, torch.tensor([0] * 4 + [1] * 4))
    sure = torch.tensor([[0.8, 0.2]] * 4 + [[0.2, 0.8]] * 4)
    sure[1] = torch.tensor([0.4, 0.6])
    assert fit_smoothness([mesh], [sure], (0.0, 0.1, 0.15, 10.0)) == 0.1


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"probabilities": torch.full((3, 2), 0.5)},
            r"probabilities: expected \(2, K\), one row per face, got \(3, 2\)",
        ),
        ({"probabilities": torch.tensor([[1.5, -0.5], [0.5, 0.5]])}, "probabilities: expected finite numbers >= 0"),
        ({"probabilities": torch.full((2, 2), torch.nan)}, "probabilities: expected finite numbers >= 0"),
        ({"smoothness": -1.0}, "smoothness: expected a number >= 0, got -1.0"),
    ],
)
def test_what_cannot_be_smoothed_is_refused(change, message):
    good = {"mesh": SQUARE, "probabilities": torch.full((2, 2), 0.5), "smoothness": 0.1}
    with pytest.raises(InvalidInputError, match=message):
        smooth_labels(**(good | change))


def test_a_negative_cost_of_a_border_is_refused():
    with pytest.raises(InvalidInputError, match=r"pair_cost: expected costs >= 0, got -1\.0"):
        alpha_expansion(torch.zeros(2, 2), torch.tensor([[0, 1]]), torch.tensor([-1.0]))


def test_fitting_needs_labels_and_meshes():
    with pytest.raises(InvalidInputError, match="expected at least one mesh"):
        fit_smoothness([], [])
    with pytest.raises(InvalidInputError, match="'' has no face_labels"):
        fit_smoothness([SQUARE], [torch.full((2, 2), 0.5)])
