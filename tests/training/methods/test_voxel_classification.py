"""The votes of a test: what each of them sees."""

import torch

from geolearn.data import PackedVoxels, pack
from geolearn.training.methods.voxel_classification import voting_inputs


def voxels() -> PackedVoxels:
    grids = torch.zeros(3, 32, 32, 32, dtype=torch.bool)
    grids[0, 10:14, 12:20, 8:30] = True
    grids[1, 6:9, 20:26, 8:12] = True
    grids[2] = torch.rand(32, 32, 32, generator=torch.Generator().manual_seed(0)) > 0.9
    return PackedVoxels(pack(grids), torch.zeros(3, dtype=torch.int64), ("a", "b", "c"))


def test_one_vote_sees_the_grids_as_they_are():
    (vote,) = voting_inputs(voxels(), 1, False)
    assert torch.equal(vote(slice(1, 3)), voxels().occupancy()[1:3])


def test_mirrored_shifted_and_stretched_votes():
    split, everything = voxels(), slice(0, 3)
    grids = split.occupancy()
    seen = [vote(everything) for vote in voting_inputs(split, 1, True, shift=1, scale=0.5)]
    assert len(seen) == 14
    assert torch.equal(seen[0], grids)
    assert torch.equal(seen[1][:, :, 1:], grids[:, :, :-1])
    assert torch.equal(seen[4][:, :, :, :-1], grids[:, :, :, 1:])
    # Cells [10, 14) are [-6, -2) from the centre: half as large again they are [-9, -3), cells [7, 13).
    assert seen[5][0, 0].any(2).any(1).nonzero()[:, 0].tolist() == list(range(7, 13))
    assert torch.equal(seen[7], grids.flip(2))


def test_turned_votes():
    split = voxels()
    seen = [vote(slice(0, 3)) for vote in voting_inputs(split, 4, False)]
    assert len(seen) == 4
    assert torch.equal(seen[1][0, 0], split.occupancy()[0, 0].rot90(1, (0, 1)))
