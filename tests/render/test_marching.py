"""Samples along rays and their sums, by hand; gradients: tests/render/test_volume_gradients.py."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.render.marching import (
    Samples,
    composite,
    composite_plain,
    sample_along_rays,
    sample_plain,
    samples_inside,
)

both = pytest.mark.parametrize("way", [composite, composite_plain])


@both
@pytest.mark.parametrize("inclusive, weights", [(False, [0.5, 0.25, 0.125]), (True, [0.25, 0.125, 0.0625])])
def test_the_weights_of_three_samples_of_half_opacity(way, inclusive, weights):
    """One ray of three samples, one of none, one of one."""
    emissions = torch.tensor([[1.0, 0.0], [10.0, 1.0], [100.0, 0.0], [7.0, 3.0]])
    light, total = way(torch.tensor([0.5, 0.5, 0.5, 1.0]), emissions, torch.tensor([3, 0, 1]), inclusive=inclusive)
    first = weights[0] + 10 * weights[1] + 100 * weights[2]
    last = [0.0, 0.0] if inclusive else [7.0, 3.0]
    torch.testing.assert_close(light, torch.tensor([[first, weights[1]], [0.0, 0.0], last]))
    torch.testing.assert_close(total, torch.tensor([sum(weights), 0.0, 0.0 if inclusive else 1.0]))


@both
def test_no_rays_have_no_light(way):
    light, total = way(torch.zeros(0), torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))
    assert (light.shape, total.shape) == ((0, 2), (0,))


def test_counts_that_do_not_add_up_are_refused():
    with pytest.raises(InvalidInputError, match="count: expected counts that add up to the 2 samples"):
        composite(torch.zeros(2), torch.zeros(2, 1), torch.tensor([1, 2]))


def test_samples_of_a_slope_are_where_they_lie():
    """The value of a cell is 1 + its x: a ray along x through the middle meets x itself, and 0 outside."""
    grid = (1 + torch.arange(4.0))[None, None, :, None, None].expand(1, 1, 4, 4, 4).contiguous()
    origins, directions = torch.tensor([[-3.0, 1.5, 1.5]]), torch.tensor([[[1.0, 0.0, 0.0]]])
    first, count = samples_inside(origins, directions, 4, 0.5)
    values, per_ray = sample_along_rays(grid, origins, directions, 0.5)
    assert per_ray.tolist() == count[0].tolist()
    x = -3 + (first[0, 0] + torch.arange(int(count)) + 0.5) * 0.5
    inside = torch.where(x <= 3, 1 + x, 4 * (4 - x)).clamp(min=0)  # between the last cells and 0 outside
    inside = torch.where(x < 0, 1 + x, inside).clamp(min=0)
    assert (values > 0).any()
    torch.testing.assert_close(values[:, 0], inside)
    torch.testing.assert_close(sample_plain(grid, origins, directions, first, count, 0.5), values)


def test_sums_per_ray():
    samples = Samples(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([1, 0, 2]))
    assert samples.sum_per_ray().tolist() == [[1.0], [0.0], [6.0]]
