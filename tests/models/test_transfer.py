"""Trained weights with another last layer: for other classes, saved and loaded again."""

import pytest
import torch

from geolearn.errors import CheckpointError, InvalidInputError
from geolearn.models import MODELS, MVCNN, VoxelVAE, VoxNet, VoxResNet, load_model
from geolearn.models.transfer import copy_weights

MADE = {
    "voxnet": lambda: VoxNet(4),
    "voxnet_multires": lambda: MODELS["voxnet_multires"](4),
    "voxresnet": lambda: VoxResNet(4, resolution=16, widths=(8, 8, 8)),
    "mvcnn": lambda: MVCNN(4, backbone="resnet10t"),
    "meshlabelnet": lambda: MODELS["meshlabelnet"](4),
    "surfacelabelnet": lambda: MODELS["surfacelabelnet"](4, width=8),
    "shapenets3d_classifier": lambda: MODELS["shapenets3d_classifier"](4, channels=(4, 8, 16), hidden=20, top=30),
}


def test_every_model_with_classes_is_tried():
    assert sorted(MADE) == sorted(name for name in MODELS if MODELS[name].classifier)


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_new_last_layer_is_saved_and_loaded_again(name, tmp_path):
    torch.manual_seed(0)
    net = MADE[name]()
    net.classes = ("a", "b", "c", "d")
    net.save_pretrained(tmp_path / "four.safetensors", method="some", settings={}, data="shapes", seed=3)
    tuned = type(net).from_pretrained(tmp_path / "four.safetensors", num_classes=5)
    head = {f"{net.classifier}.weight", f"{net.classifier}.bias"}
    before, after = net.state_dict(), tuned.state_dict()
    assert {key for key in after if key not in before or not torch.equal(before[key], after[key])} == head
    assert len(after[f"{net.classifier}.weight"]) == tuned.config[net.outputs] == 5
    assert tuned.classes == ()
    assert not tuned.training
    tuned.classes = "vwxyz"
    tuned.save_pretrained(tmp_path / "five.safetensors")
    again, record = load_model(tmp_path / "five.safetensors")
    assert all(torch.equal(value, after[key]) for key, value in again.state_dict().items())
    assert again.classes == tuple("vwxyz")
    # What it was fed stays noted, where it was trained does not: it was trained further.
    assert record["method"] == "some"
    assert "data" not in record
    assert "seed" not in record


def test_a_new_last_layer_starts_as_a_new_network_does():
    for name in ("voxnet", "mvcnn", "shapenets3d_classifier"):
        net = MADE[name]()
        fresh = float(net.get_submodule(net.classifier).weight.detach().std())
        net.reset_classifier(4)
        assert float(net.get_submodule(net.classifier).weight.detach().std()) == pytest.approx(fresh, rel=0.5)


def test_without_a_number_of_classes_the_trained_layer_stays():
    net = VoxNet.from_pretrained("voxnet-modelnet10")
    assert len(net.classes) == 10
    assert net.classes[-1] == "toilet"
    assert net.notes["data"] == "modelnet10_voxels"
    new = VoxNet.from_pretrained("voxnet-modelnet10", num_classes=10)  # ten others, as far as anybody knows
    assert new.classes == ()
    assert not torch.equal(new.fc2.weight, net.fc2.weight)


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize("count, message", [(0, "at least 1, got 0"), (2.5, "whole number, got 2.5"), ("5", "got '5'")])
def test_a_number_of_classes_is_a_number(count, message):
    with pytest.raises(InvalidInputError, match=f"num_classes: expected .*{message}"):
        VoxNet(3).reset_classifier(count)


def test_classes_are_as_many_as_outputs():
    net = VoxNet(3)
    with pytest.raises(InvalidInputError, match="classes: expected 3 different names, one for each output"):
        net.classes = ("a", "b")
    with pytest.raises(InvalidInputError, match="3 different names"):
        net.classes = ("a", "b", "a")
    with pytest.raises(InvalidInputError, match="VoxelVAE has no classes"):
        VoxelVAE(4, resolution=16, widths=(8, 8, 8)).reset_classifier(3)


def test_a_layer_that_was_replaced_by_hand_is_pointed_out(tmp_path):
    net = VoxNet(10)
    net.fc2 = torch.nn.Linear(128, 5)
    with pytest.raises(CheckpointError, match=r"reset_classifier\(n\) replaces the last layer"):
        net.save_pretrained(tmp_path / "net.safetensors")


def test_the_same_classes_in_another_order_keep_their_outputs():
    torch.manual_seed(0)
    source, target = VoxNet(3).eval(), VoxNet(3).eval()
    source.classes = ("bed", "chair", "desk")
    x = torch.rand(2, 1, 32, 32, 32).round()
    assert copy_weights(source, target, ("desk", "bed", "chair"))
    assert torch.equal(target(x), source(x)[:, [2, 0, 1]])
    head = VoxNet(3).state_dict()["fc2.weight"]
    other = VoxNet(3)
    other.fc2.weight.data.copy_(head)
    assert not copy_weights(source, other, ("desk", "bed", "sofa"))
    assert torch.equal(other.fc2.weight, head)
    assert torch.equal(other.tower.conv1.weight, source.tower.conv1.weight)


def test_other_layers_are_refused():
    with pytest.raises(CheckpointError, match="w: expected weights of VoxResNet, got VoxNet"):
        copy_weights(VoxNet(3), MADE["voxresnet"](), name="w")
    with pytest.raises(
        CheckpointError, match=r"w: tower\.fc1\.weight has the shape \(128, 6912\), .* needs \(128, 256\)"
    ):
        copy_weights(VoxNet(3), VoxNet(3, resolution=16 + 2), name="w")
