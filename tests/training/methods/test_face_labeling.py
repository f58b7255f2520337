"""Learning labels of faces: the loss, the figures, names in another order, large meshes, and what is refused."""

import math
from dataclasses import replace

import pytest
import torch
from small_collections import lollipop, lollipop_collection, lollipop_store

from geolearn.data import FaceAugment, ShapeCollection
from geolearn.data.packed.faces import FaceBatch
from geolearn.data.prepared.sources import Source
from geolearn.data.sample import Batch
from geolearn.errors import InvalidInputError
from geolearn.ops.edge_labels import edges_in_face_order
from geolearn.ops.face_figures import soft_edge_accuracy
from geolearn.structures import Mesh
from geolearn.training.method import Moment
from geolearn.training.methods.face_labeling import FaceLabeling, LabelRecipe
from geolearn.training.runs import Run, train
from geolearn.training.testing import evaluate

RECIPE = LabelRecipe(
    model={"width": 16, "blocks": 2},
    augment=FaceAugment(200),
    steps=40,
    batch_size=4,
    functions=16,
    learning_rate=1e-2,
    ema_decay=0.0,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "lollipops"
    run = Run("surfacelabelnet", "lollipops", "test", RECIPE, accelerator="cpu")
    train(run, folder, data=lollipop_collection(), progress=False)
    return folder


class Constant(torch.nn.Module):
    """The same scores for every face."""

    def __init__(self, *scores: float):
        super().__init__()
        self.scores = torch.nn.Parameter(torch.tensor(scores))

    def forward(self, features: torch.Tensor, *rest: object) -> torch.Tensor:
        return self.scores.expand(len(features), -1)


def test_the_loss_counts_area_and_number_of_each_mesh_alike():
    """Label 0 costs log 2 + log 2, label 1 costs log 2: probabilities 1/4 and 1/2 of three labels."""
    method = FaceLabeling(replace(RECIPE, area_weight=0.5, label_smoothing=0.0), "surfacelabelnet")
    labels = torch.tensor([0, 1, 1, 1])
    areas = torch.tensor([0.8, 0.2, 0.5, 0.5])
    faces = FaceBatch(torch.zeros(4, 5), torch.zeros(4, 2), torch.zeros(2, 2), areas, labels, [2, 2])
    net = Constant(math.log(1 / 4), math.log(1 / 2), math.log(1 / 4))
    loss = method.loss(net, Batch(faces, None, ["a", "b"]), Moment("", 0, 1, 0))
    first = math.log(2) * (1 + (0.5 * 0.8 + 0.5 * 0.5))  # the share of its label 0 costs log 2 more
    assert float(loss.detach()) == pytest.approx((first + math.log(2)) / 2)


@pytest.mark.parametrize("steps, batches, epochs", [(40, 3, 14), (0, 3, 7), (6, 5, 2)])
def test_a_number_of_steps_becomes_epochs(steps, batches, epochs):
    method = FaceLabeling(replace(RECIPE, steps=steps, epochs=7), "surfacelabelnet")
    (phase,) = method.phases(Constant(0.0), batches)
    assert phase.epochs == epochs


def test_figures_of_meshes_never_seen(folder):
    tested = evaluate(folder, lollipop_collection())
    assert tested.outcome.figures["area_accuracy"] > 95
    assert [row["shape"] for row in tested.outcome.tables["per_shape"]] == ["lollipop-1", "lollipop-3", "lollipop-5"]
    per_label = {row["label"]: row for row in tested.outcome.tables["per_label"]}
    assert per_label["ball"]["faces"] == 3 * 320
    assert sum(map(sum, tested.outcome.details["confusion"])) == 3 * len(lollipop(1).faces)
    assert "soft_edge_accuracy" not in tested.outcome.figures


def test_parts_in_another_order_are_mapped_by_name(folder):
    """A set that calls the stick 0 and the ball 1 gives the same figures."""
    store = lollipop_store([1, 3, 5], ("stick", "ball"))
    shapes = {key: replace(mesh, face_labels=1 - mesh.face_labels) for key, mesh in store.source.shapes.items()}
    swapped = replace(store, source=replace(store.source, shapes=shapes))
    expected = evaluate(folder, lollipop_collection()).outcome
    found = evaluate(folder, lollipop_collection(test=swapped)).outcome
    assert found.figures == expected.figures
    assert all(torch.equal(a, b) for a, b in zip(found.predictions, expected.predictions, strict=True))


def test_other_parts_are_refused(folder):
    other = lollipop_store([1, 3], ("ball", "handle"))
    with pytest.raises(
        InvalidInputError, match=r"knows the 2 classes ball, stick; lollipops has the 2 classes ball, h"
    ):
        evaluate(folder, lollipop_collection(test=other))


def test_a_mesh_of_more_faces_than_the_network_looks_at(folder):
    pytest.importorskip("fast_simplification")
    trained = evaluate(folder, lollipop_collection()).trained
    fine = lollipop(3)
    while len(fine.faces) <= 4000:
        again = fine.to_trimesh().subdivide()
        labels = fine.face_labels.repeat_interleave(4)
        fine = Mesh(torch.tensor(again.vertices).float(), torch.tensor(again.faces), labels)
    found = trained.method.predict(trained.net, fine, trained.classes)
    assert float((found.labels == fine.face_labels).float().mean()) > 0.95


def test_edge_labels_give_edge_figures(folder):
    store = lollipop_store([1])

    class Edges(Source):
        kind = "mesh"
        worth_keeping = False

        def load(self, key):
            return store.source.load(key)

        def edge_labels(self, key):
            mesh = store.source.load(key)
            edges = edges_in_face_order(mesh.faces)
            labels = torch.zeros(len(edges.ends), dtype=torch.int64)
            labels[edges.face_edges.reshape(-1)] = mesh.face_labels.repeat_interleave(3)
            return labels

    outcome = evaluate(folder, ShapeCollection({"test": replace(store, source=Edges())})).outcome
    mesh = store.source.load("lollipop-1")
    expected = soft_edge_accuracy(mesh, outcome.predictions[0], Edges().edge_labels("lollipop-1"))
    assert outcome.figures["soft_edge_accuracy"] == pytest.approx(expected)
    assert outcome.figures["hard_edge_accuracy"] > 95


def test_the_sheet_shows_truth_and_prediction(folder, tmp_path):
    tested = evaluate(folder, lollipop_collection())
    pictures = tested.trained.method.sheets(tested.trained.net, tested.data, "test", tested.outcome, tmp_path)
    assert [path.name for path, _ in pictures] == ["parts.png"]
    assert (tmp_path / "parts.png").stat().st_size > 5000


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda s: lollipop_store([0, 2]), "expected at least 3 labelled meshes to learn from, set has 2"),
        (
            lambda s: replace(s, source=replace(s.source, shapes={k: lollipop(0, False) for k in s.keys})),
            r"4 of 4 meshes of set have faces without labels, first \['lollipop-0'",
        ),
        (
            lambda s: replace(s, parts={"lollipop": ("ball",)}),
            r"4 of 4 meshes of set have labels beyond the 1 named parts ball",
        ),
        (
            lambda s: replace(
                s, classes=("a", "b"), targets=torch.tensor([0, 1, 0, 1]), parts={"a": ("x",), "b": ("y",)}
            ),
            "labels of faces mean the parts of one class, this split has 2: a, b; choose a protocol of one class",
        ),
    ],
)
def test_data_that_cannot_be_learned_is_refused_with_counts(change, message):
    data = ShapeCollection({"train": change(lollipop_store([0, 2, 4, 6]))}, "set")
    with pytest.raises(InvalidInputError, match=message):
        FaceLabeling(RECIPE, "surfacelabelnet").load(data, "train", training=True)


def test_a_recipe_out_of_range_is_refused():
    with pytest.raises(InvalidInputError, match=r"expected steps and smoothness >= 0 and area_weight in 0\.\.1"):
        replace(RECIPE, area_weight=1.5)
