"""Warps against a slow loop over cells, and the exact symmetries of the grid."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.data import VoxelAugment, Warp, augment_columns, pack, unpack, warp_columns
from geolearn.errors import InvalidInputError


def random_grids(count: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, size, size, size, generator=torch.Generator().manual_seed(seed)) < 0.4


def still(count: int, **changed: torch.Tensor) -> Warp:
    warp = Warp(torch.zeros(count), torch.zeros(count, dtype=torch.bool), torch.zeros(count, 3), torch.ones(count, 3))
    return warp._replace(**changed)


def slow_warp(values: np.ndarray, angle: float, mirror: bool, shift, scale) -> tuple[np.ndarray, np.ndarray]:
    """One grid, cell by cell in float64: the warped grid, and which cells are too near a tie to judge."""
    size = values.shape[0]
    centre = (size - 1) / 2
    out, unsure = np.zeros_like(values), np.zeros_like(values)
    for i in range(size):
        for j in range(size):
            for k in range(size):
                p = (np.array([i, j, k], dtype=np.float64) - centre - shift) / scale
                if mirror:
                    p[0] = -p[0]
                x = math.cos(angle) * p[0] + math.sin(angle) * p[1]
                y = -math.sin(angle) * p[0] + math.cos(angle) * p[1]
                source = np.array([x, y, p[2]]) + centre + 0.5
                unsure[i, j, k] = bool((np.abs(source - np.round(source)) < 1e-4).any())
                cell = np.floor(source).astype(int)
                if ((cell >= 0) & (cell < size)).all():
                    out[i, j, k] = values[tuple(cell)]
    return out, unsure


@given(
    size=st.integers(1, 9),
    angle=st.floats(-7, 7),
    mirror=st.booleans(),
    shift=st.tuples(*[st.floats(-3, 3)] * 3),
    scale=st.tuples(*[st.floats(0.5, 2)] * 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_equals_a_loop_over_cells(size, angle, mirror, shift, scale, seed):
    values = random_grids(1, size, seed)
    expected, unsure = slow_warp(values[0].numpy(), angle, mirror, np.array(shift), np.array(scale))
    warp = Warp(torch.tensor([angle]), torch.tensor([mirror]), torch.tensor([shift]), torch.tensor([scale]))
    got = augment_columns(pack(values), *warp)[0, 0].bool().numpy()
    assert (got == expected)[~unsure].all()


def test_equals_the_loop_at_32_cells_with_different_warps_in_one_batch():
    values = random_grids(3, 32)
    warp = VoxelAugment(scale=0.2).draw(3, torch.Generator().manual_seed(5))
    got = augment_columns(pack(values), *warp)[:, 0].bool().numpy()
    for b in range(3):
        angle, mirror, shift, scale = (parameter[b].double().numpy() for parameter in warp)
        expected, unsure = slow_warp(values[b].numpy(), float(angle), bool(mirror), shift, scale)
        assert unsure.mean() < 0.01
        assert (got[b] == expected)[~unsure].all()


def rotate_columns(columns: torch.Tensor, angle_rad: float, *, mirror: bool = False) -> torch.Tensor:
    """Every shape turned by the same angle, and mirrored if asked."""
    count = len(columns)
    turn, flip = torch.full((count,), angle_rad), torch.full((count,), mirror)
    return warp_columns(columns, turn, flip, torch.zeros(count, 3), torch.ones(count, 3))


@pytest.mark.parametrize("size", [1, 2, 7, 30, 32])
def test_quarter_turns_are_exact_and_counter_clockwise(size):
    values = random_grids(2, size)
    for quarter in range(-4, 5):
        turned = unpack(rotate_columns(pack(values), quarter * math.pi / 2))[:, 0].bool()
        # x to y is counter-clockwise seen from +z; rot90 turns the first named axis towards the second.
        assert torch.equal(turned, torch.rot90(values, quarter, (1, 2)))


def test_a_quarter_turn_takes_x_to_y():
    values = torch.zeros(1, 5, 5, 5, dtype=torch.bool)
    values[0, 4, 2, 1] = True  # on +x
    assert unpack(rotate_columns(pack(values), math.pi / 2)).nonzero().tolist() == [[0, 0, 2, 4, 1]]


def test_mirror_flips_x_after_the_rotation():
    values = random_grids(2, 32)
    assert torch.equal(unpack(rotate_columns(pack(values), 0.0, mirror=True))[:, 0].bool(), values.flip(1))
    expected = torch.rot90(values, 1, (1, 2)).flip(1)
    assert torch.equal(unpack(rotate_columns(pack(values), math.pi / 2, mirror=True))[:, 0].bool(), expected)


@pytest.mark.parametrize("shift", [(1, 0, 0), (0, -2, 0), (0, 0, 3), (2, -1, -31), (32, 0, 0), (0, 0, 40), (1e9, 0, 0)])
def test_shifts_move_cells_and_nothing_wraps_around(shift):
    values = random_grids(1, 32)
    expected = torch.zeros_like(values)
    source = values[0].nonzero() + torch.tensor(shift).long()
    inside = source[((source >= 0) & (source < 32)).all(1)]
    expected[0, inside[:, 0], inside[:, 1], inside[:, 2]] = True
    warp = still(1, shift=torch.tensor([shift], dtype=torch.float32))
    assert torch.equal(augment_columns(pack(values), *warp)[:, 0].bool(), expected)


def test_identity_and_doubling():
    values = random_grids(2, 32)
    assert torch.equal(warp_columns(pack(values), *still(2)), pack(values))
    # Twice as large about the centre: every cell of the inner 16^3 becomes a 2 x 2 x 2 block.
    doubled = augment_columns(pack(values), *still(2, scale=torch.full((2, 3), 2.0)))[:, 0].bool()
    inner = values[:, 8:24, 8:24, 8:24]
    assert torch.equal(doubled, inner.repeat_interleave(2, 1).repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_empty_batch_and_float64_and_strided_parameters():
    assert augment_columns(torch.zeros(0, 8, 8, dtype=torch.int32), *still(0)).shape == (0, 1, 8, 8, 8)
    values = random_grids(2, 8)
    warp = VoxelAugment(scale=0.2).draw(2, torch.Generator().manual_seed(1))
    double = Warp(warp.angle_rad.double(), warp.mirror, warp.shift.double(), warp.scale.double())
    strided = Warp(warp.angle_rad, warp.mirror, warp.shift.mT.contiguous().mT, warp.scale)
    expected = warp_columns(pack(values), *warp)
    assert torch.equal(warp_columns(pack(values), *double), expected)
    assert torch.equal(warp_columns(pack(values), *strided), expected)


def test_refuses_a_scale_of_zero():
    with pytest.raises(InvalidInputError, match="factors > 0"):
        warp_columns(pack(random_grids(1, 4)), *still(1, scale=torch.zeros(1, 3)))
    with pytest.raises(InvalidInputError, match="0 <= scale < 1"):
        VoxelAugment(scale=1.0)


def test_draws_are_seeded_and_stay_in_range():
    augment = VoxelAugment(rotations=12, mirror=True, shift=2, scale=0.1)
    first, again = (augment.draw(4000, torch.Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    steps = first.angle_rad / (2 * math.pi / 12)
    assert torch.allclose(steps, steps.round(), atol=1e-5)
    assert torch.bincount(steps.round().long(), minlength=12).min() > 250
    assert first.shift.unique().tolist() == [-2, -1, 0, 1, 2]
    assert 0.9 <= float(first.scale.min()) < 0.905
    assert 1.095 < float(first.scale.max()) <= 1.1
    assert 0.45 < float(first.mirror.float().mean()) < 0.55
    still_warp = VoxelAugment(rotations=1, mirror=False, shift=0).draw(50, torch.Generator().manual_seed(0))
    assert torch.equal(still_warp.angle_rad, torch.zeros(50))
    assert not still_warp.mirror.any()
    assert torch.equal(still_warp.shift, torch.zeros(50, 3))
    assert torch.equal(still_warp.scale, torch.ones(50, 3))
    jitter = VoxelAugment(rotations=1, jitter_rad=0.2).draw(4000, torch.Generator().manual_seed(0)).angle_rad
    assert -0.2 <= float(jitter.min()) < -0.19
    assert 0.19 < float(jitter.max()) <= 0.2
    assert abs(float(jitter.mean())) < 0.01


@pytest.mark.parametrize("axis, mirrored", [("x", [0.0, math.pi]), ("y", [math.pi, 0.0])])
def test_poses_are_all_turns_and_then_their_mirror_images(axis, mirrored):
    poses = VoxelAugment(rotations=2, shift=0, mirror_axis=axis).poses()
    assert poses.angle_rad.tolist() == pytest.approx([0.0, math.pi, *mirrored])
    assert poses.mirror.tolist() == [False, False, True, True]
    assert not poses.shift.any()
    assert (poses.scale == 1).all()
    alone = VoxelAugment(rotations=2, mirror=False, shift=0).poses()
    assert alone.angle_rad.tolist() == pytest.approx([0.0, math.pi])
    assert alone.mirror.tolist() == [False, False]


@pytest.mark.parametrize("changed", [{"rotations": 0}, {"jitter_rad": 0.1}, {"shift": 1}, {"scale": 0.1}])
def test_there_is_no_list_of_poses_that_vary_freely(changed):
    augment = VoxelAugment(**({"rotations": 2, "shift": 0} | changed))
    with pytest.raises(InvalidInputError, match="expected turns and mirrors alone"):
        augment.poses()
