"""Worlds that are tiny, huge or far from 0 are fitted as an ordinary one is."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting import Phase, fit_latent, fit_mesh
from geolearn.fitting.own_frame import own_frame
from geolearn.io import load_mesh, save_mesh
from geolearn.ops.isosurface import isosurface
from geolearn.render import camera_rig, from_opencv, render_views
from geolearn.structures import Cameras, Mesh, Views

QUICK = (Phase((24, 24), 2, 400, 10, 0.02),)
MAP = (5e5, 4e6, 100.0)


def egg(size=24):
    x, y, z = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, size)] * 3, indexing="ij"))
    return isosurface(0.9 - (x**2 + 2 * y**2 + 3 * (z - 0.3 * x**2) ** 2).sqrt(), 0.0).normalised()


def views_of(mesh, count=5, size=24):
    cameras = camera_rig("sphere", count=count, size=size)
    masks = torch.nn.functional.avg_pool2d(render_views(mesh, cameras, size * 4, "silhouette"), 4)[:, 0]
    return Views(masks[:, None], cameras, masks)


def placed(views, place, scale=1.0):
    """The same pictures of an object that is scaled and then moved."""
    c = views.cameras
    pose = c.world_to_camera.double()
    t = pose[:, :3, 3] * scale - pose[:, :3, :3] @ torch.tensor(place, dtype=torch.float64)
    return Views(views.images, from_opencv(pose[:, :3, :3], t, c.K, c.height, c.width), views.masks)


@pytest.fixture(scope="module")
def ordinary():
    views = views_of(egg())
    return views, fit_mesh(views, schedule=QUICK)


@pytest.mark.parametrize(
    ("place", "scale"), [(MAP, 40.0), ((0.0, 0.0, 0.0), 1e-6), ((0.0, 0.0, 0.0), 1e6), ((200.0, 0.0, 0.0), 1.0)]
)
def test_the_same_shape_in_any_world(ordinary, place, scale):
    views, expected = ordinary
    moved = placed(views, place, scale)
    result = fit_mesh(moved, schedule=QUICK)
    found = (result.shape.world_verts() - torch.tensor(place, dtype=torch.float64)) / scale
    low, high = expected.shape.bounds
    gap = torch.stack([found.amin(0), found.amax(0)]) - torch.stack([low, high])
    assert float(gap.abs().max()) < 0.05
    assert result.metrics["coverage_iou"] == pytest.approx(expected.metrics["coverage_iou"], abs=0.05)
    assert (result.shape.origin is None) == (place != MAP)
    assert torch.equal(result.targets.cameras.world_to_camera, moved.cameras.world_to_camera)
    assert result.start.origin is result.shape.origin or torch.equal(result.start.origin, result.shape.origin)


def test_a_start_lies_in_the_world_of_the_cameras_and_the_mesh_is_saved_there(ordinary, tmp_path):
    origin = torch.tensor([499_000.0, 4_000_010.0, 0.0], dtype=torch.float64)
    shape = egg()
    there = (shape.verts.double() + torch.tensor(MAP, dtype=torch.float64) - origin).float()
    result = fit_mesh(placed(ordinary[0], MAP), start=Mesh(there, shape.faces, origin=origin), schedule=QUICK)
    assert result.start_metrics["coverage_iou"] > 0.95
    save_mesh(result.shape, tmp_path / "mesh.ply")
    verts = load_mesh(tmp_path / "mesh.ply").world_verts()
    assert float((verts.mean(0) - torch.tensor(MAP, dtype=torch.float64)).abs().max()) < 0.2


def test_refined_cameras_stay_in_their_world(ordinary):
    moved = placed(ordinary[0], MAP)
    result = fit_mesh(moved, schedule=QUICK, refine_cameras=True)
    assert torch.equal(result.cameras.origin, moved.cameras.origin)
    assert float((result.cameras.centres - moved.cameras.centres).abs().max()) < 0.3


def test_ordinary_worlds_have_no_frame_of_their_own():
    cameras = camera_rig("sphere", count=5, size=24)
    assert own_frame(cameras) is None
    assert own_frame(cameras[0]) is None


def test_cameras_that_were_rounded_are_refused():
    views = views_of(egg())
    far = placed(views, MAP).cameras
    pose = far.world_to_camera.clone()
    pose[:, :3, 3] = (pose[:, :3, 3].double() - pose[:, :3, :3].double() @ far.origin).float()
    rounded = Cameras(far.K, pose, far.height, far.width)
    with pytest.raises(
        InvalidInputError, match=r"rounded by 0.24 in float32, about \d+.\d pixels. Give the poses in fl"
    ):
        fit_mesh(Views(views.images, rounded, views.masks))


def test_decoders_have_a_world_of_their_own():
    views = placed(views_of(egg()), MAP)
    with pytest.raises(InvalidInputError, match="have a world of their own"):
        fit_latent(_Ball(), views)


class _Ball(torch.nn.Module):
    code_size = 1

    def forward(self, codes):
        return torch.zeros(len(codes), 1, 8, 8, 8) + codes[:, :, None, None, None]
