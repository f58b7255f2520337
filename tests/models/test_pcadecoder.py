"""PCADecoder on linear families that are known, and on procedural chairs that were deformed."""

import pytest
import torch

from geolearn.data import procedural
from geolearn.errors import InvalidInputError
from geolearn.models import PCADecoder
from geolearn.structures import Mesh

FACES = torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
CORNERS = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])


def test_finds_the_directions_and_deviations_of_a_linear_family():
    generator = torch.Generator().manual_seed(0)
    amounts = torch.randn(200, 2, generator=generator)
    amounts = (amounts - amounts.mean(0)) / amounts.std(0)
    wide, high = torch.zeros(4, 3), torch.zeros(4, 3)
    wide[1, 0], high[3, 2] = 0.3, 0.1
    meshes = [Mesh(CORNERS + a * wide + b * high, FACES) for a, b in amounts]
    decoder = PCADecoder.from_meshes(meshes, 2)
    torch.testing.assert_close(decoder.mean, CORNERS, atol=1e-5, rtol=0)
    codes = decoder.encode(torch.stack([mesh.verts for mesh in meshes]))
    torch.testing.assert_close(torch.cov(codes.T), torch.eye(2), atol=1e-3, rtol=0)
    assert float(decoder.basis[0].abs().max()) == pytest.approx(0.3, rel=0.02)  # samples correlate a little
    decoded = decoder(codes).unbind()
    torch.testing.assert_close(
        torch.stack([mesh.verts for mesh in decoded]), torch.stack([mesh.verts for mesh in meshes]), atol=1e-4, rtol=0
    )
    assert all(torch.equal(mesh.faces, FACES) for mesh in decoded)


def test_chairs_of_one_topology():
    chair = procedural.make_shape("chair", seed=7)
    low, high = procedural.limits(chair, "back height")
    meshes = [
        procedural.deformation(chair, "back height", amount).mesh for amount in torch.linspace(low, high, 5).tolist()
    ]
    decoder = PCADecoder.from_meshes(meshes, 1)
    assert float(decoder.encode(meshes[0].verts[None])) * float(decoder.encode(meshes[-1].verts[None])) < 0
    middle = decoder(decoder.encode(meshes[1].verts[None])).unbind()[0]
    assert float((middle.verts - meshes[1].verts).abs().max()) < 0.02


def test_bad_input():
    meshes = [Mesh(CORNERS * scale, FACES) for scale in (1.0, 1.1, 1.2)]
    with pytest.raises(InvalidInputError, match="3 meshes have 1 to 2 directions, got 3"):
        PCADecoder.from_meshes(meshes, 3)
    with pytest.raises(InvalidInputError, match="vary along 1 directions only, got 2"):
        PCADecoder.from_meshes(meshes, 2)
    with pytest.raises(InvalidInputError, match="mesh 1 has others than mesh 0"):
        PCADecoder.from_meshes([meshes[0], Mesh(CORNERS, FACES.flip(1))], 1)
    with pytest.raises(InvalidInputError, match="0 meshes have 1 to 0 directions"):
        PCADecoder.from_meshes([], 1)
