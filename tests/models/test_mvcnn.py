"""MVCNN: pooling at any place, any order and number of views, cached activations, offline weights."""

import io
import itertools
import tarfile

import numpy as np
import pytest
import torch

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.models import MVCNN, load_model
from geolearn.models.mvcnn import OFFLINE

timm = pytest.importorskip("timm", reason="needs the extra [backbones]")
PLACES = ("layer1", "layer4", "conv", "descriptor")


def model(**settings) -> MVCNN:
    torch.manual_seed(0)
    return MVCNN(5, **settings).eval()


def views(shapes: int = 2, count: int = 3, channels: int = 1, size: int = 40) -> torch.Tensor:
    return torch.rand(shapes, count, channels, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("place", PLACES)
def test_pooling_at_a_place_is_the_backbone_up_to_there_then_the_maximum_then_the_rest(place):
    net, x = model(pool_at=place), views(1, 3, channels=3)
    body = net.backbone
    h = (x[0] - net.mean) / net.std
    h = body.maxpool(body.act1(body.bn1(body.conv1(h))))
    for name in ("layer1", "layer2", "layer3", "layer4"):
        h = getattr(body, name)(h)
        if name == place or (name == "layer4" and place == "conv"):
            h = h.amax(0, keepdim=True)
    h = h.mean((2, 3)).amax(0, keepdim=True)
    torch.testing.assert_close(net(x), net.fc(h), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("place, pooling", itertools.product(PLACES, ["max", "mean", "attention"]))
@torch.no_grad()
def test_the_order_of_the_views_does_not_change_a_bit(place, pooling):
    net, x = model(pool_at=place, pooling=pooling), views(2, 5)
    assert torch.equal(net(x), net(x[:, [3, 0, 4, 1, 2]]))


@torch.no_grad()
def test_masked_views_do_not_count_and_one_view_is_enough():
    net, x = model(), views(2, 4)
    mask = torch.tensor([[True, False, False, True], [False, False, True, False]])
    expected = torch.cat([net(x[:1, [0, 3]]), net(x[1:, [2]])])
    torch.testing.assert_close(net(x, mask), expected, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_features_go_on_from_cached_activations():
    net, x = model(), views()
    kept = net.activations(x, "layer2")
    assert kept.shape == (2, 3, 128, 5, 5)
    assert torch.equal(net(kept, start="layer2"), net(x))
    with pytest.raises(InvalidInputError, match="start: layer3 comes after the views are pooled"):
        model(pool_at="layer2").features(kept, start="layer3")


@torch.no_grad()
def test_grey_is_three_equal_channels():
    net, x = model(), views()
    torch.testing.assert_close(net(x), net(x.expand(-1, -1, 3, -1, -1)), atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_pictures_are_scaled_to_the_size_of_the_network():
    x = views(2, 3, size=40)
    larger = torch.nn.functional.interpolate(x.flatten(0, 1), (64, 64), mode="bicubic", antialias=True)
    net = model(image_size=64)
    assert torch.equal(net(x), net(larger.unflatten(0, (2, 3))))
    assert net.activations(x, "layer2").shape == (2, 3, 128, 8, 8)
    assert MVCNN(**net.config).image_size == 64
    with pytest.raises(InvalidInputError, match="image_size: expected at least 1 pixel"):
        model(image_size=0)


@pytest.mark.parametrize("backbone, stage", [("tf_efficientnet_lite0", "blocks.3"), ("vit_tiny_patch16_224", "conv")])
@torch.no_grad()
def test_other_backbones(backbone, stage):
    net = model(backbone=backbone, pool_at=stage)
    assert net(views(1, 2, size=224 if "vit" in backbone else 64)).shape == (1, 5)


@torch.no_grad()
@pytest.mark.parametrize("backbone", OFFLINE)
def test_offline_weights_are_those_of_the_package(backbone):
    package, holder = OFFLINE[backbone]
    path = getattr(pytest.importorskip(package), holder).get_model_file_path()
    net = model(backbone=backbone, pretrained="offline")
    weights = torch.load(path, weights_only=True)
    assert torch.equal(net.backbone.conv_stem.weight, weights["_conv_stem.weight"])
    assert torch.equal(net.backbone.bn2.running_var, weights["_bn1.running_var"])
    last_block = sum(map(len, net.backbone.blocks)) - 1
    assert net.backbone.blocks[6][0].conv_pwl.weight.equal(weights[f"_blocks.{last_block}._project_conv.weight"])
    # A network whose statistics fit its weights keeps activations in a sane range; one with mixed-up layers does not.
    assert 0.05 < float(net.features(views(2, 3, size=112)).mean()) < 3


@pytest.mark.parametrize(
    "shape, message",
    [
        ((2, 0, 1, 32, 32), "at least one view"),
        ((2, 3, 2, 32, 32), "1 or 3 channels"),
        ((2, 3, 32, 32), r"expected \(B, V, C, H, W\)"),
    ],
)
def test_bad_views(shape, message):
    with pytest.raises(InvalidInputError, match=message):
        model()(torch.zeros(shape))


def test_a_shape_without_views_is_refused_and_a_batch_without_shapes_is_not(as_installed):
    mask = torch.tensor([[True, True, False], [False, False, False]])
    with pytest.raises(
        InvalidInputError, match=r"shapes \[1\] of the batch have no view; every shape needs at least one"
    ):
        model()(views(2, 3), mask)
    with pytest.raises(InvalidInputError, match=r"mask: expected \(2, 3\), got \(2, 4\)"):
        model()(views(2, 3), torch.ones(2, 4, dtype=torch.bool))
    kept = model().activations(views(2, 3), "layer2")
    with pytest.raises(InvalidInputError, match=r"after layer2 with at least one view, got \(2, 0, 128"):
        model()(kept[:, :0], start="layer2")
    assert model()(views(0, 3)).shape == (0, 5)


def test_bad_names():
    with pytest.raises(UnknownNameError, match="backbone"):
        model(backbone="resnet81")
    with pytest.raises(UnknownNameError, match="stage"):
        model(pool_at="layer9")
    with pytest.raises(InvalidInputError, match="offline"):
        model(pretrained="offline")


def test_shipped_weights_know_the_test_shapes_of_modelnet10_views(real_data):
    archive = real_data / "views12_modelnet10_subset.tar"
    if not archive.is_file():
        pytest.skip(f"{archive.name} is not here")
    image = pytest.importorskip("PIL.Image")
    net, record = load_model("mvcnn-modelnet10-views")
    assert isinstance(net, MVCNN)
    pictures, labels = [], []
    with tarfile.open(archive) as files:
        for label, name in enumerate(record["classes"]):
            for number in range(1, 21, 4):
                shape = [f"dataset/test/{name}/{number}/{number}_{view:03d}.png" for view in range(1, 13)]
                read = [np.asarray(image.open(io.BytesIO(files.extractfile(file).read()))) for file in shape]
                pictures.append(torch.from_numpy(np.stack(read))[:, None])
                labels.append(label)
    with torch.inference_mode():
        predictions = torch.cat([net(shape[None] / 255).argmax(1) for shape in pictures])
    assert float((predictions == torch.tensor(labels)).float().mean()) > 0.8
