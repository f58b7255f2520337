"""Remeshed surfaces: same place, same topology, even edges, no folds."""

import numpy as np
import pytest
import torch
import trimesh

from geolearn.errors import InvalidInputError
from geolearn.fitting import soundness
from geolearn.ops import mesh_edges
from geolearn.ops.isosurface import isosurface
from geolearn.ops.remeshing import expected_faces, half_edges, is_closed, remesh, surface_area
from geolearn.structures import Mesh


def grid(size):
    return torch.stack(torch.meshgrid(*[torch.arange(float(size))] * 3, indexing="ij"), -1)


def ball(radius=8.0, size=20):
    return isosurface(radius - (grid(size) - (size - 1) / 2).norm(dim=-1), 0.0)


def lengths(mesh):
    return trimesh.Trimesh(mesh.verts.numpy(), mesh.faces.numpy(), process=False).edges_unique_length


@pytest.mark.parametrize("length", [0.7, 1.5, 3.0])
def test_ball_keeps_its_surface_with_even_edges(length):
    mesh = remesh(ball(), length)
    assert is_closed(mesh)
    assert np.median(lengths(mesh)) == pytest.approx(length, rel=0.1)
    assert (np.abs(lengths(mesh) / length - 1) < 0.5).mean() > 0.99
    assert float(((mesh.verts - 9.5).norm(dim=1) - 8).abs().max()) < 0.06 + length**2 / 16
    assert soundness(mesh)["folded"] == soundness(mesh)["degenerate"] == 0
    angles = trimesh.Trimesh(mesh.verts.numpy(), mesh.faces.numpy(), process=False).face_angles.min(1)
    assert np.degrees(angles).min() > 15


@pytest.mark.parametrize("length", [0.5, 1.0, 2.0, 8.0])
def test_topology_stays_whatever_the_length(length):
    noise = torch.rand(1, 1, 6, 6, 6, generator=torch.Generator().manual_seed(1))
    values = torch.nn.functional.interpolate(noise, size=18, mode="trilinear")[0, 0]
    for axis in range(3):
        values.select(axis, 0)[:] = 0
        values.select(axis, -1)[:] = 0
    before = isosurface(values, 0.5)
    after = remesh(before, length)
    half_edges(after.faces.numpy())  # raises unless closed and manifold
    euler = [len(m.verts) - len(m.faces) // 2 for m in (before, after)]
    assert euler[0] == euler[1] != 2
    assert soundness(after)["watertight"] == 1


def test_a_cube_moves_by_less_than_an_edge():
    cube = trimesh.creation.box()
    mesh = remesh(Mesh.from_trimesh(cube), 0.1)
    assert float(mesh.verts.abs().max()) <= 0.5 + 0.1
    assert surface_area(mesh) == pytest.approx(6, rel=0.1)


def test_same_twice_and_unused_vertices_are_dropped():
    mesh = ball()
    padded = Mesh(torch.cat([torch.full((3, 3), 50.0), mesh.verts]), mesh.faces + 3)
    one, other = remesh(mesh, 1.5), remesh(padded, 1.5)
    assert torch.equal(one.verts, other.verts)
    assert torch.equal(one.faces, other.faces)


def test_empty_and_tetrahedron():
    assert len(remesh(Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64)), 1.0).faces) == 0
    tetrahedron = Mesh(torch.eye(4)[:, :3] * 2 - 0.5, torch.tensor([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]]))
    assert is_closed(remesh(tetrahedron, 100.0))
    assert is_closed(remesh(tetrahedron, 0.3))


def test_bad_meshes():
    faces = ball().faces
    with pytest.raises(InvalidInputError, match="closed surface"):
        remesh(Mesh(ball().verts, faces[1:]), 1.0)
    with pytest.raises(InvalidInputError, match="closed surface"):
        remesh(Mesh(ball().verts, torch.cat([faces[:1].flip(1), faces[1:]])), 1.0)
    tetrahedron = torch.tensor([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])
    other = torch.where(tetrahedron == 0, 0, tetrahedron + 3)
    with pytest.raises(InvalidInputError, match="touch in a vertex"):
        remesh(Mesh(torch.randn(7, 3), torch.cat([tetrahedron, other])), 1.0)
    with pytest.raises(InvalidInputError, match="length > 0"):
        remesh(ball(), 0.0)
    with pytest.raises(InvalidInputError, match="faces; use a longer one"):
        remesh(ball(), 1e-5)


def test_edges_follow_a_length_at_every_vertex():
    mesh = ball()
    wanted = torch.where(mesh.verts[:, 0] < 9.5, 0.6, 2.0) * 1.0
    fine = remesh(mesh, wanted)
    assert is_closed(fine)
    ends = fine.verts[mesh_edges(fine.faces)]
    length, middle = (ends[:, 0] - ends[:, 1]).norm(dim=1), ends[..., 0].mean(1)
    assert float(length[middle < 7].median()) == pytest.approx(0.6, rel=0.15)
    assert float(length[middle > 12].median()) == pytest.approx(2.0, rel=0.15)
    assert len(fine.faces) == pytest.approx(expected_faces(mesh, wanted), rel=0.2)


def test_one_length_is_the_same_at_every_vertex():
    mesh = ball()
    one, other = remesh(mesh, 1.5), remesh(mesh, torch.full((len(mesh.verts),), 1.5))
    assert torch.equal(one.verts, other.verts)
    with pytest.raises(InvalidInputError, match=r"one at each vertex, got \(3,\)"):
        remesh(mesh, torch.ones(3))
    with pytest.raises(InvalidInputError, match="length > 0, got some that are not finite"):
        remesh(mesh, torch.full((len(mesh.verts),), torch.nan))
