"""Files of pixels: mapped, resumed after an interruption, and noticed when damaged."""

import numpy as np
import pytest
import torch

from geolearn.data.prepared.pixels import cached_pixels, read_pixels, write_pixels
from geolearn.data.workers import Workers
from geolearn.errors import DatasetError, InvalidInputError

SHAPE = (2, 1, 3, 4)


def row(task: int) -> torch.Tensor:
    return torch.full(SHAPE, task, dtype=torch.uint8)


def bad(task: int) -> torch.Tensor:
    if task in (1, 3):
        raise InvalidInputError(f"shape {task} is bad")
    return row(task)


@pytest.mark.parametrize(
    "workers", [Workers(), Workers(2, "threading"), pytest.param(Workers(2), marks=pytest.mark.slow)]
)
def test_rows_in_the_order_of_the_tasks(workers, tmp_path):
    path = tmp_path / "new" / "x.npy"
    write_pixels(path, SHAPE, row, range(5, 16), workers, "testing")
    pixels = read_pixels(path, 11)
    assert (pixels.dtype, tuple(pixels.shape)) == (torch.uint8, (11, *SHAPE))
    assert pixels.amin((1, 2, 3, 4)).tolist() == pixels.amax((1, 2, 3, 4)).tolist() == list(range(5, 16))
    assert np.array_equal(np.load(path), pixels.numpy())
    assert [file.name for file in path.parent.iterdir()] == ["x.npy"]
    before = path.read_bytes()
    pixels[:] = 77  # a copy of what is touched, not the file
    assert path.read_bytes() == before


def test_no_rows_and_floats(tmp_path):
    write_pixels(tmp_path / "none.npy", SHAPE, row, [], Workers(), "testing")
    assert read_pixels(tmp_path / "none.npy", 0).shape == (0, *SHAPE)
    write_pixels(tmp_path / "f.npy", SHAPE, lambda t: row(t) + 0.5, [1], Workers(), "testing", torch.float32)
    assert torch.equal(read_pixels(tmp_path / "f.npy", 1)[0], row(1) + 0.5)


def test_every_failure_is_named_and_the_rest_is_kept(tmp_path):
    path = tmp_path / "x.npy"
    with pytest.raises(DatasetError, match=r"(?s)2 of 5 could not.*shape 1 is bad.*shape 3 is bad"):
        write_pixels(path, SHAPE, bad, range(5), Workers(), "testing")
    assert not path.exists()
    made = []

    def counted(task: int) -> torch.Tensor:
        made.append(task)
        return row(task)

    write_pixels(path, SHAPE, counted, range(5), Workers(), "testing")
    assert made == [1, 3]
    assert read_pixels(path, 5)[:, 0, 0, 0, 0].tolist() == list(range(5))
    write_pixels(path, SHAPE, bad, range(5), Workers(), "testing")  # the file is there: nothing is made


def test_what_does_not_fit_is_not_built_upon(tmp_path):
    path = tmp_path / "x.npy"
    with pytest.raises(DatasetError, match="shape 1 is bad"):
        write_pixels(path, SHAPE, bad, range(4), Workers(), "testing")
    (tmp_path / "x.npy.done").write_bytes(b"cut")
    write_pixels(path, SHAPE, row, range(5), Workers(), "testing")
    assert read_pixels(path, 5)[:, 0, 0, 0, 0].tolist() == list(range(5))


@pytest.mark.parametrize(
    "wrong, got",
    [(torch.zeros(2, 1, 3, 5, dtype=torch.uint8), r"uint8 \(2, 1, 3, 5\)"), (torch.zeros(SHAPE), "float32")],
)
def test_another_shape_is_refused(wrong, got, tmp_path):
    with pytest.raises(DatasetError, match=rf"expected pixels uint8 \(2, 1, 3, 4\) .*, got {got}"):
        write_pixels(tmp_path / "x.npy", SHAPE, lambda task: wrong, [0], Workers(), "testing")


@pytest.mark.parametrize("damage", ["cut", "longer", "empty", "no header", "other shape", "missing", "an object"])
def test_damage_is_reported_and_repaired(damage, tmp_path):
    path = tmp_path / "x.npy"
    write_pixels(path, SHAPE, row, range(3), Workers(), "testing")
    whole = path.read_bytes()
    if damage == "other shape":
        np.save(path, np.zeros((4, *SHAPE), np.uint8))
    elif damage == "an object":
        np.save(path, np.array([{}], dtype=object))
    elif damage == "missing":
        path.unlink()
    else:
        changed = {"cut": whole[:-1], "longer": whole + b"x", "empty": b"", "no header": whole[1:]}
        path.write_bytes(changed[damage])
    with pytest.raises(DatasetError, match=r"x\.npy: "):
        read_pixels(path, 3)
    if damage == "missing":
        pixels = cached_pixels(path, SHAPE, row, range(3), Workers(), "testing")
    else:
        with pytest.warns(UserWarning, match=r"damaged cache entry, computing it again: .*x\.npy"):
            pixels = cached_pixels(path, SHAPE, row, range(3), Workers(), "testing")
    assert pixels[:, 0, 0, 0, 0].tolist() == [0, 1, 2]
    assert path.read_bytes() == whole
    again = cached_pixels(path, SHAPE, bad, range(3), Workers(), "testing")  # not made a second time
    assert torch.equal(again, pixels)
