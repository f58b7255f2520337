"""What weights are fed, outside of a prediction: the same tensor that a prediction feeds them."""

import pickle

import pytest
import torch
import trimesh

from geolearn.data import ShapeDataset
from geolearn.models import MVCNN, VoxNet
from geolearn.structures import Mesh
from geolearn.training import load_predictor

CONE = Mesh.from_trimesh(trimesh.creation.cone(radius=0.3, height=1.0, sections=12))


@pytest.mark.parametrize(
    "make, shape",
    [
        (lambda: VoxNet(3, resolution=20), (1, 20, 20, 20)),
        (lambda: MVCNN(3, backbone="resnet10t", image_size=32), (12, 1, 32, 32)),
    ],
    ids=["voxels", "views"],
)
def test_a_loop_of_ones_own_gets_the_answer_of_a_prediction(make, shape, tmp_path):
    torch.manual_seed(0)
    net = make().eval()
    net.classes = ("a", "b", "c")
    noted = {"resolution": 20, "padding": 3} if net.inputs == "voxels" else {"size": 32}
    net.save_pretrained(tmp_path / "net.safetensors", votes=1, vote_mirror=False, **noted)
    predictor = load_predictor(tmp_path / "net.safetensors")
    transforms = pickle.loads(pickle.dumps(predictor.transforms()))
    x = transforms(CONE)
    assert x.shape == shape
    assert x.dtype == torch.float32
    with torch.no_grad():
        scores = net(x[None])[0].log_softmax(0)
    torch.testing.assert_close(scores, predictor(CONE).scores, atol=1e-5, rtol=1e-5)


def test_a_representation_of_a_dataset():
    transforms = load_predictor("voxnet-modelnet10").transforms()
    shapes = ShapeDataset("procedural", "test", count=13, representation=transforms, cache=False)
    assert shapes[0].data.shape == (1, 32, 32, 32)
    torch.testing.assert_close(shapes[0].data, transforms(ShapeDataset("procedural", "test", count=13)[0].data))


def test_meshes_whose_faces_are_labelled():
    ball = Mesh.from_trimesh(trimesh.creation.icosphere(2))
    predictor = load_predictor("psb-chair")
    batch = predictor.transforms()(ball)
    with torch.no_grad():
        shares = predictor.trained.net(*batch.inputs).softmax(1)
    torch.testing.assert_close(shares, predictor(ball).probabilities, atol=1e-5, rtol=1e-5)
