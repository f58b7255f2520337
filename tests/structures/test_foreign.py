"""Meshes of other packages where ours are wanted."""

from pathlib import Path

import pytest
import torch
import trimesh

from geolearn.errors import InvalidInputError
from geolearn.io import load_mesh, save_mesh
from geolearn.ops import contains, face_features, sample_surface, voxelize
from geolearn.render import camera_rig, render_silhouette, render_views
from geolearn.structures import Mesh, MeshBatch
from geolearn.structures.foreign import as_mesh, as_meshes

BALL = trimesh.creation.icosphere(subdivisions=2, radius=0.4)
OURS = Mesh.from_trimesh(BALL)


def others() -> dict:
    open3d = pytest.importorskip("open3d")
    pytest.importorskip("pytorch3d.structures")
    legacy = OURS.to_open3d()
    return {
        "trimesh": BALL,
        "open3d": legacy,
        "open3d tensors": open3d.t.geometry.TriangleMesh.from_legacy(legacy),
        "pytorch3d": OURS.to_pytorch3d(),
    }


@pytest.mark.parametrize("package", ["trimesh", "open3d", "open3d tensors", "pytorch3d"])
def test_a_mesh_of_another_package_is_read(package):
    mesh = others()[package]
    read = as_mesh(mesh)
    torch.testing.assert_close(read.verts, OURS.verts)
    assert torch.equal(read.faces, OURS.faces)


def test_functions_take_them(tmp_path):
    assert torch.equal(voxelize(BALL, 16).values, voxelize(OURS, 16).values)
    assert torch.equal(voxelize(mesh=BALL, resolution=16).values, voxelize(OURS, 16).values)
    assert contains(BALL, torch.zeros(1, 3)).tolist() == [True]
    assert torch.equal(face_features(BALL), face_features(OURS))
    assert sample_surface(BALL, 5).points.shape == (5, 3)
    cameras = camera_rig("ring", count=2, size=16)
    assert torch.equal(render_views(BALL, cameras), render_views(OURS, cameras))
    save_mesh(BALL, tmp_path / "ball.off")
    assert len(load_mesh(tmp_path / "ball.off").faces) == len(OURS.faces)


def test_meshes_of_pytorch3d_stay_a_batch_and_keep_their_gradient():
    structures = pytest.importorskip("pytorch3d.structures")
    verts = OURS.verts.clone().requires_grad_()
    several = structures.Meshes([verts, verts], [OURS.faces, OURS.faces])
    assert isinstance(as_meshes(several), MeshBatch)
    pictures = render_silhouette(several, camera_rig("ring", count=2, size=16))
    assert pictures.shape[:2] == (2, 2)
    pictures.sum().backward()
    assert float(verts.grad.abs().sum()) > 0
    with pytest.raises(InvalidInputError, match="expected one mesh, got 2 in a Meshes; pass one each"):
        voxelize(several, 16)


@pytest.mark.parametrize(
    "thing, message",
    [
        ("chair.off", r"expected a Mesh, got str; geolearn\.io\.load_mesh reads files"),
        (Path("chair.off"), r"got \w+Path; geolearn\.io\.load_mesh reads files"),
        (trimesh.Scene([BALL]), r"got Scene; its to_mesh\(\) makes one mesh of all"),
        ((OURS.verts, OURS.faces), r"got tuple; Mesh\(verts, faces\) makes one of arrays"),
        (None, "got NoneType"),
    ],
)
def test_anything_else_is_one_sentence(thing, message):
    with pytest.raises(InvalidInputError, match=f"mesh: .*{message}"):
        voxelize(thing, 16)


@pytest.mark.usefixtures("as_installed")
def test_a_shading_in_the_place_of_the_size_is_pointed_out():
    with pytest.raises(
        InvalidInputError, match=r"size: expected pixels, .* got 'silhouette'; is it shading='silhouette'\?"
    ):
        render_views(OURS, camera_rig("ring", count=2, size=16), "silhouette")
