"""Where fine-tuning starts from, and what it refuses to start from."""

import pytest
import torch
from small_collections import boxes

from geolearn.errors import InvalidInputError
from geolearn.models import ShapeNets3D, VoxNet, save_model
from geolearn.training.methods.unrolled_classification import UnrolledClassification, UnrolledRecipe

SMALL = {"channels": (3, 4, 5), "hidden": 6, "top": 7}
SPLIT = boxes(6, 0)


def method(start: object, **model: object) -> UnrolledClassification:
    return UnrolledClassification(UnrolledRecipe(model=SMALL | model, start=str(start)), "shapenets3d_classifier")


def test_it_starts_from_the_way_up_of_the_belief_network(tmp_path):
    belief = ShapeNets3D(2, **SMALL)
    save_model(belief, tmp_path / "belief.safetensors", classes=list(SPLIT.classes))
    net = method(tmp_path / "belief.safetensors").build(SPLIT)
    assert net.training
    assert torch.equal(net.fc4.weight, belief.layers[3].weight)
    assert torch.equal(net.fc6.weight, belief.top.label_matrix.T)


def test_from_scratch_differences_arrive_at_the_top():
    """With the belief network's own small weights they would be a thousandth of this."""
    torch.manual_seed(0)
    net = method("").build(SPLIT)
    x = (torch.rand(64, 1, 30, 30, 30) < 0.2).float()
    with torch.no_grad():
        assert float(net.features(x).std(0).mean()) > 0.05


def test_other_weights_are_refused(tmp_path):
    save_model(VoxNet(2), tmp_path / "voxnet.safetensors")
    with pytest.raises(InvalidInputError, match="start: expected weights of ShapeNets3D, got those of voxnet"):
        method(tmp_path / "voxnet.safetensors").build(SPLIT)
    save_model(ShapeNets3D(2, **SMALL), tmp_path / "cats.safetensors", classes=["cat", "dog"])
    with pytest.raises(
        InvalidInputError, match=r"start: expected a belief network of the classes \['slab', 'column'\]"
    ):
        method(tmp_path / "cats.safetensors").build(SPLIT)
    save_model(ShapeNets3D(2, **SMALL), tmp_path / "belief.safetensors", classes=list(SPLIT.classes))
    with pytest.raises(InvalidInputError, match="start: expected a network of"):
        method(tmp_path / "belief.safetensors", top=8).build(SPLIT)
