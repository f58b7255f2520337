"""`fit_grid` on a box: its hull from few views, itself from many."""

from dataclasses import replace

import pytest
import torch
from box_scenes import CODE, flipped, half_sizes, views_of, volume_iou

from geolearn.errors import InvalidInputError
from geolearn.fitting import fit_grid
from geolearn.render import camera_rig

CUBE = torch.tensor([[-0.5, -0.5, -0.5], [0.5, 0.5, 0.5]])


def test_many_views_give_the_box():
    seen = []
    result = fit_grid(views_of(count=16), resolution=16, progress=seen.append)
    assert volume_iou(result.shape) > 0.85
    assert result.metrics["iou"] > 0.95
    assert result.code is None
    assert tuple(seen) == result.history
    low, side = result.shape.origin, result.shape.voxel_size * 16
    assert bool((low < -half_sizes(CODE)).all())
    assert bool((low + side > half_sizes(CODE)).all())
    assert side < 1  # the frame comes from the masks


def test_one_view_gives_its_cone_in_the_box_that_is_given():
    views = views_of(count=1)
    result = fit_grid(views, resolution=16, box=CUBE)
    assert result.metrics["iou"] > 0.9
    assert volume_iou(result.shape) < 0.6
    with pytest.raises(InvalidInputError, match="1 view leave"):
        fit_grid(views)


def test_flipped_pixels_cost_little():
    views = views_of(count=8)
    clean, noisy = (fit_grid(each, resolution=16, box=CUBE) for each in (views, flipped(views)))
    assert volume_iou(noisy.shape) > volume_iou(clean.shape) - 0.1
    assert volume_iou(noisy.shape) > 0.7


def test_goes_on_from_a_grid():
    views = views_of(count=8)
    first = fit_grid(views, resolution=16, steps=5)
    second = fit_grid(views, start=first.shape, steps=30)
    assert torch.equal(second.shape.origin, first.shape.origin)
    assert second.history[-1].loss < first.history[-1].loss


def test_side_by_side_as_if_alone():
    several = [views_of(count=3), views_of(-CODE, count=3)]
    both = fit_grid(several, resolution=12, box=CUBE, steps=20)
    for views, result in zip(several, both, strict=True):
        alone = fit_grid(views, resolution=12, box=CUBE, steps=20)
        torch.testing.assert_close(alone.shape.values, result.shape.values, atol=1e-4, rtol=0)


def test_masks_larger_than_the_grid_are_averaged():
    cameras = camera_rig("sphere", count=6, size=(96, 128))
    result = fit_grid(views_of(cameras=cameras), resolution=16, steps=40)
    assert result.metrics["coverage_iou"] > 0.8


def test_interrupt_and_too_few_steps():
    def stop(step):
        if step.number == 3:
            raise KeyboardInterrupt

    result = fit_grid(views_of(), resolution=8, progress=stop)
    assert (result.converged, result.message) == (False, "interrupted after 4 of 100 steps")
    assert not fit_grid(views_of(), resolution=8, steps=2).converged


def test_bad_input():
    views = views_of()
    with pytest.raises(InvalidInputError, match="resolution, steps, views_per_step"):
        fit_grid(views, resolution=0)
    with pytest.raises(InvalidInputError, match="box: expected a lowest and a highest corner"):
        fit_grid(views, box=CUBE.flip(0))
    with pytest.raises(InvalidInputError, match="all masks are full"):
        fit_grid(replace(views, masks=torch.ones_like(views.masks)))
    grid = fit_grid(views, resolution=8, steps=1).shape
    with pytest.raises(InvalidInputError, match="start: expected 2 grids"):
        fit_grid([views, views], start=[grid])
    with pytest.raises(InvalidInputError, match="no camera sees anything"):
        fit_grid(views, box=CUBE + 100)


def test_a_result_says_what_it_was_fitted_to():
    """Only the views that show something, at their own size, whatever the size of the fit."""
    views = views_of(count=4)
    blank = replace(views, masks=torch.cat([views.masks[:3], torch.zeros_like(views.masks[3:])]))
    targets = fit_grid(blank, resolution=4, box=CUBE, steps=1).targets
    assert torch.equal(targets.masks, views.masks[:3])
    assert torch.equal(targets.cameras.K, views.cameras.K[:3])
    assert targets.kind == "none"
