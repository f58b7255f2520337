"""Agreement of surfaces, by distances that are known."""

import pytest
import torch

from geolearn.fitting import surface_agreement
from geolearn.structures import Mesh


def square(low: float, high: float, height: float) -> Mesh:
    verts = torch.tensor([[low, low, height], [high, low, height], [high, high, height], [low, high, height]])
    return Mesh(verts, torch.tensor([[0, 1, 2], [0, 2, 3]]))


def test_distances_are_parts_of_the_diagonal_of_the_reference():
    """A small square 0.05 above one of side 1: 0.035 of its diagonal, 0.18 of the small one's."""
    small, large = square(0.4, 0.6, 0.05), square(0.0, 1.0, 0.0)
    generator = torch.Generator().manual_seed(0)
    options = {"samples": 20_000, "generator": generator}
    assert surface_agreement(small, large, threshold=0.04, **options)["precision"] == 1
    assert surface_agreement(small, large, threshold=0.03, **options)["precision"] == 0
    other_way = surface_agreement(large, small, threshold=0.19, **options)  # what lies above and below the small one
    assert other_way["recall"] == 1
    assert other_way["precision"] == pytest.approx(0.2**2, rel=0.5)
    assert surface_agreement(large, small, threshold=0.17, **options)["recall"] == 0
