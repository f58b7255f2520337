"""What every registered classifier promises, checked for each of them; decoders are in test_decoders.py."""

import pytest
import torch

from geolearn.errors import CheckpointError, InvalidInputError, UnknownNameError
from geolearn.models import MODELS, load_model, save_model

CLASSIFIERS = [name for name in MODELS if MODELS[name].inputs in ("voxels", "views")]
INPUTS = {"mvcnn": (3, 1, 32, 32), "voxnet_multires": (2, 32, 32, 32), "shapenets3d_classifier": (1, 30, 30, 30)}


def make(name: str, num_classes: int = 7):
    torch.manual_seed(0)
    return MODELS[name](num_classes=num_classes)


def inputs(name: str, count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(count, *INPUTS.get(name, (1, 32, 32, 32)), generator=generator) > 0.9).float()


def settle(model: torch.nn.Module, name: str) -> torch.nn.Module:
    """Give batch statistics some history, then evaluation mode."""
    model.train()
    for _ in range(2):
        model(inputs(name, 8))
    return model.eval()


@pytest.mark.parametrize("name", CLASSIFIERS)
class TestEveryClassifier:
    def test_logits_are_classify_of_features(self, name):
        model, x = settle(make(name), name), inputs(name, 3)
        with torch.no_grad():
            logits = model(x)
            assert logits.shape == (3, 7)
            assert torch.equal(model.classify(model.features(x)), logits)

    def test_a_sample_does_not_depend_on_its_batch(self, name):
        model, x = settle(make(name), name), inputs(name, 4)
        with torch.no_grad():
            torch.testing.assert_close(torch.cat([model(part[None]) for part in x]), model(x), atol=1e-5, rtol=1e-4)

    def test_every_parameter_gets_a_gradient(self, name):
        model = make(name)
        for parameter in model.parameters():  # leave the special starting values (zeros) behind
            torch.nn.init.normal_(parameter, std=0.05)
        model(inputs(name, 8)).square().sum().backward()
        silent = [key for key, p in model.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
        assert not silent

    def test_same_seed_same_weights(self, name):
        one, two = make(name).state_dict(), make(name).state_dict()
        assert all(torch.equal(one[key], two[key]) for key in one)

    def test_learns_a_tiny_set_by_heart(self, name):
        if name == "shapenets3d_classifier":
            pytest.skip("five layers of sigmoid units learn only after they were pre-trained")
        model, x, label = make(name), inputs(name, 3), torch.arange(3)
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(25):
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), label)
            loss.backward()
            optimiser.step()
        model.eval()
        assert model(x).argmax(1).tolist() == label.tolist()

    def test_weights_come_back_from_a_file(self, name, tmp_path):
        model, x = settle(make(name), name), inputs(name, 2)
        save_model(model, tmp_path / "m.safetensors", classes=["a"] * 7)
        again, record = load_model(tmp_path / "m.safetensors")
        assert record["classes"] == ["a"] * 7
        assert again.config == model.config
        assert not again.training
        with torch.no_grad():
            assert torch.equal(again(x), model(x))
        assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]

    def test_half_precision_weights_stay_close(self, name, tmp_path):
        model, x = settle(make(name), name), inputs(name, 2)
        save_model(model, tmp_path / "m.safetensors", half=True)
        with torch.no_grad():
            torch.testing.assert_close(load_model(tmp_path / "m.safetensors")[0](x), model(x), atol=2e-2, rtol=2e-2)

    def test_another_resolution_is_refused(self, name):
        channels = INPUTS.get(name, (1,))[0]
        with pytest.raises(InvalidInputError, match="expected"):
            make(name)(torch.zeros(1, channels, 31, 31, 31))


def test_unknown_weights_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown weights"):
        load_model("voxnet-modelnet1O")


@pytest.mark.parametrize("damage", ["truncate", "noise", "empty"])
def test_damaged_weights_are_named(damage, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(make("voxnet"), path)
    whole = path.read_bytes()
    path.write_bytes({"truncate": whole[:1000], "noise": bytes(range(256)) * 8, "empty": b""}[damage])
    with pytest.raises(CheckpointError, match=r"m\.safetensors: not weights"):
        load_model(path)


def test_weights_of_another_model_are_refused(tmp_path):
    save_model(make("voxnet"), tmp_path / "m.safetensors")
    with pytest.raises(CheckpointError, match="expected weights of VoxResNet, got VoxNet"):
        MODELS["voxresnet"].from_pretrained(tmp_path / "m.safetensors")
