"""Paths along surfaces: how long they are where the way is known, and which samples stand for what."""

import numpy as np
import pytest
import torch
import trimesh
from feature_meshes import ball, flat_square, join, soup
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.kernels.geodesics import distances_from
from geolearn.ops import face_cross
from geolearn.ops.surface_graph import surface_graph, surface_samples
from geolearn.ops.welding import weld_vertices
from geolearn.structures import Mesh


def parts(mesh: Mesh):
    verts, faces = weld_vertices(mesh.verts.double(), mesh.faces)
    return verts.numpy(), faces.numpy(), face_cross(verts[faces]).numpy()


def even_plane(cells: int):
    """Equilateral triangles, 2 cells^2 of them."""
    mesh = flat_square(cells)
    i, j = (mesh.verts[:, :2].double().numpy() * cells).T
    faces = np.arange((cells + 1) ** 2).reshape(cells + 1, -1)
    a, b, c, d = (
        faces[x, y].reshape(-1)
        for x, y in (
            (slice(-1), slice(-1)),
            (slice(1, None), slice(-1)),
            (slice(1, None), slice(1, None)),
            (slice(-1), slice(1, None)),
        )
    )
    verts = np.stack([i + j / 2, j * 3**0.5 / 2, 0 * i], 1)
    return verts, np.concatenate([np.stack([a, b, d], 1), np.stack([b, c, d], 1)])


def test_paths_on_an_even_plane_turn_in_steps_of_30_degrees():
    verts, faces = even_plane(24)
    graph = surface_graph(verts, faces)
    source = np.array([12 * 25 + 12])
    found = distances_from(source, verts, *graph)[0].astype(float)
    straight = np.linalg.norm(verts - verts[source], axis=1)
    ratio = found[straight > 0] / straight[straight > 0]
    assert ratio.min() >= 1 - 1e-6
    assert 1.03 < ratio.max() < 1 / np.cos(np.pi / 12) + 1e-6
    steps = {length: round(float(length), 3) for length in graph.length}
    assert set(steps.values()) == {1.0, 1.732}


def test_a_line_across_is_left_out_where_it_misses_the_edge():
    """A kite and a dart over the same edge, bent: unfolded, the dart's corners see each other only past its end."""
    for far, linked in ((0.5, True), (3.0, False)):
        verts = np.array([[0.0, 0, 0], [1, 0, 0], [far, 1.0, 0.0], [far, 0.0, 1.0]])
        graph = surface_graph(verts, np.array([[0, 1, 2], [1, 0, 3]]))
        others = graph.neighbour[graph.start[2] : graph.start[3]]
        assert (3 in others) == linked
        if linked:
            assert graph.length[graph.start[2] : graph.start[3]][list(others).index(3)] == pytest.approx(2)


def test_mean_error_on_a_ball_is_two_percent():
    verts, faces, _ = parts(ball(4))
    found = distances_from(np.array([0]), verts, *surface_graph(verts, faces))[0]
    arc = np.arccos(np.clip(verts @ verts[0], -1, 1))
    ratio = found[arc > 0.1] / arc[arc > 0.1]
    assert ratio.min() > 0.995
    assert 1.0 < ratio.mean() < 1.025
    assert ratio.max() < 1.04


def test_distances_agree_with_exact_ones_of_libigl():
    igl = pytest.importorskip("igl")
    verts, faces, _ = parts(Mesh.from_trimesh(trimesh.creation.torus(1.0, 0.4, 40, 20)))
    found = distances_from(np.array([5]), verts, *surface_graph(verts, faces))[0]
    none = np.zeros(0, np.int64)
    exact = igl.exact_geodesic(verts, faces, np.array([5]), none, np.arange(len(verts)), none)
    ratio = found[exact > 0.2] / exact[exact > 0.2]
    assert ratio.min() > 1 - 1e-5
    assert ratio.mean() < 1.03
    assert ratio.max() < 1.09


def test_samples_share_the_area_and_are_far_from_each_other():
    verts, faces, cross = parts(ball(3))
    samples = surface_samples(verts, faces, cross, 64)
    assert samples.weights.sum() == pytest.approx(1)
    assert samples.weights.min() > 0.4 / 64
    assert samples.weights.max() < 2 / 64
    between = samples.distance[[int(np.abs(verts - point).sum(1).argmin()) for point in samples.points]]
    assert np.sort(between, 1)[:, 1].min() > 0.3  # 64 caps of equal area have a radius of 0.25
    np.testing.assert_allclose(samples.normals, samples.points, atol=0.05)


@given(seed=st.integers(0, 1000))
@settings(max_examples=20)
def test_any_mesh_has_finite_distances(seed):
    verts, faces, cross = parts(soup(seed))
    samples = surface_samples(verts, faces, cross, 5)
    assert np.isfinite(samples.distance).all()
    assert samples.weights.sum() == pytest.approx(1)
    straight = np.linalg.norm(verts[:, None] - samples.points, axis=2)
    assert (samples.distance >= straight * (1 - 1e-5)).all()


def test_components_are_as_far_as_a_straight_line():
    one = ball(1)
    verts, faces, cross = parts(join(one, Mesh(one.verts + torch.tensor([7.0, 0, 0]), one.faces)))
    samples = surface_samples(verts, faces, cross, 10)
    left = samples.points[:, 0] < 3
    assert 3 <= left.sum() <= 7
    apart = (verts[:, :1] > 3) == left
    straight = np.linalg.norm(verts[:, None] - samples.points, axis=2)
    np.testing.assert_allclose(samples.distance[apart], straight[apart], rtol=1e-5)


def test_nothing_has_no_samples():
    nothing = surface_samples(np.zeros((0, 3)), np.zeros((0, 3), np.int64), np.zeros((0, 3)), 8)
    assert [part.shape for part in nothing] == [(0, 3), (0, 3), (0,), (0, 0)]
