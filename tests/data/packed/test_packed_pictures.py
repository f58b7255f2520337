"""The record of packed views, and the batches made of it, against plain indexing."""

import pytest
import torch

from geolearn.data import Batches, PackedViews, ViewAugment
from geolearn.errors import InvalidInputError

SHAPES, VIEWS = 23, 5


def split(channels: int = 1, dtype: torch.dtype = torch.uint8) -> PackedViews:
    """Random pixels, seen through rows in another order, as two splits of one file are."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (SHAPES + 4, VIEWS, channels, 3, 4), generator=generator, dtype=torch.uint8)
    rows = torch.randperm(SHAPES + 4, generator=generator)[:SHAPES]
    keys = tuple(f"train/{i:04d}" for i in range(SHAPES))
    return PackedViews(pixels.to(dtype), torch.arange(SHAPES) % 3, keys, ("a", "b", "c"), rows)


def plain(views: PackedViews) -> torch.Tensor:
    """All images by a loop."""
    return torch.stack([views.pixels[int(row)].double() / 255 for row in views.rows]).float()


def numbers(batch) -> list[int]:
    return [int(key.split("/")[1]) for key in batch.keys]


def test_images_are_the_pixels_over_255_in_the_order_of_the_rows():
    views = split()
    assert torch.equal(views.images(), plain(views))
    assert (len(views), views.views) == (SHAPES, VIEWS)
    assert repr(views) == "PackedViews(23 x 5 views of (1, 3, 4), 3 classes, cpu)"
    assert torch.equal(split(dtype=torch.float32).images(), 255 * plain(views) + 0)


def test_selecting_copies_no_pixels():
    views = split()
    chosen = views.select([7, 0, 7])
    assert chosen.pixels.data_ptr() == views.pixels.data_ptr()
    assert torch.equal(chosen.images(), plain(views)[[7, 0, 7]])
    assert (chosen.targets.tolist(), chosen.keys) == ([1, 0, 1], ("train/0007", "train/0000", "train/0007"))
    nothing = views.select([])
    assert nothing.images().shape == (0, VIEWS, 1, 3, 4)


def test_taking_views():
    views, index = split(3), torch.tensor([4, 2])
    assert torch.equal(views.pixels_of(index, torch.tensor([3, 0, 3])), views.pixels_of(index)[:, [3, 0, 3]])
    own = torch.tensor([[1, 2], [4, 0]])
    expected = torch.stack([views.pixels_of(index)[0, [1, 2]], views.pixels_of(index)[1, [4, 0]]])
    assert torch.equal(views.pixels_of(index, own), expected)


def test_single_views():
    views = split().select([5, 3])
    singles = views.singles()
    assert singles.pixels.data_ptr() == views.pixels.data_ptr()
    assert torch.equal(singles.images(), plain(views).reshape(2 * VIEWS, 1, 1, 3, 4))
    assert singles.keys[:6] == (*(f"train/0005/0{i}" for i in range(5)), "train/0003/00")
    assert singles.targets.tolist() == [2] * 5 + [0] * 5
    assert torch.equal(singles.select([6]).images()[0, 0], plain(views)[1, 1])


def test_unshuffled_batches_are_the_split():
    views = split()
    batches = list(Batches(views, 8, shuffle=False))
    assert [len(batch.target) for batch in batches] == [8, 8, 7]
    assert torch.equal(torch.cat([batch.data for batch in batches]), plain(views))
    assert torch.equal(torch.cat([batch.target for batch in batches]), views.targets)
    assert [key for batch in batches for key in batch.keys] == list(views.keys)


def test_images_and_labels_belong_to_their_keys():
    views = split(3)
    seen = []
    for batch in Batches(views, 5, seed=1):
        assert torch.equal(batch.target, views.targets[numbers(batch)])
        assert torch.equal(batch.data, plain(views)[numbers(batch)])
        seen += numbers(batch)
    assert sorted(seen) == list(range(SHAPES))
    assert seen != list(range(SHAPES))


def test_all_views_of_a_shape_are_mirrored_or_none():
    views, mirrored, mixed = split(), 0, 0
    whole = plain(views)
    loader = Batches(views, 6, augment=ViewAugment(), seed=2)
    for _ in range(4):
        for batch in loader:
            flips = []
            for number, images in zip(numbers(batch), batch.data, strict=True):
                flips.append(torch.equal(images, whole[number].flip(-1)))
                assert flips[-1] or torch.equal(images, whole[number])
            mirrored += sum(flips)
            mixed += 0 < sum(flips) < len(flips)
    assert 30 < mirrored < 62  # of 92
    assert mixed > 8  # every shape has its own chance
    assert torch.equal(views.images(), whole)  # the pixels themselves are left alone


@pytest.mark.parametrize("count", [1, 3, VIEWS])
def test_random_views_are_distinct_ascending_and_of_their_shape(count):
    views = split()
    whole, counts = plain(views), torch.zeros(VIEWS)
    loader = Batches(views, 4, augment=ViewAugment(mirror=False, views=count), seed=3)
    for _ in range(6):
        for batch in loader:
            for number, images in zip(numbers(batch), batch.data, strict=True):
                chosen = [v for v in range(VIEWS) if any(torch.equal(whole[number, v], image) for image in images)]
                assert torch.equal(images, whole[number, chosen])
                assert len(chosen) == count
                counts[chosen] += 1
    assert counts.min() > 0.6 * counts.sum() / VIEWS


def test_augmentation_does_not_depend_on_the_batch_size():
    augment = ViewAugment(views=2)
    small = torch.cat([batch.data for batch in Batches(split(), 2, augment=augment, seed=2)])
    large = torch.cat([batch.data for batch in Batches(split(), 23, augment=augment, seed=2)])
    assert torch.equal(small, large)


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_share_the_same_global_batches(world_size):
    options = {"augment": ViewAugment(views=3), "seed": 3, "drop_last": True}
    whole = list(Batches(split(), 6, **options))
    parts = [
        list(Batches(split(), 6 // world_size, rank=r, world_size=world_size, **options)) for r in range(world_size)
    ]
    for number, batch in enumerate(whole):
        assert torch.equal(torch.cat([part[number].data for part in parts]), batch.data)
        assert [key for part in parts for key in part[number].keys] == batch.keys


@pytest.mark.parametrize("stop", [1, 3])
def test_a_restored_loader_continues_where_the_saved_one_was(stop):
    def loader() -> Batches:
        return Batches(split(), 4, augment=ViewAugment(views=2), seed=9)

    reference = loader()
    epochs = [list(reference), list(reference)]
    interrupted = loader()
    list(interrupted)
    running = iter(interrupted)
    for _ in range(stop):
        next(running)
    resumed = loader()
    resumed.load_state_dict(interrupted.state_dict())
    for ours, theirs in zip(list(resumed), epochs[1][stop:], strict=True):
        assert ours.keys == theirs.keys
        assert torch.equal(ours.data, theirs.data)


def test_half_precision_and_moving():
    assert next(iter(Batches(split(), 4, dtype=torch.float16))).data.dtype == torch.float16
    views = split()
    assert views.to("cpu") is views


def test_on_a_gpu():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    views, options = split(3), {"augment": ViewAugment(views=2), "seed": 4}
    expected = list(Batches(views, 4, **options))
    for source in (views, views.to("cuda"), views.select(list(range(SHAPES))).to("cuda")):
        for ours, theirs in zip(Batches(source, 4, device="cuda", **options), expected, strict=True):
            assert ours.data.is_cuda
            assert ours.target.is_cuda
            assert ours.keys == theirs.keys
            assert torch.equal(ours.data.cpu(), theirs.data)
            assert torch.equal(ours.target.cpu(), theirs.target)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"pixels": torch.zeros(2, 3, 1, 4, 4, dtype=torch.int64)}, r"expected uint8, .* got torch.int64"),
        ({"pixels": torch.zeros(2, 1, 4, 4, dtype=torch.uint8)}, r"\(M, V, C, H, W\)"),
        ({"pixels": torch.zeros(2, 0, 1, 4, 4, dtype=torch.uint8)}, "at least one view"),
        ({"pixels": torch.zeros(1, 3, 1, 4, 4, dtype=torch.uint8)}, r"need rows 0\.\.1 of pixels, which has 1"),
        ({"targets": torch.zeros(3)}, "targets, keys: expected 2 of each"),
        ({"keys": ("a",)}, "expected 1 of each, one per shape, got 2 and 1"),
        ({"rows": torch.tensor([0])}, r"rows: expected int64 \(2,\)"),
        ({"rows": torch.tensor([0, -1])}, r"need rows -1\.\.0"),
    ],
)
def test_refuses_what_does_not_fit_together(as_installed, change, message):
    good = {
        "pixels": torch.zeros(2, 3, 1, 4, 4, dtype=torch.uint8),
        "targets": torch.tensor([0, 1]),
        "keys": ("a", "b"),
        "classes": (),
        "rows": None,
    }
    with pytest.raises(InvalidInputError, match=message):
        PackedViews(**(good | change))


def test_refuses_nonsense():
    with pytest.raises(InvalidInputError, match="at least 1 of every shape"):
        ViewAugment(views=0)
    with pytest.raises(InvalidInputError, match="6 views wanted, but each shape has 5"):
        next(iter(Batches(split(), 4, augment=ViewAugment(views=6))))
    with pytest.raises(InvalidInputError, match="split is empty"):
        Batches(split().select([]), 4)
