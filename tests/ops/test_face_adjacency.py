"""The dual graph of a mesh: pairs, lengths and signed angles, on clean meshes and on broken ones."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.ops import face_adjacency
from geolearn.structures import Mesh


def mesh_of(verts, faces) -> Mesh:
    return Mesh(torch.tensor(verts, dtype=torch.float32), torch.tensor(faces, dtype=torch.int64).reshape(-1, 3))


def soup(seed, verts=8, faces=30) -> Mesh:
    """A broken mesh: non-manifold edges, faces given twice, faces without area, unused vertices."""
    rng = np.random.default_rng(seed)
    return mesh_of(rng.integers(-3, 4, (verts, 3)), rng.integers(0, verts, (faces, 3)))


def slow_pairs(mesh: Mesh) -> list[tuple[int, int]]:
    """By loops over pairs of faces: for edges of at most two faces."""
    where = [tuple(vert) for vert in mesh.verts.tolist()]
    sides = [{frozenset((where[a], where[b])) for a, b in combinations(face, 2)} for face in mesh.faces.tolist()]
    found = []
    for one, other in combinations(range(len(sides)), 2):
        found += [(one, other)] * sum(len(side) == 2 for side in sides[one] & sides[other])
    return found


def test_pairs_equal_a_loop_and_angles_equal_trimesh():
    shape = trimesh.creation.torus(2.0, 0.7, 12, 8)
    mesh = Mesh.from_trimesh(shape)
    found = face_adjacency(mesh)
    assert [tuple(pair) for pair in found.pairs.tolist()] == slow_pairs(mesh)
    theirs = {
        tuple(sorted(pair)): (angle if convex else -angle, np.linalg.norm(np.subtract(*shape.vertices[edge])))
        for pair, angle, convex, edge in zip(
            shape.face_adjacency.tolist(),
            shape.face_adjacency_angles,
            shape.face_adjacency_convex,
            shape.face_adjacency_edges,
            strict=True,
        )
    }
    ours = np.stack([found.dihedral_angle_rad, found.edge_length], 1)
    np.testing.assert_allclose(ours, [theirs[tuple(pair)] for pair in found.pairs.tolist()], atol=1e-5)
    assert (ours[:, 0] < -0.1).any()
    assert (ours[:, 0] > 0.1).any()


def test_a_box_by_hand_and_inside_out():
    box = Mesh.from_trimesh(trimesh.creation.box(extents=[1, 2, 3]))
    found = face_adjacency(box)
    assert len(found.pairs) == 18
    edges, diagonals = found.dihedral_angle_rad != 0, found.dihedral_angle_rad == 0
    torch.testing.assert_close(found.dihedral_angle_rad[edges], torch.full((12,), math.pi / 2))
    assert sorted(found.edge_length[edges].tolist()) == [1.0] * 4 + [2.0] * 4 + [3.0] * 4
    torch.testing.assert_close(
        found.edge_length[diagonals].square().sort().values, torch.tensor([5.0, 5.0, 10.0, 10.0, 13.0, 13.0])
    )
    hollow = face_adjacency(Mesh(box.verts, box.faces.flip(1)))
    assert torch.equal(hollow.pairs, found.pairs)
    torch.testing.assert_close(hollow.dihedral_angle_rad, -found.dihedral_angle_rad)


@pytest.mark.parametrize("angle", [-3.0, -math.pi / 3, 0.0, 0.5, math.pi / 2, 3.1])
def test_a_hinge_of_any_angle(angle):
    """Two triangles about the x axis, the second turned down by `angle`: convex seen from above."""
    wing = [0.3, -math.cos(angle), -math.sin(angle)]
    mesh = mesh_of([[0, 0, 0], [2, 0, 0], [0.5, 1, 0], wing], [[0, 1, 2], [1, 0, 3]])
    found = face_adjacency(mesh)
    assert found.pairs.tolist() == [[0, 1]]
    assert float(found.edge_length) == 2
    assert float(found.dihedral_angle_rad) == pytest.approx(angle, abs=1e-6)


def test_faces_that_disagree_give_a_positive_angle():
    for down in (-1.0, 1.0):
        mesh = mesh_of([[0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, down]], [[0, 1, 2], [0, 1, 3]])
        assert float(face_adjacency(mesh).dihedral_angle_rad) == pytest.approx(math.pi / 2)


def test_around_a_crowded_edge_each_face_meets_the_next_on_both_sides():
    """Five pages of a book, in a scrambled order."""
    turns = [0.0, 2.4, 1.2, 4.8, 3.6]
    verts = [[0, 0, 0], [0, 0, 1], *([math.cos(turn), math.sin(turn), 0.3] for turn in turns)]
    found = face_adjacency(mesh_of(verts, [[0, 1, page + 2] for page in range(5)]))
    assert found.pairs.tolist() == [[0, 2], [0, 3], [1, 2], [1, 4], [3, 4]]
    assert found.edge_length.tolist() == [1.0] * 5


def test_split_vertices_do_not_cut_the_surface():
    ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=1))
    torn = Mesh(ball.triangles().reshape(-1, 3), torch.arange(3 * len(ball.faces)).reshape(-1, 3))
    for ours, theirs in zip(face_adjacency(torn), face_adjacency(ball), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_degenerate_faces_boundaries_and_unused_vertices():
    verts = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [9, 9, 9]]
    assert len(face_adjacency(mesh_of(verts, [[0, 1, 2]])).pairs) == 0
    assert len(face_adjacency(mesh_of(verts, [])).pairs) == 0
    assert len(face_adjacency(mesh_of(verts, [[1, 1, 1], [0, 0, 0]])).pairs) == 0
    found = face_adjacency(mesh_of(verts, [[0, 1, 2], [1, 1, 0]]))  # the second runs along the edge and back
    assert found.pairs.tolist() == [[0, 1]]
    assert found.dihedral_angle_rad.tolist() == [0.0]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=60)
def test_soups_have_few_finite_pairs_that_do_not_depend_on_the_order_of_faces(seed):
    mesh = soup(seed)
    found = face_adjacency(mesh)
    assert len(found.pairs) <= 3 * len(mesh.faces)
    assert bool((found.pairs[:, 0] < found.pairs[:, 1]).all())
    assert bool(torch.isfinite(found.edge_length).all())
    assert bool((found.dihedral_angle_rad.abs() <= 3.1416).all())
    assert set(map(tuple, found.pairs.tolist())) <= set(slow_pairs(mesh))
    order = torch.randperm(len(mesh.faces), generator=torch.Generator().manual_seed(seed))
    shuffled = face_adjacency(Mesh(mesh.verts, mesh.faces[order]))
    assert len(shuffled.pairs) == len(found.pairs)
    assert sorted(shuffled.edge_length.tolist()) == sorted(found.edge_length.tolist())


def test_a_turned_and_grown_mesh_has_the_same_graph():
    mesh = Mesh.from_trimesh(trimesh.creation.annulus(0.5, 1.0, 0.3))
    turn = trimesh.transformations.random_rotation_matrix(np.array([0.1, 0.6, 0.8]))[:3, :3]
    moved = Mesh(3 * mesh.verts @ torch.tensor(turn).float().T + torch.tensor([4.0, 5, 6]), mesh.faces)
    before, after = face_adjacency(mesh), face_adjacency(moved)
    assert torch.equal(after.pairs, before.pairs)
    torch.testing.assert_close(after.edge_length, 3 * before.edge_length, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after.dihedral_angle_rad, before.dihedral_angle_rad, rtol=0, atol=2e-5)
