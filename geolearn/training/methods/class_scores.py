"""Test-time voting of a classifier, and the figures that come out of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torchmetrics.functional.classification import multiclass_confusion_matrix

from geolearn.errors import InvalidInputError
from geolearn.typing import Float, Int, Tensor


@dataclass(frozen=True)
class ClassScores:
    """What a classifier makes of N samples.

    Attributes:
        scores: (N, K) log-probabilities summed over votes.
        features: (N, D) descriptors averaged over votes, for retrieval.
        labels: (N,) true classes.
        keys: N sample keys.
        votes: how many were summed.
    """

    scores: Float[Tensor, "N K"]
    features: Float[Tensor, "N D"]
    labels: Int[Tensor, " N"]
    keys: Sequence[str]
    votes: int = 1

    def __post_init__(self) -> None:
        if not len(self.scores) == len(self.features) == len(self.labels) == len(self.keys):
            raise InvalidInputError("scores, features, labels, keys: expected the same number of samples")

    def select(self, index: Sequence[int]) -> "ClassScores":
        """Only the samples at `index`."""
        chosen = torch.as_tensor(index, dtype=torch.int64)
        return ClassScores(
            self.scores[chosen],
            self.features[chosen],
            self.labels[chosen],
            [self.keys[int(i)] for i in index],
            self.votes,
        )


@torch.inference_mode()
def score_classes(
    model: nn.Module,
    votes: Iterable[Callable[[slice], Tensor]],
    labels: Tensor,
    keys: Sequence[str],
    *,
    batch_size: int = 64,
    features: Callable[[Tensor], Tensor] | None = None,
) -> ClassScores:
    """Sum log-probabilities and average descriptors over votes.

    Args:
        model: offers `features(x)` and `classify(features)`.
        votes: each maps a slice of samples to their inputs as this vote sees them (a rotation, say).
        features: makes descriptors of a vote's inputs; by default `model.features`.

    Raises:
        InvalidInputError: no votes, or scores that are not numbers, with the key of the first sample.
    """
    model.eval()
    describe: Any = features or model.features
    scores, descriptors, count = None, None, 0
    for vote in votes:
        vote_scores, vote_features = [], []
        for first in range(0, len(labels), batch_size):
            described = describe(vote(slice(first, first + batch_size)))
            vote_features.append(described)
            vote_scores.append(model.classify(described).log_softmax(1))  # type: ignore[operator]
        scores = torch.cat(vote_scores) + (0 if scores is None else scores)
        descriptors = torch.cat(vote_features) + (0 if descriptors is None else descriptors)
        count += 1
    if scores is None or descriptors is None:
        raise InvalidInputError("votes: expected at least one vote")
    broken = ~(scores.isfinite().all(1) & descriptors.isfinite().all(1))
    if bool(broken.any()):
        raise InvalidInputError(
            f"scores: {int(broken.sum())} of {len(keys)} samples, first {keys[int(broken.nonzero()[0])]!r}, are not "
            "numbers; are there NaN in the weights?"
        )
    return ClassScores(scores.float(), descriptors.float() / count, labels, keys, count)


def classification_report(found: ClassScores, classes: Sequence[str]) -> dict[str, Any]:
    """Class and instance accuracy, per-class table and confusion matrix, in percent and counts.

    `class_accuracy` is the unweighted mean of the recall of the classes that occur; `instance_accuracy` the share of
    all samples that are right.

    Raises:
        InvalidInputError: no samples, or labels that are none of the classes.
    """
    if len(found.labels) == 0:
        raise InvalidInputError("predictions: expected at least one sample, got none")
    if int(found.labels.min()) < 0 or int(found.labels.max()) >= len(classes):
        low, high = int(found.labels.min()), int(found.labels.max())
        raise InvalidInputError(f"labels: expected 0..{len(classes) - 1} for {len(classes)} classes, got {low}..{high}")
    if found.scores.shape[1] != len(classes):
        raise InvalidInputError(f"scores: expected {len(classes)}, one per class, got {found.scores.shape[1]}")
    if len(classes) == 1:
        confusion = torch.tensor([[len(found.labels)]])
    else:
        confusion = multiclass_confusion_matrix(found.scores, found.labels, len(classes))
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
