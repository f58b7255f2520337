"""`sample_surface`: points lie on the faces they name, uniformly by area, reproducibly."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops import sample_surface
from geolearn.structures import Mesh, MeshBatch


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def square() -> Mesh:
    """A unit square of two triangles, a triangle of 3/2 its area, a degenerate face and an unused vertex."""
    verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [9, 9, 9], [0, 0, 3], [0, 1, 3]])
    return Mesh(verts, torch.tensor([[0, 1, 2], [0, 0, 1], [0, 2, 3], [0, 5, 6]]), name="square")


def test_points_lie_on_the_faces_they_name(square):
    samples = sample_surface(square, 500, generator=seeded())
    a, b, c = square.triangles()[samples.face_index].unbind(1)
    weights = torch.linalg.lstsq(torch.stack([b - a, c - a], -1), (samples.points - a)[..., None]).solution[..., 0]
    on_face = a + weights[:, :1] * (b - a) + weights[:, 1:] * (c - a)
    torch.testing.assert_close(on_face, samples.points, rtol=0, atol=1e-5)
    assert weights.min() >= -1e-5
    assert weights.sum(1).max() <= 1 + 1e-5


def test_normals_are_those_of_the_faces(square):
    samples = sample_surface(square, 200, generator=seeded())
    expected = torch.tensor([[0.0, 0, 1], [0, 0, 0], [0, 0, 1], [-1, 0, 0]])
    torch.testing.assert_close(samples.normals, expected[samples.face_index])


def test_faces_are_drawn_by_area_and_degenerate_ones_never(square):
    count = 40_000
    drawn = torch.bincount(sample_surface(square, count, generator=seeded(1)).face_index, minlength=4) / count
    share = torch.tensor([0.5, 0.0, 0.5, 1.5]) / 2.5
    assert drawn[1] == 0
    assert ((drawn - share).abs() <= 5 * (share * (1 - share) / count).sqrt()).all()


def test_points_are_uniform_within_a_face():
    """Moments of the triangle (0,0), (1,0), (0,1): means 1/3, E[xy] = 1/12, E[x^2] = E[y^2] = 1/6."""
    mesh = Mesh(torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]]))
    x, y, z = sample_surface(mesh, 200_000, generator=seeded(2)).points.double().unbind(1)
    moments = torch.stack([x.mean(), y.mean(), (x * y).mean(), (x * x).mean(), (y * y).mean()])
    expected = torch.tensor([1 / 3, 1 / 3, 1 / 12, 1 / 6, 1 / 6], dtype=torch.float64)
    torch.testing.assert_close(moments, expected, rtol=0, atol=0.003)
    assert (z == 0).all()


def test_the_generator_decides(square):
    first, again, other = (sample_surface(square, 50, generator=seeded(seed)) for seed in (3, 3, 4))
    for one, same, different in zip(first, again, other, strict=True):
        assert torch.equal(one, same)
        assert not torch.equal(one, different)


def test_a_batch_draws_each_mesh_from_its_own_faces(square):
    """Sizes that differ by 1e16: neither may lose its faces to the other's running sum."""
    tiny = Mesh(square.verts * 1e-8, square.faces[:2])
    huge = Mesh(square.verts * 1e8, square.faces[2:])
    samples = sample_surface(MeshBatch.from_meshes([huge, tiny, square]), 300, generator=seeded(5))
    assert samples.points.shape == samples.normals.shape == (3, 300, 3)
    assert set(samples.face_index[0].tolist()) == {0, 1}
    assert set(samples.face_index[1].tolist()) == {0}
    assert set(samples.face_index[2].tolist()) == {0, 2, 3}
    assert samples.points[1].abs().max() <= 1e-8
    assert samples.points[0].max() > 1e7
    torch.testing.assert_close(samples.normals[1], torch.tensor([[0.0, 0, 1]]).expand(300, 3))


def test_points_move_with_the_vertices(square):
    """Differentiable: the gradient of the sum of all points with respect to the vertices is one per point."""
    verts = square.verts.clone().requires_grad_()
    samples = sample_surface(Mesh(verts, square.faces), 64, generator=seeded(6))
    samples.points.sum().backward()
    torch.testing.assert_close(verts.grad.sum(0), torch.full((3,), 64.0))
    assert verts.grad[4].eq(0).all()


def test_no_points(square):
    samples = sample_surface(square, 0, generator=seeded())
    assert samples.points.shape == (0, 3)
    assert samples.face_index.shape == (0,)


def test_what_cannot_be_sampled_is_refused(square):
    flat = Mesh(square.verts, square.faces[1:2], name="flat")
    empty = Mesh(square.verts, square.faces[:0], name="empty")
    with pytest.raises(InvalidInputError, match=r"mesh: 'flat' \(number 0\) has no face with an area"):
        sample_surface(flat, 5, generator=seeded())
    with pytest.raises(InvalidInputError, match=r"mesh: 'empty' \(number 1\) has no face with an area"):
        sample_surface(MeshBatch.from_meshes([square, empty]), 5, generator=seeded())
    with pytest.raises(InvalidInputError, match=r"count: expected at least 0 points, got -1"):
        sample_surface(square, -1, generator=seeded())
