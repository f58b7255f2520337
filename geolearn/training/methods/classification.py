"""What classifiers of every kind share: the loss, the figures, voting, retrieval, and what is said of one shape."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn import functional as F
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import MulticlassAccuracy

from geolearn.data import Batch, Collection, Packed, ShapeCollection, Store
from geolearn.errors import InvalidInputError
from geolearn.models import MODELS
from geolearn.progress import track
from geolearn.reports.plots import plot_confusion, plot_lines
from geolearn.training.method import Figure, GradientMethod, Moment, Outcome, Picture, Prediction
from geolearn.training.methods.class_scores import ClassScores, classification_report, score_classes
from geolearn.training.methods.retrieval import MahalanobisMetric, precision_recall, retrieval_map
from geolearn.training.recipes import GradientRecipe
from geolearn.typing import Float, Int, Tensor

Vote = Callable[[slice], Tensor]  # a slice of samples to their inputs as this vote sees them


@dataclass(frozen=True)
class ClassRecipe(GradientRecipe):
    """A recipe for classifiers.

    Attributes:
        label_smoothing: of the cross entropy.
        class_balance: classes weigh (1 / frequency) ** class_balance, 0 = equal samples, 1 = equal classes.
        vote_mirror: at test time, sum the log-probabilities of the sample and of its mirror image.
    """

    epochs: int = 40
    label_smoothing: float = 0.1
    class_balance: float = 0.0
    vote_mirror: bool = True


C = TypeVar("C", bound=ClassRecipe)


@dataclass(frozen=True, repr=False)
class ClassPrediction(Prediction):
    """Classes and their probabilities, the likeliest first.

    Attributes:
        classes: K names.
        probabilities: K numbers that sum to 1.
        scores: (K,) log-probabilities summed over votes, in the order of the network's outputs.
    """

    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    scores: Float[Tensor, " K"]

    def record(self) -> dict[str, Any]:
        return {"classes": list(self.classes), "probabilities": list(self.probabilities)}

    def summary(self, top: int = 3) -> str:
        best = zip(self.classes[:top], self.probabilities, strict=False)
        return ", ".join(f"{name} {100 * share:.1f} %" for name, share in best)


class Classification(GradientMethod[C]):
    """Cross entropy on `net(x)`; class and instance accuracy; retrieval by the network's descriptors."""

    figures = (
        Figure("class_accuracy", "class acc. %"),
        Figure("class_accuracy_without_duplicates", "without duplicates %", always=False),
        Figure("instance_accuracy", "instance acc. %"),
        Figure("instance_accuracy_without_duplicates", "instance acc. without duplicates %", always=False),
        Figure("retrieval_map", "retrieval mAP %", always=False),
        Figure("retrieval_map_metric", "mAP, learned metric %", always=False),
    )
    weights: Float[Tensor, " K"]
    test_batch = 64  # shapes that are tested at once

    # -- learning

    def build(self, split: Packed) -> nn.Module:
        if len(split.classes) < 2:
            raise InvalidInputError(f"data: a classifier needs at least two classes, got {list(split.classes)}")
        labels = _labels(split)
        self.weights = class_weights(labels, len(split.classes), self.recipe.class_balance)
        return MODELS[self.model](num_classes=len(split.classes), **self.recipe.model)

    def logits(self, net: nn.Module, x: Tensor) -> Float[Tensor, "B K"]:
        return net(x)

    def loss(self, net: nn.Module, batch: Batch, moment: Moment) -> Tensor:
        return self.cross_entropy(self.logits(net, batch.data), batch.target)

    def cross_entropy(self, logits: Float[Tensor, "B K"], labels: Int[Tensor, " B"]) -> Tensor:
        """Weighted by class and smoothed, as the recipe says."""
        weights = self.weights.to(logits.device)
        return F.cross_entropy(logits, labels, weights, label_smoothing=self.recipe.label_smoothing)

    def meters(self) -> dict[str, Metric]:
        count = len(self.weights)
        return {
            "class_accuracy": PercentAccuracy(count, average="macro"),
            "instance_accuracy": PercentAccuracy(count, average="micro"),
            "loss": MeanMetric(),
        }

    def validate(self, net: nn.Module, batch: Batch, meters: Mapping[str, Metric]) -> None:
        logits = self.logits(net, batch.data)
        meters["class_accuracy"].update(logits, batch.target)
        meters["instance_accuracy"].update(logits, batch.target)
        meters["loss"].update(F.cross_entropy(logits, batch.target), len(batch.target))

    # -- testing

    @abstractmethod
    def votes(self, net: nn.Module, split: Any) -> tuple[list[Vote], str]:
        """How the network is asked about a split that `load` gave, and that in words."""

    def features(self, net: nn.Module, x: Tensor) -> Float[Tensor, "B D"]:
        """Descriptors of a vote's inputs."""
        return net.features(x)  # type: ignore[operator]

    def ask(
        self, net: nn.Module, split: Packed, *, progress: bool = False, count: int | None = None
    ) -> tuple[ClassScores, str]:
        """What the network makes of a split by all its votes, or by the first `count`; and the votes in words."""
        if len(split) == 0:
            raise InvalidInputError("split: expected at least one sample to test, got none")
        votes, voting = self.votes(net, split)
        return self.ask_votes(net, split, track(votes[:count], voting, show=progress)), voting

    def ask_votes(self, net: nn.Module, split: Packed, votes: Iterable[Vote]) -> ClassScores:
        """What the network makes of a split by these votes."""
        return score_classes(
            net, votes, _labels(split), split.keys, batch_size=self.test_batch,
            features=lambda x: self.features(net, x),
        )  # fmt: skip

    def test(
        self,
        net: nn.Module,
        data: Collection,
        split: str,
        *,
        progress: bool = False,
        retrieval: bool = False,
        view_counts: Sequence[int] = (),
    ) -> Outcome:
        """Every sample of the split counts; where test shapes also occur in training, figures without them are added.

        Args:
            retrieval: learn a metric from the training split's descriptors (those of the first vote) and report the
                retrieval it gives as well.
            view_counts: also test a multi-view network with so many views of every shape (table "by_views").
        """
        packed = self.load(data, split)
        predictions, voting = self.ask(net, packed, progress=progress)
        report = classification_report(predictions, packed.classes)
        figures = {name: report[name] for name in ("class_accuracy", "instance_accuracy")}
        details: dict[str, Any] = {"confusion": report["confusion"]}
        if _can_be_retrieved(predictions.labels):
            figures["retrieval_map"] = retrieval_map(predictions.features, predictions.labels)
        repeated = {entry["key"] for entry in data.facts(split).get("duplicates", ())} if split == "test" else set()
        if repeated:
            rest = predictions.select([i for i, key in enumerate(predictions.keys) if key not in repeated])
            without = classification_report(rest, packed.classes)
            details["num_samples_without_duplicates"] = without["num_samples"]
            for name in ("class_accuracy", "instance_accuracy"):
                figures[f"{name}_without_duplicates"] = without[name]
        metric = None
        if retrieval:
            train, _ = self.ask(net, self.load(data, "trainval"), progress=progress, count=1)
            metric = MahalanobisMetric.fit(train.features, train.labels)
            figures["retrieval_map_metric"] = retrieval_map(metric(predictions.features), predictions.labels)
            details["precision_recall"] = {
                name: [values.tolist() for values in precision_recall(features, predictions.labels)]
                for name, features in (("descriptor", predictions.features), ("metric", metric(predictions.features)))
            }
        tables = {"per_class": report["per_class"]}
        if view_counts:
            tables["by_views"] = self.test_views(net, data, split, view_counts, predictions, metric, progress)
        return Outcome(figures, voting, len(predictions.labels), tables, details, predictions)

    def test_views(
        self,
        net: nn.Module,
        data: Collection,
        split: str,
        counts: Sequence[int],
        predictions: ClassScores,
        metric: MahalanobisMetric | None,
        progress: bool,
    ) -> list[dict[str, Any]]:
        """A row of figures for each number of views.

        Raises:
            InvalidInputError: the network does not look at views.
        """
        raise InvalidInputError("views: the number of views is for multi-view networks; this one looks at voxels")

    def sheets(self, net: nn.Module, data: Collection, split: str, outcome: Outcome, folder: Path) -> list[Picture]:
        classes = [row["class"] for row in outcome.tables["per_class"]]
        plot_confusion(outcome.details["confusion"], classes, folder / "confusion.png", f"{self.model} on {data.name}")
        pictures = [(folder / "confusion.png", "Confusion matrix: rows are true classes, columns predictions")]
        if rows := outcome.tables.get("by_views"):
            counts = [row["views"] for row in rows]
            lines = {name.replace("_", " "): (counts, [row[name] for row in rows]) for name in list(rows[0])[1:]}
            plot_lines(lines, folder / "views.png", across="views at test time", up="%")
            pictures.append((folder / "views.png", "Tested with fewer or more views than in training"))
        if curves := outcome.details.get("precision_recall"):
            plot_lines(curves, folder / "precision_recall.png", across="recall", up="precision")
            caption = "Retrieval: interpolated precision, mean over all queries"
            pictures.append((folder / "precision_recall.png", caption))
        return pictures

    def describe(self, net: nn.Module, shapes: Sequence[Any]) -> Float[Tensor, "N D"]:
        split = self.load(ShapeCollection({"test": Store.of_shapes(shapes)}), "test")
        return self.ask(net, split)[0].features

    def predict(self, net: nn.Module, shape: Any, names: Sequence[str]) -> ClassPrediction:
        store = Store.of_shapes([shape], classes=names)
        split = self.load(ShapeCollection({"test": store}), "test")
        found, _ = self.ask(net, split)
        scores = found.scores[0]
        order = scores.argsort(descending=True)
        shares = (scores / found.votes).softmax(0)[order]
        return ClassPrediction(tuple(names[int(k)] for k in order), tuple(shares.tolist()), scores)


class PercentAccuracy(MulticlassAccuracy):
    """torchmetrics' accuracy, in percent."""

    def compute(self) -> Tensor:
        return 100 * super().compute()


def class_weights(labels: Int[Tensor, " N"], num_classes: int, balance: float) -> Float[Tensor, " K"]:
    """Loss weights (N / K / count) ** balance per class; 1 for a class without samples."""
    counts = torch.bincount(labels, minlength=num_classes).float()
    return torch.where(counts > 0, (counts.sum() / num_classes / counts.clamp(min=1)) ** balance, 1.0)


def _labels(split: Packed) -> Int[Tensor, " N"]:
    labels = split.targets
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.ndim != 1:
        raise InvalidInputError(f"targets: a classifier needs one class index per shape, got {labels!r:.80}")
    if len(split.classes) and len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(split.classes):
        low, high = int(labels.min()), int(labels.max())
        raise InvalidInputError(f"targets: expected classes 0..{len(split.classes) - 1}, got {low}..{high}")
    return labels


def _can_be_retrieved(labels: Int[Tensor, " N"]) -> bool:
    """Whether some class has two samples, so that there is something to find."""
    return len(labels) > len(labels.unique())
