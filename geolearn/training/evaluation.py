"""Test-time voting and the figures that come out of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torchmetrics.functional.classification import multiclass_confusion_matrix

from geolearn.errors import InvalidInputError
from geolearn.typing import Float, Int, Tensor


@dataclass(frozen=True)
class Predictions:
    """What a classifier said of N samples.

    Attributes:
        scores: (N, K) log-probabilities summed over votes.
        features: (N, D) descriptors averaged over votes, for retrieval.
        labels: (N,) true classes.
        keys: N sample keys.
    """

    scores: Float[Tensor, "N K"]
    features: Float[Tensor, "N D"]
    labels: Int[Tensor, " N"]
    keys: Sequence[str]

    def __post_init__(self) -> None:
        if not len(self.scores) == len(self.features) == len(self.labels) == len(self.keys):
            raise InvalidInputError("scores, features, labels, keys: expected the same number of samples")

    def select(self, index: Sequence[int]) -> "Predictions":
        """Only the samples at `index`."""
        chosen = torch.as_tensor(index, dtype=torch.int64)
        return Predictions(
            self.scores[chosen], self.features[chosen], self.labels[chosen], [self.keys[int(i)] for i in index]
        )


@torch.inference_mode()
def predict(
    model: nn.Module,
    votes: Iterable[Callable[[slice], Tensor]],
    labels: Tensor,
    keys: Sequence[str],
    *,
    batch_size: int = 64,
    start: str | None = None,
) -> Predictions:
    """Sum log-probabilities and average descriptors over votes.

    Args:
        model: offers `features(x)` and `classify(features)`.
        votes: each maps a slice of samples to their inputs as this vote sees them (a rotation, say).
        start: the votes give activations of the model after this stage (see `MVCNN.features`) instead of inputs.
    """
    model.eval()
    how = {} if start is None else {"start": start}
    scores, features, count = None, None, 0
    for vote in votes:
        vote_scores, vote_features = [], []
        for first in range(0, len(labels), batch_size):
            described = model.features(vote(slice(first, first + batch_size)), **how)  # type: ignore[operator]
            vote_features.append(described)
            vote_scores.append(model.classify(described).log_softmax(1))  # type: ignore[operator]
        scores = torch.cat(vote_scores) + (0 if scores is None else scores)
        features = torch.cat(vote_features) + (0 if features is None else features)
        count += 1
    if scores is None or features is None:
        raise InvalidInputError("votes: expected at least one vote")
    return Predictions(scores.float(), features.float() / count, labels, keys)


def classification_report(predictions: Predictions, classes: Sequence[str]) -> dict[str, Any]:
    """Class and instance accuracy, per-class table and confusion matrix, in percent and counts.

    `class_accuracy` is the unweighted mean of the recall of the classes that occur; `instance_accuracy` the share of
    all samples that are right.
    """
    if len(predictions.labels) == 0:
        raise InvalidInputError("predictions: expected at least one sample, got none")
    confusion = multiclass_confusion_matrix(predictions.scores, predictions.labels, len(classes))
    right, count, chosen = confusion.diagonal().double(), confusion.sum(1), confusion.sum(0)
    present = count > 0
    recall = 100 * right / count.clamp(min=1)
    return {
        "class_accuracy": float(recall[present].mean()),
        "instance_accuracy": float(100 * right.sum() / count.sum()),
        "num_samples": int(count.sum()),
        "per_class": [
            {
                "class": name,
                "samples": int(count[k]),
                "recall": float(recall[k]) if present[k] else None,
                "precision": float(100 * right[k] / chosen[k]) if chosen[k] else None,
            }
            for k, name in enumerate(classes)
        ],
        "confusion": confusion.tolist(),
    }
