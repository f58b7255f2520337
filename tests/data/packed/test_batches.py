"""What a training relies on: the order, the sharing between processes, the resuming."""

import pytest
import torch

from geolearn.data import Batches, PackedVoxels, VoxelAugment, pack
from geolearn.errors import InvalidInputError


def split(count: int = 23, size: int = 6) -> PackedVoxels:
    values = torch.rand(count, size, size, size, generator=torch.Generator().manual_seed(1)) < 0.5
    return PackedVoxels(pack(values), torch.arange(count) % 3, tuple(f"train/{i:04d}" for i in range(count)))


def keys(loader: Batches) -> list[str]:
    return [key for batch in loader for key in batch.keys]


def same(left, right) -> bool:
    return all(
        a.keys == b.keys and torch.equal(a.data, b.data) and torch.equal(a.target, b.target)
        for a, b in zip(left, right, strict=True)
    )


def test_unshuffled_batches_are_the_split():
    voxels = split()
    batches = list(Batches(voxels, 8, shuffle=False))
    assert [len(batch.target) for batch in batches] == [8, 8, 7]
    assert torch.equal(torch.cat([batch.data for batch in batches]), voxels.occupancy())
    assert torch.equal(torch.cat([batch.target for batch in batches]), voxels.targets)
    assert [key for batch in batches for key in batch.keys] == list(voxels.keys)


def test_the_seed_is_0_unless_one_is_given():
    assert keys(Batches(split(), 4)) == keys(Batches(split(), 4, seed=0)) != keys(Batches(split(), 4, seed=1))


def test_every_epoch_is_another_seeded_permutation():
    loader = Batches(split(), 4, seed=5)
    first, second = keys(loader), keys(loader)
    assert sorted(first) == sorted(second) == list(split().keys)
    assert first != second
    other = Batches(split(), 4, seed=5)
    assert [keys(other), keys(other)] == [first, second]
    assert keys(Batches(split(), 4, seed=6)) != first
    loader.set_epoch(0)
    assert keys(loader) == first


def test_labels_and_values_belong_to_their_keys():
    voxels = split()
    for batch in Batches(voxels, 5, seed=1):
        index = [int(key.split("/")[1]) for key in batch.keys]
        assert torch.equal(batch.target, voxels.targets[index])
        assert torch.equal(batch.data, voxels.occupancy()[index])


def test_drop_last_and_length():
    assert len(Batches(split(), 8, drop_last=True)) == len(list(Batches(split(), 8, drop_last=True))) == 2
    assert len(Batches(split(), 8)) == 3
    assert len(Batches(split(), 100, drop_last=True)) == 0


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
def test_ranks_share_the_same_global_batches(world_size):
    augment = VoxelAugment(shift=1, scale=0.1)
    whole = list(Batches(split(), 12, augment=augment, seed=3, drop_last=True))
    parts = [
        list(Batches(split(), 12 // world_size, augment=augment, seed=3, drop_last=True, rank=r, world_size=world_size))
        for r in range(world_size)
    ]
    for number, batch in enumerate(whole):
        together = [part[number] for part in parts]
        assert [key for piece in together for key in piece.keys] == batch.keys
        assert torch.equal(torch.cat([piece.data for piece in together]), batch.data)


@pytest.mark.parametrize("batch_size", [1, 2, 4])
@pytest.mark.parametrize("count, world_size", [(23, 2), (23, 4), (13, 2), (9, 4), (8, 2), (1, 3), (5, 4)])
def test_without_drop_last_every_rank_has_as_much_and_nothing_is_missing(count, world_size, batch_size):
    loaders = [Batches(split(count), batch_size, seed=3, rank=r, world_size=world_size) for r in range(world_size)]
    sizes = [[len(batch.keys) for batch in loader] for loader in loaders]
    assert all(size == sizes[0] for size in sizes)
    assert len(sizes[0]) == len(loaders[0])
    for loader in loaders:
        loader.set_epoch(0)
    seen = [key for loader in loaders for key in keys(loader)]
    assert set(seen) == set(split(count).keys)
    assert len(seen) - count < world_size


def test_augmentation_does_not_depend_on_the_batch_size():
    augment = VoxelAugment(shift=1)
    small = torch.cat([batch.data for batch in Batches(split(), 2, augment=augment, seed=2)])
    large = torch.cat([batch.data for batch in Batches(split(), 23, augment=augment, seed=2)])
    assert torch.equal(small, large)
    plain = torch.cat([batch.data for batch in Batches(split(), 23, seed=2)])
    assert not torch.equal(large, plain)


@pytest.mark.parametrize("stop", [0, 1, 3, 6])
def test_a_restored_loader_continues_where_the_saved_one_was(stop):
    def loader() -> Batches:
        return Batches(split(), 4, augment=VoxelAugment(), seed=9)

    reference = loader()
    epochs = [list(reference) for _ in range(3)]
    interrupted = loader()
    list(interrupted)
    running = iter(interrupted)
    for _ in range(stop):
        next(running)
    state = interrupted.state_dict()
    resumed = loader()
    resumed.load_state_dict(state)
    resumed.set_epoch(state["epoch"])  # as Lightning does before every epoch; must not lose the place
    expected = epochs[1][stop:] or epochs[2]
    assert same(list(resumed), expected)
    if stop < 6:
        assert same(list(resumed), epochs[2])


def test_a_broken_off_pass_starts_again():
    loader = Batches(split(), 4, seed=9)
    first = next(iter(loader)).keys
    assert keys(loader)[:4] == first


def test_half_precision():
    assert next(iter(Batches(split(), 4, dtype=torch.float16))).data.dtype == torch.float16


def test_refuses_nonsense():
    with pytest.raises(InvalidInputError, match="batch_size"):
        Batches(split(), 0)
    with pytest.raises(InvalidInputError, match="split is empty"):
        Batches(split(0), 4)
    with pytest.raises(InvalidInputError, match="both or neither"):
        Batches(split(), 4, rank=1)
    with pytest.raises(InvalidInputError, match=r"expected 0\.\.1, got 2"):
        Batches(split(), 4, rank=2, world_size=2)
    with pytest.raises(InvalidInputError, match="seed"):
        Batches(split(), 4, seed=-1)
