"""Cross products, normals and areas of triangles, and their gradients."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from geolearn.ops import face_areas, face_cross, face_normals


def random_triangles(seed, count=20):
    return torch.randn(count, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_right_triangle_by_hand():
    triangle = torch.tensor([[[1.0, 1.0, 1.0], [1.0, 4.0, 1.0], [1.0, 1.0, 3.0]]])
    assert face_cross(triangle).tolist() == [[6.0, 0.0, 0.0]]
    assert face_normals(triangle).tolist() == [[1.0, 0.0, 0.0]]
    assert face_areas(triangle).tolist() == [3.0]
    assert face_normals(triangle.flip(1)).tolist() == [[-1.0, 0.0, 0.0]]


@given(seed=st.integers(0, 1000))
def test_heron_and_orthogonality(seed):
    triangles = random_triangles(seed)
    sides = (triangles - triangles.roll(-1, 1)).norm(dim=2)
    half = sides.sum(1) / 2
    heron = (half * (half[:, None] - sides).prod(1)).sqrt()
    torch.testing.assert_close(face_areas(triangles), heron, rtol=1e-5, atol=1e-7)
    normals = face_normals(triangles)
    torch.testing.assert_close(normals.norm(dim=1), torch.ones(20, dtype=torch.float64))
    for side in (triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 1]):
        torch.testing.assert_close((normals * side).sum(1), torch.zeros(20, dtype=torch.float64), rtol=0, atol=1e-10)


def test_leading_dimensions_and_strides_are_kept():
    triangles = random_triangles(0, 24)
    assert torch.equal(face_areas(triangles.reshape(2, 3, 4, 3, 3)), face_areas(triangles).reshape(2, 3, 4))
    strided = triangles.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    assert torch.equal(face_cross(strided), face_cross(triangles))


def test_gradients_and_their_absence_in_a_point():
    triangles = random_triangles(1, 3).requires_grad_()
    for function in (face_cross, face_normals, face_areas):
        assert torch.autograd.gradcheck(function, triangles)
    point = torch.ones(1, 3, 3, requires_grad=True)
    assert face_normals(point).tolist() == [[0.0, 0.0, 0.0]]
    (face_normals(point).sum() + face_areas(point).sum()).backward()
    assert torch.equal(point.grad, torch.zeros(1, 3, 3))
