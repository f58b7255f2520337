"""The thickness of shapes whose thickness is known."""

import pytest
import torch
import trimesh

from geolearn.ops.thickness import vertex_thickness
from geolearn.structures import Mesh


def fine(shape, edge):
    return Mesh.from_trimesh(shape.subdivide_to_size(edge))


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_plates_struts_and_balls(scale):
    for shape, expected in (
        (fine(trimesh.creation.box((1.0, 1.0, 0.08)), 0.1), 0.08),
        (fine(trimesh.creation.box((0.06, 0.06, 1.0)), 0.03), 0.06),
        (Mesh.from_trimesh(trimesh.creation.icosphere(3, 0.5)), 1.0),
    ):
        found = vertex_thickness(Mesh(shape.verts * scale + 3 * scale, shape.faces)) / scale
        assert float(found.median()) == pytest.approx(expected, rel=0.12)


def test_two_thicknesses_in_one_mesh():
    thin = trimesh.creation.box((1.0, 0.05, 0.05), trimesh.transformations.translation_matrix((1.0, 0, 0)))
    mesh = Mesh.from_trimesh(trimesh.util.concatenate([trimesh.creation.box((0.6,) * 3), thin]).subdivide())
    found, far = vertex_thickness(mesh), mesh.verts[:, 0] > 0.4
    assert float(found[far].median()) == pytest.approx(0.05, rel=0.15)
    assert float(found[~far].median()) == pytest.approx(0.6, rel=0.15)


def test_vertices_without_faces_and_open_meshes():
    sheet = Mesh(torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]]), torch.tensor([[0, 1, 2]]))
    assert vertex_thickness(sheet).tolist() == [torch.inf] * 4
    assert vertex_thickness(Mesh(torch.zeros(2, 3), torch.zeros(0, 3, dtype=torch.int64))).tolist() == [torch.inf] * 2
