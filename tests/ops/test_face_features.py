"""What holds for every family of features: sizes, invariance, finite values, no say of threads."""

import math

import numpy as np
import pytest
import torch
import trimesh
from feature_meshes import ball, flat_square, join, lopsided, soup
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn import ops
from geolearn.ops import FEATURE_COLUMNS, face_features
from geolearn.ops.feature_surface import FeatureSurface
from geolearn.structures import Mesh

FAMILIES = {
    "curvature": (ops.curvature_features, 64),
    "local_pca": (ops.local_pca_features, 48),
    "shape_contexts": (ops.shape_context_features, 270),
    "geodesic_distance": (ops.geodesic_distance_features, 15),
    "shape_diameter": (ops.shape_diameter_features, 72),
    "medial_distance": (ops.medial_distance_features, 24),
    "spin_images": (ops.spin_image_features, 100),
}
HISTOGRAMS = "shape_contexts", "spin_images"  # roots of shares, steep at 0
families = pytest.mark.parametrize("family", FAMILIES)


def assert_alike(family, values, expected):
    torch.testing.assert_close(values, expected, rtol=0, atol=3e-3 if family in HISTOGRAMS else 2e-4)


@pytest.fixture(scope="module")
def bumpy() -> Mesh:
    return lopsided()


@pytest.fixture(scope="module")
def features(bumpy):
    return face_features(bumpy)


def test_columns_hold_the_families_side_by_side(bumpy, features):
    assert features.shape == (len(bumpy.faces), 600)
    assert list(FEATURE_COLUMNS) == list(FAMILIES)
    first = 0
    for name, (function, size) in FAMILIES.items():
        assert FEATURE_COLUMNS[name] == slice(first, first + size)
        assert torch.equal(function(bumpy), features[:, first : first + size]), name
        first += size
    assert torch.equal(features[:, first:], torch.zeros(len(bumpy.faces), 7))


@families
def test_values_differ_between_faces_and_stay_near_one(family, features):
    values = features[:, FEATURE_COLUMNS[family]]
    assert float(values.abs().max()) < 6
    # The shape is compact and closed: it leaves the bins far out empty, and all rays leave it.
    assert (values.std(0) > 1e-4).float().mean() > (0.55 if family in HISTOGRAMS else 0.94)
    assert torch.unique(values.round(decimals=4), dim=0).shape[0] > 0.95 * len(values)


@families
def test_quarter_turns_and_powers_of_two_change_nothing(family, bumpy, features):
    """Without rounding, so that every choice between equals falls the same way."""
    verts = bumpy.verts
    moved = Mesh(4 * torch.stack([verts[:, 1], -verts[:, 0], verts[:, 2]], 1), bumpy.faces)
    assert_alike(family, FAMILIES[family][0](moved), features[:, FEATURE_COLUMNS[family]])


@families
def test_any_motion_and_scale_change_next_to_nothing(family, bumpy, features):
    """Rounding moves single rays to the other side of an edge."""
    turn = torch.tensor(trimesh.transformations.random_rotation_matrix(np.array([0.3, 0.7, 0.2]))[:3, :3]).float()
    moved = Mesh(0.013 * (bumpy.verts @ turn.T) + torch.tensor([0.5, -0.2, 0.1]), bumpy.faces)
    change = (FAMILIES[family][0](moved) - features[:, FEATURE_COLUMNS[family]]).abs()
    assert float(change.quantile(0.99)) < 5e-3
    assert float(change.mean()) < 1e-3


@families
def test_order_of_faces_and_vertices_changes_nothing(family, bumpy, features):
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(bumpy.faces), generator=generator)
    number = torch.randperm(len(bumpy.verts), generator=generator)
    shuffled = Mesh(bumpy.verts[number], number.argsort()[bumpy.faces][order])
    expected = features[order, FEATURE_COLUMNS[family]]
    assert_alike(family, FAMILIES[family][0](shuffled), expected)


def test_inside_out_split_and_unused_vertices_change_nothing(bumpy, features):
    torn = bumpy.triangles().reshape(-1, 3)
    faces = torch.arange(len(torn)).reshape(-1, 3).flip(1)
    changed = face_features(Mesh(torch.cat([torn, torch.full((1, 3), 99.0)]), faces))
    # The first side of a face, where its rays begin, is another one now.
    for name in ("curvature", "local_pca", "shape_contexts", "geodesic_distance", "spin_images"):
        columns = FEATURE_COLUMNS[name]
        assert_alike(name, changed[:, columns], features[:, columns])
    rays = features[:, FEATURE_COLUMNS["shape_diameter"]]
    assert float((changed[:, FEATURE_COLUMNS["shape_diameter"]] - rays).abs().mean()) < 0.06


def test_threads_change_nothing_to_the_bit(bumpy, features):
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert torch.equal(face_features(bumpy), features)
    finally:
        torch.set_num_threads(before)


@families
def test_how_a_flat_part_is_divided_matters_little(family):
    """A box of 12 faces and the same box in 3,072: features of a large face are the mean of those of its parts."""
    coarse = trimesh.creation.box(extents=[1.0, 0.6, 0.3])
    fine, parent = coarse, np.arange(12)
    for _ in range(4):
        verts, faces, index = trimesh.remesh.subdivide(fine.vertices, fine.faces, return_index=True)
        owner = np.empty(len(faces), np.int64)
        for face, parts in index.items():
            owner[parts] = parent[face]
        fine, parent = trimesh.Trimesh(verts, faces, process=False), owner
    function, _ = FAMILIES[family]
    of_coarse, of_fine = function(Mesh.from_trimesh(coarse)), function(Mesh.from_trimesh(fine))
    means = torch.stack([of_fine[torch.tensor(parent == face)].mean(0) for face in range(12)])
    assert float((of_coarse - means).abs().mean()) < 0.06


@given(seed=st.integers(0, 10_000))
@settings(max_examples=8)
def test_broken_meshes_give_finite_values(seed):
    mesh = soup(seed)
    values = face_features(mesh)
    assert bool(torch.isfinite(values).all())
    assert float(values.abs().max()) < 100


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e15])
def test_small_and_flat_and_pointlike_meshes_give_finite_values(scale):
    empty = torch.zeros(0, 3, dtype=torch.int64)
    triangle = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    for mesh in (
        Mesh(triangle * scale, empty),
        Mesh(triangle * scale, torch.tensor([[0, 1, 2]])),
        Mesh(triangle * scale, torch.tensor([[0, 0, 1], [1, 1, 1]])),
        Mesh(torch.ones(3, 3) * scale, torch.tensor([[0, 1, 2]])),
        join(ball(0), Mesh(triangle * 1e-4 + 5, torch.tensor([[0, 1, 2], [0, 1, 1]]))),
    ):
        values = face_features(mesh)
        assert values.shape == (len(mesh.faces), 600)
        assert bool(torch.isfinite(values).all())


def test_parts_that_do_not_touch_see_each_other_from_afar():
    two = join(ball(2), Mesh(ball(2).verts + torch.tensor([5.0, 0, 0]), ball(2).faces))
    values = face_features(two)
    assert bool(torch.isfinite(values).all())
    one, other = values[: len(values) // 2], values[len(values) // 2 :]
    mean = FEATURE_COLUMNS["geodesic_distance"].start
    # Half of the area is a straight 5 away on average, the other half as on one ball: pi / 2.
    expected = (5 + math.pi / 2) / 2 / (8 * math.pi) ** 0.5
    assert float(values[:, mean].mean()) == pytest.approx(expected, rel=0.04)
    assert float((one - other)[:, mean].abs().max()) < 0.8


def test_the_surface_is_of_area_one_about_its_centre_and_even():
    box = Mesh.from_trimesh(trimesh.creation.box(extents=[40, 40, 1]))
    surface = FeatureSurface(Mesh(box.verts + 100, box.faces))
    assert surface.areas.sum() == pytest.approx(1)
    np.testing.assert_allclose(surface.areas @ surface.centres, 0, atol=1e-9)
    sides = np.linalg.norm(surface.corners - np.roll(surface.corners, -1, 1), axis=2)
    assert sides.max() <= 0.07
    assert surface.per_face(surface.normals).shape == (12, 3)
    torch.testing.assert_close(
        surface.per_face(surface.normals), torch.tensor(trimesh.creation.box().face_normals).float()
    )


def test_devices_and_gradients_are_left_out():
    mesh = flat_square(2)
    values = face_features(Mesh(mesh.verts.requires_grad_(), mesh.faces))
    assert not values.requires_grad
    assert values.dtype == torch.float32


def test_the_real_meshes(unpacked):
    """Finite and in range on real shapes; the thinnest fifth of an ant is its limbs, far from its middle."""
    folder = unpacked("lpsb.tar.xz") / "LabeledDB_new"
    shape = trimesh.load(folder / "Ant/81.off", process=False)
    values = face_features(Mesh.from_trimesh(shape))
    assert bool(torch.isfinite(values).all())
    assert float(values.abs().max()) < 6
    thickness = values[:, FEATURE_COLUMNS["shape_diameter"].start + 54]
    remoteness = values[:, FEATURE_COLUMNS["geodesic_distance"].start]
    thin = thickness < thickness.quantile(0.2)
    assert float(remoteness[thin].mean()) > float(remoteness[~thin].mean()) * 1.1
