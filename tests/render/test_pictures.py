"""Pictures by hand, by brute force over all faces, and by Open3D's ray caster on real meshes."""

import math

import numpy as np
import pytest
import torch
import trimesh

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.io import load_mesh
from geolearn.render import camera_rig, render_views
from geolearn.structures import Cameras, Mesh, MeshBatch

REAL_MESHES = (
    "armadillo", "cow", "fandisk", "homer", "rocker-arm", "spot", "stanford-bunny", "suzanne", "teapot",
)  # fmt: skip


def camera(height=9, width=9, focal=9.0, skew=0.0, offset=(0.0, 0.0)):
    """At the origin looking along +Z, with x right and y down."""
    K = [[focal, skew, width / 2 + offset[0]], [0.0, focal, height / 2 + offset[1]], [0.0, 0.0, 1.0]]
    return Cameras(torch.tensor([K]), torch.eye(4)[None], height, width)


def quad(depth=2.0, size=10.0, x=0.0, y=0.0):
    """A square facing the camera, as two faces that share a diagonal."""
    corners = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * size + torch.tensor([x, y])
    return Mesh(torch.cat([corners, torch.full((4, 1), depth)], 1), torch.tensor([[0, 1, 2], [0, 2, 3]]))


def soup(seed, faces=40, spread=1.0, centre=(0.0, 0.0, 2.0)):
    generator = torch.Generator().manual_seed(seed)
    verts = spread * (2 * torch.rand(3 * faces, 3, generator=generator) - 1) + torch.tensor(centre)
    return Mesh(verts, torch.arange(3 * faces).reshape(-1, 3))


def first_hits(mesh, cameras):
    """Depth of the first face that each pixel's ray meets, by intersecting it with all of them; and how surely."""
    corners = mesh.verts.double().numpy()[mesh.faces.numpy()]
    depths, doubts = [], []
    for K, pose in zip(cameras.K.double().numpy(), cameras.world_to_camera.double().numpy(), strict=True):
        local = corners @ pose[:3, :3].T + pose[:3, 3]
        y, x = np.mgrid[: cameras.height, : cameras.width] + 0.5
        rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(K).T
        volumes = np.stack(
            [np.einsum("hwc,fc->hwf", rays, np.cross(local[:, i - 2], local[:, i - 1])) for i in range(3)], -1
        )
        whole = np.einsum("fc,fc->f", local[:, 0], np.cross(local[:, 1], local[:, 2]))
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = whole / volumes.sum(-1)
            shares = volumes / volumes.sum(-1, keepdims=True)
        depth = np.where((shares >= 0).all(-1) & (depth > 0), depth, np.inf).min(-1)
        depths.append(np.where(np.isfinite(depth), depth, 0))
        doubts.append((np.abs(shares).min(-1) < 1e-4).any(-1))
    return torch.tensor(np.array(depths)), torch.tensor(np.array(doubts))


@pytest.mark.parametrize("size", [(9, 9), (16, 40), (40, 17), (1, 1)])
def test_depth_by_brute_force(size):
    for seed in range(5):
        mesh, cameras = soup(seed), camera(*size, focal=0.6 * min(size), offset=(0.7, -1.2))
        expected, doubt = first_hits(mesh, cameras)
        found = render_views(mesh, cameras, shading="depth")[:, 0].double()
        assert torch.allclose(found[~doubt], expected[~doubt], rtol=1e-5)
        assert float(doubt.double().mean()) < 0.1 or size == (1, 1)
    assert size == (1, 1) or 0.1 < float((found > 0).double().mean()) < 1


def test_cameras_inside_see_faces_that_cross_their_plane():
    for seed in range(5):
        mesh, cameras = soup(seed, centre=(0.0, 0.0, 0.0)), camera(20, 30, focal=10.0)
        expected, doubt = first_hits(mesh, cameras)
        found = render_views(mesh, cameras, shading="depth")[:, 0].double()
        assert torch.allclose(found[~doubt], expected[~doubt], rtol=1e-4)
        local = mesh.verts[mesh.faces][..., 2]
        assert int(((local > 0).any(1) & (local < 0).any(1)).sum()) > 20


def test_closed_box_around_the_camera_fills_every_picture():
    trimesh = pytest.importorskip("trimesh")
    box = Mesh.from_trimesh(trimesh.creation.box((2.0, 2.0, 2.0)))
    cameras = camera_rig("mvcnn80", size=31, distance=0.3)
    assert bool((render_views(box, cameras, shading="silhouette") == 1).all())
    assert float(render_views(box, cameras, shading="depth").min()) > 0.5


def test_x_is_right_and_y_is_down():
    picture = render_views(quad(size=0.2, x=-0.6, y=-0.8), camera(), shading="silhouette")[0, 0]
    # Corners project to 9 * (-0.8..-0.4) / 2 + 4.5 = 0.9..2.7 and 9 * (-1..-0.6) / 2 + 4.5 = 0..1.8: centres 1.5, 2.5
    # and 0.5, 1.5.
    expected = torch.zeros(9, 9)
    expected[0:2, 1:3] = 1
    assert torch.equal(picture, expected)


def test_headlight_by_hand():
    picture = render_views(quad(), camera(), shading="flat")[0, 0]
    assert picture[4, 4] == pytest.approx(0.9)
    # The corner pixel looks along (4/9, 4/9, 1): cos = 1 / sqrt(1 + 2 * 16/81).
    assert picture[0, 0] == pytest.approx(0.3 + 0.6 / math.sqrt(1 + 32 / 81))
    assert torch.allclose(picture, picture.flip(0).flip(1), atol=1e-6)
    dim = render_views(quad(), camera(), shading="flat", ambient=0.1, diffuse=0.5)[0, 0]
    assert dim[4, 4] == pytest.approx(0.6)


def test_depth_is_along_the_axis_not_along_the_ray():
    assert torch.allclose(render_views(quad(3.5), camera(), shading="depth"), torch.tensor(3.5))


def test_normals_by_hand():
    assert torch.allclose(
        render_views(quad(), camera(), shading="normals")[0, :, 4, 4], torch.tensor([0.5, 0.5, 1.0]), atol=1e-6
    )
    # Turned so that it faces up and right in the picture: in camera axes the normal is (0.6, -0.48, -0.64).
    normal = torch.tensor([0.6, -0.48, -0.64])
    across = torch.linalg.cross(normal, torch.tensor([0.0, 0.0, 1.0]))
    along = torch.linalg.cross(normal, across)
    corners = torch.stack([a * across + b * along for a, b in ((-9, -9), (9, -9), (9, 9), (-9, 9))])
    tilted = Mesh(corners + torch.tensor([0.0, 0.0, 5.0]), torch.tensor([[0, 1, 2], [0, 2, 3]]))
    expected = (torch.tensor([0.6, 0.48, 0.64]) + 1) / 2
    assert torch.allclose(render_views(tilted, camera(), shading="normals")[0, :, 4, 4], expected, atol=1e-5)


def test_smooth_sphere_has_the_normals_of_a_sphere():
    trimesh = pytest.importorskip("trimesh")
    sphere = Mesh.from_trimesh(trimesh.creation.icosphere(5, 0.5))
    cameras = camera_rig("ring", size=64, count=3)
    smooth = render_views(sphere, cameras, shading="smooth")[:, 0]
    depth = render_views(sphere, cameras, shading="depth")[:, 0]
    row, column = torch.nonzero(depth[1] > 0, as_tuple=True)
    rays = torch.stack([column + 0.5, row + 0.5, torch.ones(len(row))], 1) @ torch.linalg.inv(cameras.K[1]).T
    points = rays * depth[1, row, column, None]
    centre = cameras.world_to_camera[1, :3, 3]
    cosine = torch.nn.functional.cosine_similarity(points - centre, rays).abs()
    assert torch.allclose(smooth[1, row, column], 0.3 + 0.6 * cosine, atol=3e-3)
    assert len(row) > 500
    assert not torch.allclose(render_views(sphere, cameras, shading="flat")[:, 0], smooth, atol=3e-3)


def test_normals_that_cancel_fall_back_to_the_face():
    both_sides = Mesh(quad().verts, torch.tensor([[0, 1, 2], [0, 2, 3], [2, 1, 0], [3, 2, 0]]))
    expected = render_views(quad(), camera(), shading="flat")
    assert torch.allclose(render_views(both_sides, camera(), shading="smooth"), expected, atol=1e-6)


@pytest.mark.parametrize("shading", ["smooth", "flat", "depth", "normals", "silhouette"])
def test_both_sides_look_the_same(shading):
    mesh = soup(3)
    reversed_faces = Mesh(mesh.verts, mesh.faces.flip(1))
    pictures = [render_views(m, camera(30, 30, 20.0), shading=shading) for m in (mesh, reversed_faces)]
    assert torch.allclose(*pictures, atol=1e-6)
    assert pictures[0].dtype == torch.float32
    if shading != "depth":
        assert 0 <= float(pictures[0].min()) < float(pictures[0].max()) <= 1


def test_no_pixel_falls_between_faces_that_share_an_edge():
    # A fan around a vertex that projects to the centre of pixel (4, 4), with edges along rows, columns and diagonals.
    angles = torch.arange(8) * math.pi / 4
    rim = torch.stack([angles.cos(), angles.sin()], 1).round(decimals=6) * 3
    verts = torch.cat([torch.zeros(1, 3), torch.cat([rim, torch.zeros(8, 1)], 1)]) + torch.tensor([0.0, 0.0, 2.0])
    faces = torch.tensor([[0, 1 + i, 1 + (i + 1) % 8] for i in range(8)])
    for flip in (faces, faces.flip(1), torch.cat([faces[::2], faces[1::2].flip(1)])):
        assert bool((render_views(Mesh(verts, flip), camera(), shading="silhouette") == 1).all())
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):  # grids of random squares, each cut along a diagonal
        heights = 2 + 0.3 * torch.rand(25, generator=generator)
        y, x = torch.meshgrid(torch.linspace(-3, 3, 5), torch.linspace(-3, 3, 5), indexing="ij")
        grid = torch.stack([x.reshape(-1), y.reshape(-1), heights], 1)
        cells = torch.tensor([5 * i + j for i in range(4) for j in range(4)])
        faces = torch.cat([cells[:, None] + torch.tensor([0, 1, 6]), cells[:, None] + torch.tensor([0, 6, 5])])
        assert bool((render_views(Mesh(grid, faces), camera(), shading="silhouette") == 1).all())


def test_other_sizes_scale_the_intrinsics():
    mesh = soup(5)
    small = camera(12, 20, focal=11.0, skew=0.5)
    K = small.K * torch.tensor([3.0, 2.0, 1.0])[:, None]
    large = Cameras(K, small.world_to_camera, 24, 60)
    expected = render_views(mesh, large)
    assert torch.equal(render_views(mesh, small, (24, 60)), expected)
    assert render_views(mesh, small, 8).shape == (1, 1, 8, 8)
    depth, doubt = first_hits(mesh, large)
    found = render_views(mesh, large, shading="depth")[:, 0].double()
    assert torch.allclose(found[~doubt], depth[~doubt], rtol=1e-5)


def test_a_batch_is_its_meshes_one_by_one():
    empty = Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64))
    unused = Mesh(torch.cat([soup(1).verts, torch.ones(4, 3)]), soup(1).faces)
    flat = Mesh(torch.ones(3, 3), torch.tensor([[0, 1, 2]]))
    meshes = [soup(0), empty, unused, flat, soup(2, faces=3)]
    cameras = camera_rig("ring", size=(20, 31), count=3)
    together = render_views(MeshBatch.from_meshes(meshes), cameras, background=0.5)
    assert together.shape == (5, 3, 1, 20, 31)
    for picture, mesh in zip(together, meshes, strict=True):
        assert torch.equal(picture, render_views(mesh, cameras, background=0.5))
    assert bool((together[1] == 0.5).all())
    assert bool((together[3] == 0.5).all())
    assert bool((render_views(empty, cameras, shading="depth", background=0.5) == 0).all())
    assert torch.equal(together[2], render_views(soup(1), cameras, background=0.5))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_same_bits_for_any_number_of_threads(threads):
    meshes, cameras = MeshBatch.from_meshes([soup(1), soup(2)]), camera_rig("ring", size=50, count=2, distance=2.0)
    expected = render_views(meshes, cameras)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert torch.equal(render_views(meshes, cameras), expected)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("number", range(10))
def test_visibility_agrees_with_open3d_on_real_meshes(number, unpacked):
    o3d = pytest.importorskip("open3d")
    if number < len(REAL_MESHES):
        path = unpacked("meshes_and_softras.tar.xz") / "meshes" / f"{REAL_MESHES[number]}.obj"
    else:
        path = next(iter(sorted(unpacked("lpsb.tar.xz").rglob("*.off"))))
    mesh = load_mesh(path).normalised()
    cameras = camera_rig("mvcnn12", size=112)
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(o3d.t.geometry.TriangleMesh.from_legacy(mesh.to_open3d()))
    depth = render_views(mesh, cameras, shading="depth")[:, 0].numpy()
    disagreeing = 0
    for view, (K, pose) in enumerate(zip(cameras.K, cameras.world_to_camera, strict=True)):
        tensors = [o3d.core.Tensor(matrix.double().numpy()) for matrix in (K, pose)]
        rays = scene.create_rays_pinhole(*tensors, 112, 112)
        hit = scene.cast_rays(rays)["t_hit"].numpy()
        along = (rays.numpy()[..., 3:] * pose[2, :3].numpy()).sum(-1)
        expected = np.where(np.isfinite(hit), hit, 0) * along
        wrong = np.abs(expected - depth[view]) > 1e-3
        near_edge = np.zeros_like(wrong)
        for axis in (0, 1):  # a mismatch must lie beside a jump in depth
            for step in (-1, 1):
                near_edge |= np.abs(np.roll(expected, step, axis) - expected) > 1e-3
        assert not (wrong & ~near_edge).any()
        disagreeing += int(wrong.sum())
    assert disagreeing <= 0.001 * depth.size
    assert 0.03 < (depth > 0).mean() < 0.6


@pytest.mark.usefixtures("as_installed")
def test_bad_input():
    verts = quad().verts.clone()
    verts[1, 2] = math.nan
    with pytest.raises(InvalidInputError, match="verts: 1 of 12 values are NaN"):
        Mesh(verts, quad().faces)
    assert render_views(quad(), camera()[:0]).shape == (0, 1, 9, 9)
    with pytest.raises(UnknownNameError, match=r"unknown shading 'smoth'\. Did you mean 'smooth'"):
        render_views(quad(), camera(), shading="smoth")
    with pytest.raises(InvalidInputError, match="size: expected at least 1 pixel, got 0 x 0"):
        render_views(quad(), camera(), 0)
    for light in ({"ambient": 0.7, "diffuse": 0.6}, {"ambient": -0.1}, {"background": 1.5}):
        with pytest.raises(InvalidInputError, match="ambient, diffuse, background"):
            render_views(quad(), camera(), **light)


def test_cameras_far_from_0_see_meshes_that_count_from_their_origin():
    mesh, near = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=1, radius=0.4)), camera_rig("ring", count=3)
    pose = near.world_to_camera.double()
    pose[:, :3, 3] -= pose[:, :3, :3] @ torch.tensor([5e5, 4e6, 0.0], dtype=torch.float64)
    far = Cameras(near.K, pose, near.height, near.width)
    there = mesh.verts.double() + torch.tensor([5e5, 4e6, 0.0], dtype=torch.float64) - far.origin
    seen = render_views(Mesh(there.float(), mesh.faces, origin=far.origin), far, shading="silhouette")
    assert float((seen - render_views(mesh, near, shading="silhouette")).abs().mean()) < 1e-3
    for origin in (None, far.origin + 1):
        with pytest.raises(InvalidInputError, match=r"the cameras count from \(500.*bring it there"):
            render_views(Mesh(there.float(), mesh.faces, origin=origin), far)
