"""Rankings and their scores by hand and by loop; a learned metric on data where the plain distance fails."""

import math

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.training.methods.retrieval import MahalanobisMetric, find_nearest, precision_recall, rank, retrieval_map


def circle(*turns: float) -> torch.Tensor:
    angles = torch.tensor(turns) * math.pi
    return torch.stack([angles.cos(), angles.sin()], 1)


def test_ranking_leaves_the_query_out_and_keeps_the_order_of_ties():
    assert rank(circle(0.0, 0.2, -0.1, 0.2)).tolist() == [[2, 1, 3], [3, 0, 2], [0, 1, 3], [1, 0, 2]]


def test_retrieval_map_by_hand():
    angles = torch.tensor([0.0, 0.1, 0.3, 0.35]) * math.pi
    features = torch.stack([angles.cos(), angles.sin()], 1)
    labels = torch.tensor([0, 1, 0, 1])
    # ranking of 0: 1(x) 2(o) 3(x) -> 1/2; of 1: 0(x) 2(x) 3(o) -> 1/3; of 2: 3(x) 1(x) 0(o) -> 1/3;
    # of 3: 2(x) 1(o) 0(x) -> 1/2
    assert retrieval_map(features, labels) == pytest.approx(100 * (1 / 2 + 1 / 3 + 1 / 3 + 1 / 2) / 4)


def test_retrieval_against_a_loop():
    generator = torch.Generator().manual_seed(0)
    features, labels = torch.randn(40, 5, generator=generator), torch.randint(4, (40,), generator=generator)
    unit = features / features.norm(dim=1, keepdim=True)
    precisions = []
    for query in range(40):
        ranked = sorted((i for i in range(40) if i != query), key=lambda i: -float(unit[query] @ unit[i]))
        hits, total = 0, 0.0
        for place, item in enumerate(ranked, 1):
            if labels[item] == labels[query]:
                hits += 1
                total += hits / place
        if hits:
            precisions.append(total / hits)
    assert retrieval_map(features, labels) == pytest.approx(100 * sum(precisions) / len(precisions))


def test_perfect_descriptors_have_map_100():
    labels = torch.tensor([0, 0, 1, 1, 1])
    assert retrieval_map(torch.nn.functional.one_hot(labels).float(), labels) == pytest.approx(100)


def test_precision_recall_by_hand():
    # The query at 0 finds x o x o: 1/2 at both of its items. The lonely class asks nothing.
    features, labels = circle(0.0, 0.1, 0.2, 0.3, 0.4), torch.tensor([0, 1, 0, 2, 0])
    recall, precision = precision_recall(features, labels, points=3)
    assert recall.tolist() == [0, 0.5, 1]
    # at 0.2: 1(x) 3(x) 0(o) 4(o) -> 1/2 at both; at 0.4: 3(x) 2(o) 1(x) 0(o) -> 1/2 at both
    assert precision.tolist() == pytest.approx([0.5, 0.5, 0.5])


def test_precision_falls_where_the_last_item_is_far():
    features, labels = circle(0.0, 0.01, 0.5, 0.4), torch.tensor([0, 0, 0, 1])
    _, precision = precision_recall(features, labels, points=3)
    # queries 0 and 1: o x o -> 1, 1, 2/3; query 2: x o o -> best precision 2/3 everywhere
    assert precision.tolist() == pytest.approx([8 / 9, 8 / 9, 2 / 3])


def noisy_classes(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Five dimensions tell the class, fifty louder ones tell nothing."""
    generator = torch.Generator().manual_seed(count)
    labels = torch.arange(count) % 5
    useful = torch.nn.functional.one_hot(labels, 5) + 0.2 * torch.randn(count, 5, generator=generator)
    return torch.cat([useful, 0.7 * torch.randn(count, 50, generator=generator)], 1), labels


def test_a_learned_metric_finds_what_tells_classes_apart_on_samples_it_never_saw():
    metric = MahalanobisMetric.fit(*noisy_classes(300), dim=8)
    features, labels = noisy_classes(200)
    assert metric(features).shape == (200, 8)
    plain, learned = retrieval_map(features, labels), retrieval_map(metric(features), labels)
    assert plain < 45
    assert learned > plain + 25


def test_the_metric_is_the_same_every_time_and_for_any_scale_of_the_descriptors():
    features, labels = noisy_classes(60)
    one, two = MahalanobisMetric.fit(features, labels, dim=4), MahalanobisMetric.fit(features, labels, dim=4)
    assert torch.equal(one.projection, two.projection)
    torch.testing.assert_close(one(features * 7), one(features))


@pytest.mark.parametrize("labels", [torch.zeros(4, dtype=torch.int64), torch.arange(4)])
def test_nothing_to_learn_a_metric_from(labels):
    with pytest.raises(InvalidInputError, match="at least two classes"):
        MahalanobisMetric.fit(torch.eye(4), labels)


def test_nothing_to_find():
    with pytest.raises(InvalidInputError, match="at least one class with two samples"):
        retrieval_map(torch.eye(4), torch.arange(4))


@pytest.mark.parametrize("block", [1, 3, 64])
def test_the_nearest_by_blocks_are_those_of_a_full_sort(block):
    generator = torch.Generator().manual_seed(1)
    queries, features = torch.randn(5, 7, generator=generator), torch.randn(20, 7, generator=generator)
    features[11] = 3 * features[2]  # the same direction: a tie
    cosines = torch.nn.functional.cosine_similarity(queries[:, None].double(), features.double(), dim=2)
    cosines[:, 11] = cosines[:, 2]
    wanted, _ = cosines.sort(dim=1, descending=True, stable=True)
    found, rows = find_nearest(queries, features, 6, block=block)
    torch.testing.assert_close(found, wanted[:, :6])
    assert [[float(row[a]) for a in mine] for row, mine in zip(cosines, rows, strict=True)] == [
        pytest.approx(row[:6].tolist()) for row in wanted
    ]
    assert find_nearest(queries, features, 99, block=block)[1].shape == (5, 20)
    copies = torch.ones(9, 2)
    assert find_nearest(copies[:1], copies, 4, block=block)[1].tolist() == [[0, 1, 2, 3]]


@pytest.mark.usefixtures("as_installed")
def test_nearest_of_nothing_or_of_another_size():
    assert find_nearest(torch.ones(2, 3), torch.ones(0, 3), 4)[1].shape == (2, 0)
    with pytest.raises(InvalidInputError, match=r"descriptors of one size, got 1, 8192, \(2, 3\) and \(4, 5\)"):
        find_nearest(torch.ones(2, 3), torch.ones(4, 5), 1)
    with pytest.raises(InvalidInputError, match="count, block: expected at least 1"):
        find_nearest(torch.ones(2, 3), torch.ones(4, 3), 0)
