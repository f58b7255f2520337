"""Fewer faces, and labels and values carried between meshes."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.face_geometry import face_areas
from geolearn.ops.simplification import carry_labels, carry_values, face_map, simplify
from geolearn.structures import Mesh

pytest.importorskip("fast_simplification")


def sheet(cells: int, scale: float = 1.0) -> Mesh:
    """A square of 2 cells^2 triangles, label 1 where x > 0.3 of its side."""
    line = torch.linspace(0, scale, cells + 1)
    verts = torch.stack([*torch.meshgrid(line, line, indexing="ij"), torch.zeros(cells + 1, cells + 1)], -1)
    corner = (torch.arange(cells)[:, None] * (cells + 1) + torch.arange(cells)).reshape(-1)
    step = cells + 1
    faces = torch.cat(
        [
            torch.stack([corner, corner + step, corner + 1], 1),
            torch.stack([corner + step, corner + step + 1, corner + 1], 1),
        ]
    )
    mesh = Mesh(verts.reshape(-1, 3), faces, name="sheet")
    return Mesh(mesh.verts, mesh.faces, (mesh.triangles().mean(1)[:, 0] > 0.3 * scale).long(), "sheet")


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e4])
def test_a_sheet_keeps_its_place_area_and_labels(scale):
    mesh = sheet(20, scale)
    coarse = simplify(mesh, 200)
    assert 100 < len(coarse.faces) <= 200
    assert coarse.name == "sheet"
    assert torch.allclose(coarse.bounds, mesh.bounds, atol=1e-4 * scale)
    areas = face_areas(coarse.triangles()) / scale**2
    assert float(areas.sum()) == pytest.approx(1, rel=0.05)  # the rim loses corners
    assert float(areas[coarse.face_labels == 1].sum()) == pytest.approx(0.7, abs=0.1)


def test_a_small_mesh_stays_as_it_is():
    mesh = sheet(3)
    assert simplify(mesh, 18) is mesh
    with pytest.raises(InvalidInputError, match="max_faces: expected at least 4, got 3"):
        simplify(mesh, 3)


def test_values_of_the_same_mesh_come_back():
    mesh = sheet(4)
    values = torch.rand(len(mesh.faces), 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(carry_values(face_map(mesh, mesh), values), values, atol=1e-6)


def test_values_are_weighted_by_squared_distance():
    """Faces of one plane; the centre of the first lies at distances 1 and 2 of the others."""
    triangle = torch.tensor([[-0.1, -0.1, 0], [0.1, -0.1, 0], [0.0, 0.2, 0]])
    one = Mesh(triangle, torch.tensor([[0, 1, 2]]))
    others = Mesh(
        torch.cat([triangle + torch.tensor([1.0, 0, 0]), triangle - torch.tensor([2.0, 0, 0])]),
        torch.tensor([[0, 1, 2], [3, 4, 5]]),
    )
    found = face_map(one, others)
    assert found.index.tolist() == [[0, 1]]
    assert found.weight[0].tolist() == pytest.approx([0.8, 0.2])
    assert float(carry_values(found, torch.tensor([5.0, 10.0]))) == pytest.approx(6)


def test_the_other_side_of_a_thin_plate_is_far():
    front = sheet(6)
    back = Mesh(front.verts - torch.tensor([0.0, 0, 1e-3]), front.faces.flip(1))
    both = Mesh(torch.cat([front.verts, back.verts]), torch.cat([front.faces, back.faces + len(front.verts)]))
    assert int(face_map(front, both, 1).index.max()) < len(front.faces)


def test_labels_go_by_area_and_every_face_gets_one():
    fine, coarse = sheet(10), sheet(2)
    votes = torch.zeros(8, 2)
    for centre, label in zip(fine.triangles().mean(1), fine.face_labels.tolist(), strict=True):
        votes[int((coarse.triangles().mean(1) - centre).norm(dim=1).argmin()), label] += 1
    assert torch.equal(carry_labels(fine, coarse), votes.argmax(1))
    assert torch.equal(carry_labels(sheet(2), fine), sheet(2).face_labels[face_map(fine, sheet(2), 1).index[:, 0]])
    with pytest.raises(InvalidInputError, match="mesh: '' has no face_labels to carry"):
        carry_labels(Mesh(fine.verts, fine.faces), coarse)
