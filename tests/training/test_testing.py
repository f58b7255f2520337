"""Evaluation compares names, says what it saw, and refuses what it does not know."""

from dataclasses import replace

import pytest
import torch
from small_collections import box_collection, box_store, renamed
from test_runs import RECIPE

from geolearn.errors import CheckpointError, InvalidInputError, UnknownNameError
from geolearn.models import VoxNet, save_model
from geolearn.training import testing
from geolearn.training.predictor import load_predictor
from geolearn.training.runs import Run, train
from geolearn.training.testing import evaluate

RUN = Run("voxnet", "boxes", "test", replace(RECIPE, epochs=3), accelerator="cpu")
TURNED = ("column", "slab")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights that tell slabs from columns."""
    made = tmp_path_factory.mktemp("runs") / "boxes"
    train(RUN, made, data=box_collection(), progress=False)
    return made


def test_the_same_classes_in_another_order_are_mapped(folder):
    plain = evaluate(folder, box_collection())
    turned = evaluate(folder, box_collection(test=renamed(box_store(21, 2), TURNED)))
    assert plain.record["class_accuracy"] > 80
    assert turned.outcome.figures == plain.outcome.figures
    assert [row["class"] for row in turned.record["per_class"]] == ["slab", "column"]


@pytest.mark.parametrize("classes", [("zebra", "column"), ("slab", "column", "zebra")])
def test_other_classes_are_refused_with_both_lists(folder, classes):
    other = box_collection(test=box_store(21, 2, classes))
    with pytest.raises(InvalidInputError, match=rf"knows the 2 classes slab, column; .* classes {', '.join(classes)}"):
        evaluate(folder, other)


def test_splits_are_those_of_the_training_and_seen_shapes_are_said(folder, monkeypatch, tmp_path):
    asked = []

    class Recorded(type(box_collection())):
        def packed(self, split, *arguments):
            asked.append((self.name, split))
            return super().packed(split, *arguments)

    def named(name, protocol="full", validation=0.1, reading=None):
        assert reading is None
        made = box_collection()
        return Recorded(made.splits, f"boxes {protocol} {validation}", made.known)

    monkeypatch.setattr(testing, "open_collection", named)
    assert evaluate(folder, "boxes").warnings == ()
    evaluate(folder, "boxes", split="val")
    assert asked == [("boxes full 0.1", "test"), ("boxes full 0.1", "val")]
    whole = tmp_path / "whole"
    train(replace(RUN, validation=0.0), whole, data=box_collection(), progress=False)
    monkeypatch.setattr(testing, "open_collection", lambda name, *_: Recorded(box_collection().splits, name))
    asked.clear()
    (warning,) = evaluate(whole, "boxes", split="val").warnings
    assert "trained on the whole training split" in warning
    (warning,) = evaluate(whole, "boxes", split="train").warnings
    assert warning == "the weights were trained on these shapes"
    assert asked[-1] == ("boxes", "trainval")


def test_unknown_options_are_suggested(folder):
    with pytest.raises(UnknownNameError, match=r"option of a test by voxel_classification 'retrievel'.*'retrieval'"):
        evaluate(folder, box_collection(), retrievel=True)


def test_weights_of_a_loop_of_ones_own_are_tested_by_the_method_for_their_kind(tmp_path):
    torch.manual_seed(0)
    save_model(VoxNet(2), tmp_path / "m.safetensors")
    tested = evaluate(tmp_path / "m.safetensors", box_collection())
    assert tested.record["protocol"] == "full test split, 1 vote"
    assert tested.outcome.samples == 21


def test_a_replaced_head_is_refused_when_it_is_saved(tmp_path):
    net = VoxNet(10)
    net.fc2 = torch.nn.Linear(128, 5)
    with pytest.raises(CheckpointError, match=r"has fc2\.bias of shape \(10,\), this model has \(5,\)"):
        save_model(net, tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_one_shape_gets_the_answer_of_the_test(folder):
    predictor, store = load_predictor(folder), box_store(21, 2)
    tested = evaluate(folder, box_collection())
    for row in (0, 1):
        prediction = predictor(store.source.load(store.keys[row]))
        torch.testing.assert_close(prediction.scores, tested.outcome.predictions.scores[row], atol=1e-4, rtol=1e-4)
        assert sum(prediction.probabilities) == pytest.approx(1)
        assert list(prediction.probabilities) == sorted(prediction.probabilities, reverse=True)
