"""Meshes go to trimesh, Open3D and PyTorch3D and come back the same."""

import numpy as np
import pytest
import torch

from geolearn.errors import MissingDependencyError
from geolearn.structures import Mesh, MeshBatch, interop


def rough(num_verts: int = 20, num_faces: int = 30, labelled: bool = True) -> Mesh:
    """Random faces, so: unused vertices, degenerate faces, non-manifold edges."""
    generator = torch.Generator().manual_seed(num_verts)
    faces = torch.randint(0, num_verts - 1, (num_faces, 3), generator=generator)
    faces[0] = 0
    labels = torch.arange(num_faces) % 4 - 1 if labelled else None
    return Mesh(torch.randn(num_verts, 3, generator=generator), faces, labels, name="rough")


def same(mesh: Mesh, again: Mesh) -> None:
    assert torch.equal(mesh.verts, again.verts)
    assert torch.equal(mesh.faces, again.faces)
    assert (again.verts.dtype, again.faces.dtype) == (torch.float32, torch.int64)


@pytest.mark.parametrize("labelled", [False, True])
def test_trimesh_and_back_with_labels(labelled):
    mesh = rough(labelled=labelled)
    outside = mesh.to_trimesh()
    assert np.array_equal(outside.vertices, mesh.verts.numpy())
    assert np.array_equal(outside.faces, mesh.faces.numpy())
    again = Mesh.from_trimesh(outside, name="again")
    same(mesh, again)
    assert again.name == "again"
    if labelled:
        assert torch.equal(again.face_labels, mesh.face_labels)
    else:
        assert again.face_labels is None


def test_what_comes_back_from_trimesh_is_its_own_memory():
    outside = rough().to_trimesh()
    again = Mesh.from_trimesh(outside)
    before = again.verts.clone()
    outside.vertices += 1
    assert torch.equal(again.verts, before)


def test_open3d_and_back():
    pytest.importorskip("open3d")
    mesh = rough()
    outside = mesh.to_open3d()
    assert np.array_equal(np.asarray(outside.vertices), mesh.verts.double().numpy())
    assert np.array_equal(np.asarray(outside.triangles), mesh.faces.numpy())
    same(mesh, Mesh.from_open3d(outside))


def test_pytorch3d_and_back_with_gradients():
    pytest.importorskip("pytorch3d")
    mesh = rough()
    verts = mesh.verts.clone().requires_grad_()
    outside = Mesh(verts, mesh.faces).to_pytorch3d()
    outside.verts_packed().sum().backward()
    assert bool((verts.grad == 1).all())
    same(mesh, Mesh.from_pytorch3d(outside))


def test_a_batch_to_pytorch3d():
    pytest.importorskip("pytorch3d")
    meshes = [rough(5, 2), rough(20, 30), rough(4, 1)]
    outside = MeshBatch.from_meshes(meshes).to_pytorch3d()
    assert len(outside) == 3
    for i, mesh in enumerate(meshes):
        same(mesh, Mesh.from_pytorch3d(outside, index=i))
    assert torch.equal(outside.faces_packed(), MeshBatch.from_meshes(meshes).faces)


@pytest.mark.parametrize("library", ["open3d", "pytorch3d"])
def test_a_missing_library_names_its_extra(library, monkeypatch):
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr("importlib.import_module", missing)
    extra = "open3d" if library == "open3d" else "render"
    with pytest.raises(
        MissingDependencyError, match=rf"needs the package '{library}.*pip install 'geolearn3d\[{extra}\]'"
    ):
        getattr(rough(), f"to_{library}")()


def test_trimesh_measures_what_the_record_holds():
    square = Mesh(torch.tensor([[0.0, 0, 0], [2, 0, 0], [2, 3, 0], [0, 3, 0]]), torch.tensor([[0, 1, 2], [0, 2, 3]]))
    assert square.to_trimesh().area == 6
    assert interop.from_trimesh(square.to_trimesh())[2] is None
