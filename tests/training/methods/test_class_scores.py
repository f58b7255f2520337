"""Figures worked out by hand, and against scikit-learn-like loops."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.training.methods.class_scores import ClassScores, classification_report, score_classes


def predictions(scores, labels):
    scores = torch.tensor(scores)
    return ClassScores(scores, torch.zeros(len(scores), 1), torch.tensor(labels), [str(i) for i in range(len(scores))])


def test_class_and_instance_accuracy_differ_as_they_should():
    # class 0: 3 of 4 right; class 1: 0 of 1; class 2 does not occur
    report = classification_report(
        predictions([[1.0, 0, 0], [1.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0], [1.0, 0, 0]], [0, 0, 0, 0, 1]), ["a", "b", "c"]
    )
    assert report["class_accuracy"] == pytest.approx(37.5)
    assert report["instance_accuracy"] == pytest.approx(60.0)
    assert report["num_samples"] == 5
    assert report["confusion"] == [[3, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert [row["recall"] for row in report["per_class"]] == [75.0, 0.0, None]
    assert [row["precision"] for row in report["per_class"]] == [75.0, 0.0, None]


def test_no_samples_is_an_error():
    empty = ClassScores(torch.zeros(0, 3), torch.zeros(0, 1), torch.zeros(0, dtype=torch.int64), [])
    with pytest.raises(InvalidInputError, match="at least one sample"):
        classification_report(empty, ["a", "b", "c"])


def test_votes_sum_log_probabilities():
    class Net(torch.nn.Module):
        def features(self, x):
            return x

        def classify(self, features):
            return features

    x = torch.randn(5, 3)
    labels = torch.zeros(5, dtype=torch.int64)
    votes = [lambda part: x[part], lambda part: -2 * x[part]]
    got = score_classes(Net(), votes, labels, list("abcde"), batch_size=2)
    torch.testing.assert_close(got.scores, x.log_softmax(1) + (-2 * x).log_softmax(1))
    torch.testing.assert_close(got.features, -x / 2)


def test_selection_keeps_rows_together():
    chosen = predictions([[1.0, 0], [0, 1.0], [1.0, 0]], [0, 1, 1]).select([2, 0])
    assert chosen.labels.tolist() == [1, 0]
    assert list(chosen.keys) == ["2", "0"]


def test_weights_with_nan_are_refused_with_the_sample():
    class Net(torch.nn.Module):
        def features(self, x):
            return x

        def classify(self, features):
            return features

    x = torch.zeros(3, 2)
    x[1] = float("nan")
    with pytest.raises(InvalidInputError, match="1 of 3 samples, first 'b', are not numbers"):
        score_classes(Net(), [lambda part: x[part]], torch.zeros(3, dtype=torch.int64), list("abc"))


def test_labels_out_of_range_and_a_single_class():
    with pytest.raises(InvalidInputError, match=r"labels: expected 0\.\.1 for 2 classes, got 0\.\.5"):
        classification_report(predictions([[1.0, 0], [1.0, 0]], [0, 5]), ["a", "b"])
    assert classification_report(predictions([[1.0]], [0]), ["a"])["class_accuracy"] == 100
