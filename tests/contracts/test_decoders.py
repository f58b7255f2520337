"""What every registered decoder promises (`geolearn.models.decoders`), checked for each of them."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.models import MODELS, PCADecoder, SDFDecoder, VoxelVAE, load_model, save_model
from geolearn.structures import Mesh, MeshBatch


def tetrahedra() -> PCADecoder:
    generator = torch.Generator().manual_seed(0)
    faces = torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    return PCADecoder.from_meshes(
        [Mesh(corners + 0.1 * torch.randn(4, 3, generator=generator), faces) for _ in range(6)], 3
    )


def ball_of_codes() -> SDFDecoder:
    """Trained a little, so that it has surfaces."""
    decoder = SDFDecoder(3, shapes=4, width=16, resolution=12)
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(decoder.parameters(), lr=1e-2)
    radii = torch.tensor([0.2, 0.25, 0.3, 0.35])
    for _ in range(200):
        points = torch.rand(4, 200, 3, generator=generator) - 0.5
        optimiser.zero_grad()
        decoder.training_loss(torch.arange(4), points, points.norm(dim=2) - radii[:, None]).backward()
        optimiser.step()
    decoder.settle()
    return decoder


MAKERS = {
    "voxelvae": lambda: VoxelVAE(5, resolution=16, widths=(8, 8, 4)),
    "pcadecoder": tetrahedra,
    "sdfdecoder": ball_of_codes,
}
DECODERS = [name for name in MODELS if MODELS[name].inputs == "codes"]


def make(name: str):
    torch.manual_seed(0)
    return MAKERS[name]().eval()


def numbers(shapes: torch.Tensor | MeshBatch) -> torch.Tensor:
    return shapes if isinstance(shapes, torch.Tensor) else shapes.verts


@pytest.mark.parametrize("name", DECODERS)
class TestEveryDecoder:
    def test_opacities_or_as_many_meshes_as_codes(self, name):
        decoder = make(name)
        with torch.no_grad():
            shapes = decoder(torch.zeros(3, decoder.code_size))
        if isinstance(shapes, MeshBatch):
            assert len(shapes) == 3
            assert int(shapes.faces_per_mesh.min()) > 0
        else:
            assert shapes.shape == (3, 1, 16, 16, 16)
            assert 0 <= float(shapes.min()) < float(shapes.max()) <= 1

    def test_every_entry_of_a_code_gets_a_gradient(self, name):
        decoder = make(name)
        codes = torch.full((2, decoder.code_size), 0.1, requires_grad=True)
        numbers(decoder(codes)).square().sum().backward()
        assert bool((codes.grad.abs() > 0).all())

    def test_a_shape_does_not_depend_on_its_batch(self, name):
        decoder = make(name)
        codes = torch.randn(3, decoder.code_size, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            single = torch.cat([numbers(decoder(code[None])) for code in codes])
            torch.testing.assert_close(single, numbers(decoder(codes)), atol=1e-5, rtol=1e-4)

    def test_comes_back_from_a_file(self, name, tmp_path):
        decoder = make(name)
        save_model(decoder, tmp_path / "d.safetensors", kind="test")
        again, record = load_model(tmp_path / "d.safetensors")
        assert record["kind"] == "test"
        codes = torch.full((2, decoder.code_size), 0.3)
        with torch.no_grad():
            assert torch.equal(numbers(again(codes)), numbers(decoder(codes)))

    def test_codes_of_another_size_are_refused(self, name):
        decoder = make(name)
        with pytest.raises(InvalidInputError, match=r"codes: expected \(B, \d\), got \(2, 9\)"):
            decoder(torch.zeros(2, 9))

    def test_is_not_taken_for_a_classifier(self, name):
        pytest.importorskip("lightning", reason="needs the extra [train]")
        from geolearn.training.families import find_family

        with pytest.raises(InvalidInputError, match=f"{name}: expected a classifier, got a decoder"):
            find_family(name)
