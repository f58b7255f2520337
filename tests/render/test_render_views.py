"""Views against Open3D's ray caster, values by hand, and what must not change them."""

import numpy as np
import pytest
import torch
import trimesh

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.render import camera_rig, render_views
from geolearn.structures import Cameras, Mesh, MeshBatch


def from_trimesh(mesh) -> Mesh:
    return Mesh(torch.tensor(mesh.vertices, dtype=torch.float32), torch.tensor(mesh.faces)).normalised()


def shapes() -> dict[str, Mesh]:
    box, torus = trimesh.creation.box((1, 0.6, 0.3)), trimesh.creation.torus(0.4, 0.15)
    return {"torus": from_trimesh(torus), "box": from_trimesh(box)}


def wide(cameras: Cameras) -> Cameras:
    """The same poses, not square and with an uneven principal point."""
    K = cameras.K.clone()
    K[:, 0, 2], K[:, 1, 2] = 61.3, 40.9
    return Cameras(K, cameras.world_to_camera, 90, 120)


def cast(mesh: Mesh, cameras: Cameras) -> torch.Tensor:
    """Depth along the camera's axis by Open3D's ray caster; 0 where nothing is hit."""
    o3d = pytest.importorskip("open3d")
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(mesh.verts.numpy(), mesh.faces.numpy().astype(np.uint32))
    depths = []
    for K, pose in zip(cameras.K.numpy(), cameras.world_to_camera.numpy(), strict=True):
        v, u = np.meshgrid(np.arange(cameras.height) + 0.5, np.arange(cameras.width) + 0.5, indexing="ij")
        local = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(K).T  # z = 1, so distance is depth
        rays = np.concatenate([np.broadcast_to(-pose[:3, :3].T @ pose[:3, 3], (*u.shape, 3)), local @ pose[:3, :3]], -1)
        depth = scene.cast_rays(o3d.core.Tensor(rays.astype(np.float32)))["t_hit"].numpy()
        depths.append(np.where(np.isfinite(depth), depth, 0))
    return torch.from_numpy(np.stack(depths))[:, None]


@pytest.mark.parametrize("name", ["torus", "box"])
@pytest.mark.parametrize("change", [lambda cameras: cameras, wide], ids=["square", "wide"])
def test_depth_and_visibility_agree_with_a_ray_caster(name, change):
    mesh, cameras = shapes()[name], change(camera_rig("mvcnn12", size=96))
    depth, expected = render_views(mesh, cameras, shading="depth"), cast(mesh, cameras)
    close = (depth - expected).abs() < 1e-3
    assert float(close.float().mean()) > 0.999
    assert torch.equal(render_views(mesh, cameras, shading="silhouette"), (depth > 0).float())
    assert 0.05 < float((depth > 0).float().mean()) < 0.7


def test_a_face_seen_straight_on_has_all_the_light():
    # A camera at the origin looks along +z at a large square one unit away; x right, y down.
    square = Mesh(
        torch.tensor([[-9.0, -9, 1], [9, -9, 1], [9, 9, 1], [-9, 9, 1]]), torch.tensor([[0, 1, 2], [0, 2, 3]])
    )
    K = torch.tensor([[[5.0, 0, 2.5], [0, 5, 2.5], [0, 0, 1]]])
    camera = Cameras(K, torch.eye(4)[None], 5, 5)
    flat = render_views(square, camera, shading="flat")
    assert float(flat[0, 0, 2, 2]) == pytest.approx(0.9)
    # pixel (4, 2): the ray (0.4, 0, 1) makes an angle with the normal
    assert float(flat[0, 0, 2, 4]) == pytest.approx(0.3 + 0.6 / (1 + 0.4**2) ** 0.5, abs=1e-6)
    torch.testing.assert_close(render_views(square, camera, shading="depth"), torch.ones(1, 1, 5, 5))
    normals = render_views(square, camera, shading="normals")
    torch.testing.assert_close(normals[0, :, 2, 2], torch.tensor([0.5, 0.5, 1.0]))


def test_a_batch_is_its_meshes_and_threads_change_nothing():
    meshes, cameras = list(shapes().values()), camera_rig("mvcnn12", size=64)
    batch = render_views(MeshBatch.from_meshes(meshes), cameras, shading="smooth")
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            for images, mesh in zip(batch, meshes, strict=True):
                assert torch.equal(images, render_views(mesh, cameras, shading="smooth"))
    finally:
        torch.set_num_threads(before)


def test_nothing_to_see_is_the_background():
    empty = Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64))
    cameras = camera_rig("mvcnn12", size=8)
    assert torch.equal(render_views(empty, cameras, background=0.25), torch.full((12, 1, 8, 8), 0.25))


def test_bad_requests():
    mesh, cameras = shapes()["box"], camera_rig("mvcnn12", size=8)
    with pytest.raises(UnknownNameError, match="Did you mean 'normals'"):
        render_views(mesh, cameras, shading="normal")
    with pytest.raises(InvalidInputError, match="at least 1 pixel, got 0 x 0"):
        render_views(mesh, cameras, (0, 0))
    with pytest.raises(InvalidInputError, match="sums to at most 1"):
        render_views(mesh, cameras, ambient=0.9)
