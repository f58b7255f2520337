"""Noisy poses: `fit_mesh` finds them again, and the shape with them."""

import math
from dataclasses import replace

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting import Phase, Step, fit_mesh, surface_agreement
from geolearn.fitting.camera_offsets import align_to_given
from geolearn.fitting.camera_refinement import dilate_masks
from geolearn.ops.isosurface import isosurface
from geolearn.render import camera_rig, render_views
from geolearn.structures import Mesh, Views

QUICK = (Phase((48, 48), 2, 1200, 40, 0.01), Phase((48, 48), 4, 2500, 60, 0.005))
NOISE_DEGREES = 3.0


def corner():
    """Three arms of different length and thickness, so that every turn shows."""
    x, y, z = (torch.stack(torch.meshgrid(*[torch.linspace(-1.2, 1.2, 48)] * 3, indexing="ij"))).unbind(0)

    def arm(along, u, v, length, thickness):
        return thickness - (((along - length / 2).abs() - length / 2).clamp(min=0) ** 2 + u**2 + v**2).sqrt()

    arms = torch.stack([arm(x, y, z, 0.8, 0.3), arm(y, x, z, 0.6, 0.2), arm(z, x, y, 1.0, 0.15)])
    mesh = isosurface(arms.amax(0), 0.0)
    return Mesh(mesh.verts, mesh.faces).normalised()


def views_of(shape, cameras):
    masks = render_views(shape, cameras, 4 * cameras.height, "silhouette")
    masks = torch.nn.functional.avg_pool2d(masks, 4)
    return Views(masks, cameras, masks[:, 0])


def turned_by_chance(cameras, degrees):
    """Every camera turned about its own centre, by the same angle about an axis of its own."""
    generator = torch.Generator().manual_seed(3)
    axes = torch.nn.functional.normalize(torch.randn(len(cameras), 3, generator=generator), dim=1)
    x, y, z = (math.radians(degrees) * axes).unbind(1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(-1, 3, 3)
    pose = cameras.world_to_camera.clone()
    pose[:, :3] = torch.linalg.matrix_exp(skew) @ pose[:, :3]
    return replace(cameras, world_to_camera=pose)


def degrees_off(cameras, true):
    """Mean angle between cameras and true ones, the worlds of both laid over each other."""
    same = align_to_given(Mesh(torch.zeros(3, 3), torch.zeros(0, 3, dtype=torch.int64)), cameras, true)[1]
    turn = same.world_to_camera[:, :3, :3] @ true.world_to_camera[:, :3, :3].mT
    angle = torch.acos(((turn.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1))
    return math.degrees(float(angle.mean()))


def test_noisy_poses_are_found_and_the_shape_is_better_for_it():
    shape, true = corner(), camera_rig("sphere", count=12, size=48)
    noisy = turned_by_chance(true, NOISE_DEGREES)
    views = replace(views_of(shape, true), cameras=noisy)
    plain = fit_mesh(views, schedule=QUICK)
    refined = fit_mesh(views, schedule=QUICK, refine_cameras=True)
    assert plain.cameras is None
    assert degrees_off(noisy, true) > 0.8 * NOISE_DEGREES
    assert degrees_off(refined.cameras, true) < 0.3 * NOISE_DEGREES
    assert refined.metrics["coverage_iou"] > plain.metrics["coverage_iou"] + 0.15
    # the world is that of the noisy cameras, on average; laid over the true ones, the shape is the true one
    shapes = [align_to_given(refined.shape, refined.cameras, true)[0], plain.shape]
    scores = [
        surface_agreement(mesh, shape, threshold=0.02, generator=torch.Generator().manual_seed(0))["f_score"]
        for mesh in shapes
    ]
    assert scores[0] > max(0.9, scores[1] + 0.2)


def test_a_resumed_refinement_ends_where_an_unbroken_one_does(tmp_path):
    def stop(step):
        if step.number == 7:
            raise KeyboardInterrupt

    shape, true = corner(), camera_rig("sphere", count=6, size=32)
    views = replace(views_of(shape, true), cameras=turned_by_chance(true, 1.0))
    options = {"schedule": [Phase((32, 32), 2, 600, 12, 0.01)], "refine_cameras": True, "start": shape}
    whole = fit_mesh(views, **options)
    fit_mesh(views, **options, checkpoint=tmp_path / "fit.npz", progress=stop)
    steps: list[Step] = []
    resumed = fit_mesh(views, **options, checkpoint=tmp_path / "fit.npz", resume=True, progress=steps.append)
    assert steps[0].number == 8  # one that began anew would end there as well
    assert torch.equal(resumed.shape.verts, whole.shape.verts)
    assert torch.equal(resumed.cameras.world_to_camera, whole.cameras.world_to_camera)


def test_one_view_says_nothing_of_its_camera():
    shape = corner()
    views = views_of(shape, camera_rig("ring", count=1, size=32))
    with pytest.raises(InvalidInputError, match="refine_cameras: expected at least two views"):
        fit_mesh(views, start=shape, refine_cameras=True)


def test_grown_masks_by_hand():
    mask = torch.zeros(1, 5, 7)
    mask[0, 2, 1] = 0.5
    wide = dilate_masks(mask, 1.2)
    assert wide[0, 1:4, 0:3].unique().tolist() == [0.5]
    assert float(wide.sum()) == 4.5
