"""What frozen stages make of the views is computed once, in training and in tests, and the answers are the same."""

from dataclasses import replace

import pytest
import torch
from test_view_training import BACKBONE, bars

from geolearn.data import PackedViews
from geolearn.models import MVCNN
from geolearn.training import families
from geolearn.training.evaluation import predict
from geolearn.training.view_data import keep_activations

pytest.importorskip("timm", reason="needs the extra [backbones]")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GEOLEARN_HOME", str(tmp_path / "home"))


def network() -> MVCNN:
    torch.manual_seed(0)
    return MVCNN(2, **BACKBONE).eval()


@pytest.mark.parametrize("mirror, views", [(True, None), (True, 3), (False, 1), (False, None)])
def test_a_test_from_kept_activations_says_what_a_test_of_the_pictures_says(mirror, views, monkeypatch):
    split, model = bars(7, 5), network()
    monkeypatch.setattr(families, "load_views_split", lambda *_, **__: split)
    record = {"freeze": "blocks.1", "vote_mirror": mirror}
    said = []
    for how in ({}, {"model": model}):
        tested = families.Views().test_set("bars", "test", record, views, **how)
        said.append(predict(model, tested.votes, split.labels, split.keys, batch_size=3, start=tested.start))
        assert tested.views == (views or 4)
    assert tested.start == "blocks.1"
    for name in ("scores", "features"):
        kept, plain = getattr(said[1], name), getattr(said[0], name)
        between_shapes = plain.std(0).max()
        assert float((kept - plain).abs().max()) < 0.05 * float(between_shapes), name


def test_only_the_stages_up_to_there_and_the_pictures_decide_what_is_kept(tmp_path):
    def files(model: MVCNN, split: PackedViews) -> int:
        keep_activations(model, split, "blocks.1", mirror=False)
        return len(list((tmp_path / "home" / "cache" / "activations").glob("*.npy")))

    model, split = network(), bars(3, 1)
    assert files(model, split) == 1
    with torch.no_grad():
        model.fc.weight += 1
        model.backbone.conv_head.weight += 1
    assert files(model, split) == 1
    with torch.no_grad():
        model.backbone.blocks[1][0].conv_exp.weight += 1
    assert files(model, split) == 2
    assert files(model, replace(split, pixels=255 - split.pixels)) == 3
    model.image_size = 2 * split.pixels.shape[-1] - 1  # as many activations for both sizes
    assert files(model, split) == 4
    model.image_size += 1
    assert files(model, split) == 5
