"""What frozen stages make of the views is computed once, in training and in tests, and the answers are the same."""

from dataclasses import replace

import pytest
import torch
from small_collections import bars
from test_view_classification import BACKBONE

from geolearn.data import PackedViews
from geolearn.models import MVCNN
from geolearn.training.methods.view_classification import ViewClassification, ViewRecipe
from geolearn.training.methods.view_inputs import Activations

pytest.importorskip("timm", reason="needs the extra [backbones]")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GEOLEARN_HOME", str(tmp_path / "home"))


def network() -> MVCNN:
    torch.manual_seed(0)
    return MVCNN(2, **BACKBONE).eval()


@pytest.mark.parametrize("mirror, views", [(True, None), (True, 3), (False, 1), (False, None)])
def test_a_test_from_kept_activations_gives_what_a_test_of_the_pictures_gives(mirror, views):
    split, model = bars(7, 5), network()
    chosen = None if views is None else torch.arange(views) * 4 // views
    found = []
    for freeze in (None, "blocks.1"):
        recipe = ViewRecipe(model=BACKBONE, freeze=freeze, vote_mirror=mirror)
        method = ViewClassification(recipe, "mvcnn")
        votes, _ = method.votes(model, split, chosen)
        found.append(method.ask_votes(model, split, votes))
    for name in ("scores", "features"):
        kept, plain = getattr(found[1], name), getattr(found[0], name)
        between_shapes = plain.std(0).max()
        assert float((kept - plain).abs().max()) < 0.05 * float(between_shapes), name


def test_only_the_stages_up_to_there_and_the_pictures_decide_what_is_kept(tmp_path):
    def files(model: MVCNN, split: PackedViews) -> int:
        Activations(model, "blocks.1").of(split)
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
