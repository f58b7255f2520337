"""What every registered network for labels of faces promises, checked for each of them."""

import pytest
import torch
import trimesh

from geolearn.errors import InvalidInputError
from geolearn.models import MODELS, load_model, save_model
from geolearn.ops.face_spectrum import face_spectrum
from geolearn.structures import Mesh

NAMES = [name for name in MODELS if MODELS[name].inputs == "faces"]


def make(name: str):
    torch.manual_seed(0)
    return MODELS[name](num_labels=3)


def inputs(counts: tuple[int, ...] = (320, 80)) -> tuple:
    """Spheres of these many faces: features that tell upper faces from others, and spectra."""
    meshes = [Mesh.from_trimesh(trimesh.creation.icosphere({320: 2, 80: 1, 20: 0}[count])) for count in counts]
    spectra = [face_spectrum(mesh, 12) for mesh in meshes]
    centres = torch.cat([mesh.triangles().mean(1) for mesh in meshes])
    noise = torch.randn(len(centres), 600, generator=torch.Generator().manual_seed(1))
    return (
        centres.repeat(1, 200) + 0.1 * noise,
        torch.cat([found.functions for found in spectra]),
        torch.stack([found.eigenvalues for found in spectra]),
        torch.cat([found.areas for found in spectra]),
        list(counts),
    )


@pytest.mark.parametrize("name", NAMES)
class TestEveryFaceModel:
    def test_a_mesh_does_not_depend_on_its_batch(self, name):
        model, both = make(name).eval(), inputs()
        with torch.no_grad():
            logits = model(*both)
            assert logits.shape == (400, 3)
            alone = model(both[0][:320], *inputs((320,))[1:])
        torch.testing.assert_close(alone, logits[:320], atol=1e-5, rtol=1e-4)

    def test_the_order_of_faces_orders_the_labels(self, name):
        model, (features, functions, values, areas, counts) = make(name).eval(), inputs((320,))
        order = torch.randperm(320, generator=torch.Generator().manual_seed(2))
        with torch.no_grad():
            expected = model(features, functions, values, areas, counts)[order]
            found = model(features[order], functions[order], values, areas[order], counts)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)

    def test_signs_of_functions_do_not_matter(self, name):
        model, (features, functions, values, areas, counts) = make(name).eval(), inputs((320,))
        signs = torch.tensor([1.0, -1.0]).repeat(6)
        with torch.no_grad():
            expected = model(features, functions, values, areas, counts)
            found = model(features, functions * signs, values, areas, counts)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)

    def test_every_parameter_gets_a_gradient(self, name):
        model = make(name)
        model(*inputs()).square().sum().backward()
        silent = [key for key, p in model.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
        assert not silent

    def test_learns_a_tiny_set_by_heart(self, name):
        model, data = make(name), inputs()
        height = data[0][:, 2::3].mean(1)
        labels = (height > 0).long() + (height > 0.7).long()
        model.standardise.fit(data[0])
        optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
        for _ in range(60):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(*data), labels).backward()
            optimiser.step()
        assert float((model.eval()(*data).argmax(1) == labels).float().mean()) > 0.95

    def test_weights_come_back_from_a_file_with_the_scale_of_features(self, name, tmp_path):
        model, data = make(name).eval(), inputs((80,))
        model.standardise.fit(data[0])
        save_model(model, tmp_path / "m.safetensors", parts=["a", "b", "c"])
        again, record = load_model(tmp_path / "m.safetensors")
        assert record["parts"] == ["a", "b", "c"]
        assert again.config == model.config
        with torch.no_grad():
            assert torch.equal(again(*data), model(*data))

    def test_other_features_are_refused(self, name):
        features, *rest = inputs((20,))
        with pytest.raises(InvalidInputError, match=r"features: expected \(F, 600\), got \(20, 593\)"):
            make(name)(features[:, :593], *rest)

    def test_one_label_is_refused(self, name):
        with pytest.raises(InvalidInputError, match="num_labels"):
            MODELS[name](num_labels=1)
