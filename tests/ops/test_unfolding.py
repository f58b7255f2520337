"""Folded and degenerate faces: counted by hand, and smoothed away where they are."""

import torch

from geolearn.fitting import soundness
from geolearn.ops import flawed_faces, unfold
from geolearn.ops.isosurface import isosurface
from geolearn.ops.remeshing import remesh
from geolearn.structures import Mesh


def fan(middle):
    """Eight triangles around a point, in a square."""
    rim = torch.tensor([[1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]])
    verts = torch.cat([torch.tensor([[*middle, 0.0]]), torch.nn.functional.pad(rim.float(), (0, 1))])
    following = torch.arange(8)
    return Mesh(verts, torch.stack([torch.zeros(8, dtype=torch.int64), following + 1, (following + 1) % 8 + 1], 1))


def ball():
    axis = torch.linspace(-1.2, 1.2, 24)
    radius = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).norm(dim=0)
    mesh = isosurface(1 - radius, 0.0)
    return remesh(Mesh(mesh.verts / 23 * 2.4 - 1.2, mesh.faces), 0.15)


def test_flaws_by_hand():
    folded, degenerate = flawed_faces(fan((0.2, 0.1)))
    assert not folded.any()
    assert not degenerate.any()
    folded, degenerate = flawed_faces(fan((0.5, 1.2)))  # beyond the upper side: its two faces turn over
    assert folded.nonzero()[:, 0].tolist() == [1, 2]
    assert not degenerate.any()
    folded, degenerate = flawed_faces(fan((0.5, 1.0)))  # on the upper side
    assert degenerate.nonzero()[:, 0].tolist() == [1, 2]


def test_the_threshold_of_a_degenerate_face():
    """4 sqrt(3) area / sum of squared sides of a flat triangle of base 1 and height h is 4 sqrt(3) h / 2 / (3 / 2)."""
    for quality, wanted in ((0.9e-3, True), (1.1e-3, False)):
        height = quality * 1.5 / (2 * 3**0.5)
        mesh = Mesh(torch.tensor([[0.0, 0, 0], [1, 0, 0], [0.5, height, 0]]), torch.tensor([[0, 1, 2]]))
        assert flawed_faces(mesh)[1].tolist() == [wanted]


def test_a_sound_mesh_is_left_alone():
    mesh = ball()
    assert torch.equal(unfold(mesh).verts, mesh.verts)


def test_only_what_is_folded_moves():
    mesh = ball()
    verts = mesh.verts.clone()
    generator = torch.Generator().manual_seed(3)
    pulled = torch.randperm(len(verts), generator=generator)[:12]
    verts[pulled] += 0.1 * torch.randn(12, 3, generator=generator)
    bent = Mesh(verts, mesh.faces)
    assert soundness(bent)["folded"] > 0.003
    mended = unfold(bent)
    assert soundness(mended)["folded"] == soundness(mended)["degenerate"] == 0
    assert torch.equal(mended.faces, mesh.faces)
    away = (mended.verts != verts).any(1).double().mean()
    assert 0 < away < 0.5
    assert float((mended.verts.norm(dim=1) - 1).abs().max()) < 0.25


def test_what_could_only_be_mended_by_moving_far_stays_as_it_was():
    """A spike of many edges, and a sheet with two sides whose rim is meant to be sharp."""
    mesh = ball()
    verts = mesh.verts.clone()
    verts[7] *= -2
    spiked = Mesh(verts, mesh.faces)
    assert soundness(spiked)["folded"] > 0
    assert torch.equal(unfold(spiked).verts, verts)
    sheet = Mesh(mesh.verts * torch.tensor([1.0, 1.0, 1e-4]), mesh.faces)
    assert soundness(sheet)["folded"] > 0.003
    assert torch.allclose(unfold(sheet).bounds, sheet.bounds, atol=0.01)


def test_an_open_surface_and_none_at_all():
    assert soundness(unfold(fan((0.5, 1.2))))["folded"] == 0
    nothing = Mesh(torch.zeros(3, 3), torch.zeros(0, 3, dtype=torch.int64))
    assert len(unfold(nothing).verts) == 3
