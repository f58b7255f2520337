"""Meshes through a flow network: what moves, what stays, and what is done about foldover."""

import math

import pytest
import torch

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.models import DeformationFlowNet, attribute_motions, deform_mesh
from geolearn.structures import Mesh


class Stretch(DeformationFlowNet):
    """Attribute 0 stretches along z from the lowest cells up, attribute 1 shears, attribute 2 folds a plane over."""

    def __init__(self):
        super().__init__(3, 16, widths=(4, 4), track_size=0)

    def velocities(self, grid):
        field = torch.zeros(len(grid), 3, 3, 16, 16, 16)
        cells = torch.arange(16) + 0.5 - 4
        field[:, 0, 2] = cells
        field[:, 1, 0] = cells
        field[:, 2, 2, :, :, 7] = 3.0
        return field


def block() -> Mesh:
    """2 x 3 x 4, its lowest corner at the origin, so a cell of the 16^3 grid measures 1/2."""
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3) * torch.tensor([2.0, 3.0, 4.0])
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [(a, b, c) for a, b, c, _ in quads] + [(a, c, d) for a, _, c, d in quads]
    return Mesh(corners, torch.tensor(faces), torch.arange(12), "block")


def test_amounts_add_up_in_the_unit_of_the_mesh():
    mesh, net = block(), Stretch()
    result = deform_mesh(net, mesh, torch.tensor([0.5, -0.25, 0.0]))
    x, y, z = mesh.verts.T
    torch.testing.assert_close(result.mesh.verts, torch.stack([x - 0.25 * z, y, 1.5 * z], 1), atol=1e-4, rtol=1e-4)
    assert torch.equal(result.mesh.faces, mesh.faces)
    assert torch.equal(result.mesh.face_labels, mesh.face_labels)
    assert result.mesh.name == "block"
    assert result.foldover.share == 0
    assert result.foldover.lowest == pytest.approx(1.5, abs=1e-3)


def test_motions_are_what_an_amount_of_one_does():
    mesh, net = block(), Stretch()
    motions = attribute_motions(net, mesh, [1, 0])
    for place, k in enumerate((1, 0)):
        alone = deform_mesh(net, mesh, torch.eye(3)[k]).mesh
        torch.testing.assert_close(motions[place], alone.verts - mesh.verts, atol=1e-5, rtol=1e-5)


def test_no_amount_returns_the_mesh_itself():
    mesh = block()
    for prevent in ("none", "damp", "integrate"):
        assert deform_mesh(Stretch(), mesh, torch.zeros(3), prevent=prevent).mesh is mesh


def test_foldover_is_reported_and_prevented():
    mesh, net = block(), Stretch()
    intention = torch.tensor([0.0, 0.0, 1.0])
    folded = deform_mesh(net, mesh, intention)
    assert folded.foldover.lowest == pytest.approx(-2, abs=1e-3)
    assert folded.foldover.share == folded.unprevented.share > 0.05
    for prevent in ("damp", "integrate"):
        result = deform_mesh(net, mesh, intention, prevent=prevent)
        assert result.unprevented.share == folded.foldover.share
        assert result.foldover.share == 0
        assert result.foldover.lowest > 0
        assert float(result.flow.abs().max()) > 0.3 * float(folded.flow.abs().max())


def test_integrated_the_logarithm_of_a_stretch_gives_the_stretch():
    mesh, net = block(), Stretch()
    result = deform_mesh(net, mesh, torch.tensor([math.log(1.5), 0.0, 0.0]), prevent="integrate")
    torch.testing.assert_close(result.mesh.verts[:, 2], 1.5 * mesh.verts[:, 2], atol=2e-2, rtol=1e-2)


def test_the_place_and_size_of_the_mesh_do_not_matter():
    mesh, net = block(), Stretch()
    intention = torch.tensor([0.5, 0.3, 0.0])
    far = Mesh(mesh.verts * 100 + torch.tensor([500.0, 0, -70]), mesh.faces)
    moved, expected = deform_mesh(net, far, intention).mesh.verts, deform_mesh(net, mesh, intention).mesh.verts
    torch.testing.assert_close(moved, expected * 100 + torch.tensor([500.0, 0, -70]), atol=0.05, rtol=1e-4)


@pytest.mark.usefixtures("as_installed")
def test_refusals():
    mesh, net = block(), Stretch()
    with pytest.raises(InvalidInputError, match=r"expected 3 finite amounts, one for each attribute, got \[1\.0\]"):
        deform_mesh(net, mesh, torch.ones(1))
    with pytest.raises(InvalidInputError, match="expected 3 finite amounts"):
        deform_mesh(net, mesh, torch.tensor([0.0, math.nan, 0.0]))
    with pytest.raises(UnknownNameError, match=r"unknown prevention of foldover 'damping'\. Did you mean 'damp'"):
        deform_mesh(net, mesh, torch.zeros(3), prevent="damping")
    with pytest.raises(InvalidInputError, match="has no faces"):
        deform_mesh(net, Mesh(mesh.verts, mesh.faces[:0]), torch.zeros(3))
