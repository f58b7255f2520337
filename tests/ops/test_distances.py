"""Distances and sides against loops over all faces, by hand, and against Open3D and trimesh."""

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.errors import InvalidInputError
from geolearn.ops import closest_points, contains, signed_distance, winding_number
from geolearn.structures import Mesh


def ball(subdivisions: int = 3, centre=(0.0, 0.0, 0.0), radius: float = 1.0) -> Mesh:
    shape = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return Mesh(torch.tensor(shape.vertices + np.array(centre)), torch.tensor(shape.faces))


def joined(*meshes: Mesh) -> Mesh:
    before = np.cumsum([0, *(len(mesh.verts) for mesh in meshes)])
    faces = [mesh.faces + int(first) for mesh, first in zip(meshes, before, strict=False)]
    return Mesh(torch.cat([mesh.verts for mesh in meshes]), torch.cat(faces))


def somewhere(count: int, seed: int = 0, size: float = 1.5) -> torch.Tensor:
    return (2 * torch.rand(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1) * size


def plain_distance(triangle: np.ndarray, point: np.ndarray) -> float:
    """To the plane where the foot lies in the triangle, else to the nearest side: another way than the kernel's."""
    a, b, c = triangle
    least = np.inf
    for p, q in ((a, b), (b, c), (c, a)):
        length = (q - p) @ (q - p)
        t = np.clip((point - p) @ (q - p) / length, 0, 1) if length > 0 else 0
        least = min(least, float(np.linalg.norm(point - p - t * (q - p))))
    normal = np.cross(b - a, c - a)
    if normal @ normal > 0:
        inside = [normal @ np.cross(q - p, point - p) >= 0 for p, q in ((a, b), (b, c), (c, a))]
        if all(inside):
            least = min(least, abs(float((point - a) @ normal)) / float(np.linalg.norm(normal)))
    return least


POINT = st.tuples(*[st.integers(-4, 4).map(lambda n: n / 2)] * 3)


@settings(max_examples=60)
@given(st.lists(st.tuples(POINT, POINT, POINT), min_size=1, max_size=20), st.lists(POINT, min_size=1, max_size=5))
def test_the_nearest_of_any_triangles(triangles, points):
    """On a lattice, so that faces without area, equal faces and points on them are common."""
    corners = np.array(triangles, float)
    mesh = Mesh(torch.tensor(corners).reshape(-1, 3), torch.arange(3 * len(corners)).reshape(-1, 3))
    found = closest_points(mesh, torch.tensor(points, dtype=torch.float64))
    for i, point in enumerate(np.array(points)):
        distances = [plain_distance(triangle, point) for triangle in corners]
        assert float(found.distance[i]) == pytest.approx(min(distances), abs=1e-12)
        face = int(found.face_index[i])
        assert distances[face] == pytest.approx(min(distances), abs=1e-12)
        assert plain_distance(corners[face], found.points[i].numpy()) == pytest.approx(0, abs=1e-9)
        assert float(np.linalg.norm(found.points[i].numpy() - point)) == pytest.approx(min(distances), abs=1e-12)


def test_of_faces_that_are_as_near_the_first_counts():
    """A vertex of 300 equal faces, and shared edges: whatever the order in which the tree is walked."""
    verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    mesh = Mesh(verts, torch.tensor([[0, 1, 2]] * 300))
    points = torch.tensor([[0.0, 0, 1], [0.2, 0.2, 3], [-1, -1, 0]]).repeat(100, 1)
    assert closest_points(mesh, points).face_index.unique().tolist() == [0]
    ring = ball(2)
    at_vertices = closest_points(ring, ring.verts * 1.5).face_index
    wanted = [int((ring.faces == vertex).any(1).nonzero()[0]) for vertex in range(len(ring.verts))]
    assert at_vertices.tolist() == wanted


def test_a_needle_far_away_is_measured_right():
    """So flat that the barycentrics of the foot are noise: the sides decide."""
    mesh = Mesh(torch.tensor([[0.0, 0, 0], [1, 0, 0], [0.5, 1e-30, 0]]), torch.tensor([[0, 1, 2]]))
    found = closest_points(mesh, torch.tensor([[0.75, 2.0, 0], [3, 0, 0]], dtype=torch.float64))
    assert found.distance.tolist() == pytest.approx([2, 2], abs=1e-12)


@pytest.mark.parametrize("threads", [1, 3])
def test_open3d_finds_the_same_distances(threads):
    open3d = pytest.importorskip("open3d")
    mesh, points = ball(3), somewhere(3000)
    scene = open3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(
        open3d.core.Tensor(mesh.verts.numpy()), open3d.core.Tensor(mesh.faces.numpy().astype(np.uint32))
    )
    wanted = scene.compute_signed_distance(open3d.core.Tensor(points.float().numpy()), nsamples=5).numpy()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = signed_distance(mesh, points.float())
    finally:
        torch.set_num_threads(before)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), wanted, atol=2e-6)


def test_trimesh_finds_the_same_points():
    """Its nearest point of every triangle to every point; the least counts."""
    mesh, points = ball(1), somewhere(200).numpy()
    triangles = mesh.triangles().double().numpy()
    each = trimesh.triangles.closest_point(
        np.tile(triangles, (len(points), 1, 1)), np.repeat(points, len(triangles), 0)
    )
    each = each.reshape(len(points), len(triangles), 3)
    distances = np.linalg.norm(each - points[:, None], axis=2)
    best = distances.argmin(1)
    found = closest_points(mesh, torch.from_numpy(points))
    np.testing.assert_allclose(found.distance.numpy(), distances.min(1), atol=1e-12)
    np.testing.assert_allclose(found.points.numpy(), each[np.arange(len(points)), best], atol=1e-9)


def plain_winding_number(mesh: Mesh, points: torch.Tensor) -> torch.Tensor:
    a, b, c = (mesh.triangles().double()[None] - points[:, None, None]).unbind(2)
    la, lb, lc = (x.norm(dim=-1) for x in (a, b, c))
    below = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
    return torch.atan2((a * torch.linalg.cross(b, c)).sum(-1), below).sum(1) / (2 * torch.pi)


def test_the_winding_number_is_the_sum_of_solid_angles():
    mesh = ball(3)
    half = Mesh(mesh.verts, mesh.faces[mesh.triangles().mean(1)[:, 2] < 0.2])
    points = somewhere(500)
    assert (winding_number(half, points) - plain_winding_number(half, points)).abs().max() < 0.02


def test_overlapping_open_and_turned_shapes():
    one, other = ball(3, (0.4, 0, 0)), ball(3, (-0.4, 0, 0))
    both = joined(one, other)
    points = torch.tensor([[0.0, 0, 0], [1.2, 0, 0], [-1.2, 0, 0], [0, 0, 1.2], [2, 0, 0]])
    assert winding_number(both, points).round().tolist() == [2, 1, 1, 0, 0]
    assert contains(both, points).tolist() == [True, True, True, False, False]
    turned = Mesh(one.verts, one.faces.flip(1))
    assert contains(turned, points).tolist() == [True, True, False, False, False]
    lid = ball(3)
    bowl = Mesh(lid.verts, lid.faces[lid.triangles().mean(1)[:, 2] < 0.8])
    assert contains(bowl, torch.tensor([[0.0, 0, 0], [0, 0, 0.5], [0, 0, 1.5]])).tolist() == [True, True, False]


def test_signs_and_shapes_by_hand():
    box = Mesh.from_trimesh(trimesh.creation.box())  # from -1/2 to 1/2
    points = torch.tensor([[[0.0, 0, 0], [0.25, 0, 0]], [[0.5, 0, 0], [1.5, 0, 0]]])
    assert signed_distance(box, points).tolist() == [[-0.5, -0.25], [0, 1]]
    assert closest_points(box, points).points.shape == (2, 2, 3)
    assert contains(box, points[:0]).shape == (0, 2)
    assert signed_distance(box, torch.tensor([0.0, 0, 2.0])).tolist() == 1.5


def test_what_cannot_be_measured(as_installed):
    box, empty = ball(0), Mesh(torch.zeros(0, 3), torch.zeros(0, 3))
    for measure in (signed_distance, contains, winding_number, closest_points):
        with pytest.raises(InvalidInputError, match="mesh: expected at least one face"):
            measure(empty, torch.zeros(1, 3))
        with pytest.raises(InvalidInputError, match="points: expected finite positions"):
            measure(box, torch.tensor([[0.0, float("nan"), 0]]))
        with pytest.raises(InvalidInputError, match=r"points: expected positions .* as floats, got \(1, 2\)"):
            measure(box, torch.zeros(1, 2))
