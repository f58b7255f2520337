"""`fit_mesh` on shapes that are known: found from masks, normals and shading; honest about the rest."""

import math
from dataclasses import replace

import pytest
import torch

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.fitting import Phase, fit_mesh, surface_agreement
from geolearn.io import load_mesh
from geolearn.ops.isosurface import isosurface
from geolearn.render import camera_rig, render_views
from geolearn.structures import Cameras, Mesh, Views

QUICK = (Phase((32, 32), 2, 600, 25, 0.02), Phase((32, 32), 4, 1500, 35, 0.01))


def cup():
    """A thick bowl: its inside shows in no silhouette."""
    x, y, z = (torch.stack(torch.meshgrid(*[torch.linspace(-1.2, 1.2, 40)] * 3, indexing="ij"))).unbind(0)
    outside = (x**2 + y**2 + z**2).sqrt()
    bowl = torch.minimum(torch.minimum(1 - outside, outside - 0.6), 0.15 - z)
    mesh = isosurface(bowl, 0.0)
    return Mesh(mesh.verts, mesh.faces).normalised()


def egg(place=(0.0, 0.0, 0.0), scale=1.0):
    x, y, z = (torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, 30)] * 3, indexing="ij"))).unbind(0)
    mesh = isosurface(0.9 - (x**2 + 2 * y**2 + 3 * (z - 0.3 * x**2) ** 2).sqrt(), 0.0)
    return Mesh(mesh.normalised().verts * scale + torch.tensor(place), mesh.faces)


def views_of(mesh, count=12, size=32, shading="silhouette", cameras=None):
    cameras = cameras or camera_rig("sphere", count=count, size=size)
    masks = torch.nn.functional.avg_pool2d(render_views(mesh, cameras, size * 4, "silhouette"), 4)[:, 0]
    return Views(render_views(mesh, cameras, shading=shading), cameras, masks)


def moved(cameras, place, scale):
    pose = cameras.world_to_camera.clone()
    pose[:, :3, 3] = pose[:, :3, 3] * scale - pose[:, :3, :3] @ torch.tensor(place)
    return replace(cameras, world_to_camera=pose)


def test_silhouettes_give_a_convex_shape_in_any_units():
    place, scale = (3.0, -20.0, 7.0), 12.0
    shape = egg(place, scale)
    views = views_of(shape, cameras=moved(camera_rig("sphere", count=12, size=32), place, scale))
    seen = []
    result = fit_mesh(views, schedule=QUICK, progress=seen.append)
    agreement = surface_agreement(result.shape, shape, threshold=0.02, generator=torch.Generator().manual_seed(0))
    assert agreement["f_score"] > 0.95
    assert result.metrics["coverage_iou"] > 0.96
    assert result.metrics["watertight"] == 1
    assert result.metrics["folded"] + result.metrics["degenerate"] < 1e-3
    assert tuple(seen) == result.history
    assert [step.number for step in seen] == list(range(60))
    assert seen[-1].iou > seen[0].iou
    assert seen[-1].loss < seen[0].loss


def test_normals_show_what_silhouettes_cannot():
    shape = cup()
    views = views_of(shape, 16, 32, "normals")
    heights = {}
    for kind in ("none", "auto"):
        found = fit_mesh(views, images=kind, schedule=QUICK, picture_weight=5.0).shape.verts
        middle = found[(found[:, :2].norm(dim=1) < 0.12) & (found[:, 2] > shape.bounds[0, 2] + 0.1)]
        heights[kind] = float(middle[:, 2].min())
    assert heights["auto"] < heights["none"] - 0.03  # the bowl is being hollowed out


def test_shading_is_followed():
    views = views_of(cup(), 16, 32, "smooth")
    errors = {}
    for kind in ("none", "shading"):
        found = fit_mesh(views, images=kind, schedule=QUICK, picture_weight=5.0).shape
        difference = render_views(found, views.cameras) - views.images
        errors[kind] = float((difference.abs()[:, 0] * (views.masks == 1)).mean())
    assert errors["shading"] < errors["none"]


def test_the_same_views_give_the_same_mesh():
    views = views_of(egg(), 6)
    one, other = (fit_mesh(views, schedule=QUICK[:1]) for _ in range(2))
    assert torch.equal(one.shape.verts, other.shape.verts)
    assert [step.loss for step in one.history] == [step.loss for step in other.history]


def test_interrupt_keeps_what_there_is():
    def stop(step):
        if step.number == 9:
            raise KeyboardInterrupt

    result = fit_mesh(views_of(egg(), 6), schedule=QUICK, progress=stop)
    assert len(result.history) == 10
    assert not result.converged
    assert result.message.startswith("interrupted after 10 of 60 steps; ")
    assert result.metrics["iou"] > 0.8


def test_few_steps_are_not_called_converged():
    phase = replace(QUICK[0], steps=2)
    assert not fit_mesh(views_of(egg(), 6), schedule=[phase]).converged


def test_one_view_needs_a_start():
    views = views_of(egg(), cameras=camera_rig("ring", count=1, size=32))
    with pytest.raises(InvalidInputError, match=r"1 view leave.* pass start="):
        fit_mesh(views, schedule=QUICK)
    ball = isosurface(5.0 - torch.stack(torch.meshgrid(*[torch.arange(-6.0, 7)] * 3, indexing="ij")).norm(dim=0), 0.0)
    start = Mesh((ball.verts - 6) / 12, ball.faces)
    result = fit_mesh(views, start=start, schedule=QUICK)
    assert result.metrics["coverage_iou"] > 0.93


def test_an_open_start_keeps_its_topology():
    shape = egg()
    start = Mesh(shape.verts * 0.9, shape.faces[5:])
    result = fit_mesh(views_of(shape, 6), start=start, schedule=QUICK[:1])
    assert torch.equal(result.shape.faces, start.faces)


def test_views_that_show_nothing_or_only_the_object():
    views = views_of(egg(), 4)
    for masks, reason in ((0.0, "all masks are empty"), (1.0, "all masks are full")):
        with pytest.raises(InvalidInputError, match=reason):
            fit_mesh(replace(views, masks=torch.full_like(views.masks, masks)))
    some = views.masks.clone()
    some[1] = 0  # out of sight in one view only
    assert fit_mesh(replace(views, masks=some), schedule=QUICK[:1]).history


def test_cameras_that_do_not_belong_to_the_masks():
    views = views_of(egg(), 8)
    away = views.cameras.world_to_camera.clone()
    away[:, :3] = torch.diag(torch.tensor([-1.0, 1, -1])) @ away[:, :3]  # half a turn about the vertical
    with pytest.raises(InvalidInputError, match="camera convention"):
        fit_mesh(replace(views, cameras=Cameras(views.cameras.K, away, 32, 32)))


def test_a_start_that_no_camera_sees():
    views = views_of(egg(), 4)
    with pytest.raises(InvalidInputError, match="start: no camera sees any of it"):
        fit_mesh(views, start=egg(place=(0.0, 0.0, 50.0)), schedule=QUICK)


def test_views_out_of_sight_are_left_out():
    views = views_of(egg(), 6)
    some = views.masks.clone()
    some[2] = 0
    left_out = fit_mesh(replace(views, masks=some), schedule=QUICK[:1])
    without = fit_mesh(views[[0, 1, 3, 4, 5]], schedule=QUICK[:1])
    assert torch.equal(left_out.shape.verts, without.shape.verts)


def test_masks_from_a_plain_background_come_with_a_warning():
    views = views_of(egg(), 8, shading="smooth")
    with pytest.warns(UserWarning, match="views have no masks"):
        result = fit_mesh(replace(views, masks=None), schedule=QUICK[:1])
    assert result.metrics["iou"] > 0.85
    noise = torch.rand(8, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with pytest.raises(InvalidInputError, match="no single colour"):
        fit_mesh(Views(noise, views.cameras))


@pytest.mark.usefixtures("as_installed")
def test_bad_options():
    views = views_of(egg(), 4)
    with pytest.raises(UnknownNameError, match="Did you mean 'normals'"):
        fit_mesh(views, images="normal")
    with pytest.raises(InvalidInputError, match="3 channels, got 1"):
        fit_mesh(views, images="normals")
    with pytest.raises(InvalidInputError, match="views_per_step"):
        fit_mesh(views, views_per_step=0)
    with pytest.raises(InvalidInputError, match="start: expected a mesh with faces"):
        fit_mesh(views, start=Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64)))
    with pytest.raises(InvalidInputError, match="at least one view"):
        fit_mesh(views[[]])
    with pytest.raises(InvalidInputError, match="NaN"):
        Views(views.images * math.nan, views.cameras)
    with pytest.raises(InvalidInputError, match="cameras: expected 4 of 16 x 16"):
        Views(views.images[..., ::2, ::2], views.cameras)
    with pytest.raises(InvalidInputError, match="schedule: expected at least one phase"):
        fit_mesh(views, schedule=())
    with pytest.raises(FileNotFoundError, match="its folder does not exist"):
        fit_mesh(views, checkpoint="/nowhere/at/all.npz")
    with pytest.raises(InvalidInputError, match="schedule"):
        Phase((0, 4), 1, 100, 10, 0.1)


@pytest.mark.slow
def test_spot_from_normals(unpacked):
    shape = load_mesh(unpacked("meshes_and_softras.tar.xz") / "meshes" / "spot.obj").normalised()
    result = fit_mesh(views_of(shape, 20, 256, "normals"))
    assert surface_agreement(result.shape, shape)["f_score"] > 0.95
    assert result.metrics["iou"] > 0.97
    assert result.metrics["folded"] + result.metrics["degenerate"] < 1e-3
