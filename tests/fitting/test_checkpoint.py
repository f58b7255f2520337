"""Checkpoints of fits: whole, damaged, and of other fits."""

import io
import zipfile

import numpy as np
import pytest

from geolearn.errors import InvalidInputError
from geolearn.fitting.checkpoint import Checkpoint

STATE = {"verts": np.arange(6.0).reshape(2, 3), "phase": np.array(3)}


def saved(folder):
    checkpoint = Checkpoint(folder / "checkpoint.npz", "this fit")
    checkpoint.save(STATE)
    return folder / "checkpoint.npz"


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def test_what_was_saved_comes_back(tmp_path):
    state = Checkpoint(saved(tmp_path), "this fit").load(STATE)
    assert {name: value.tolist() for name, value in state.items()} == {
        name: value.tolist() for name, value in STATE.items()
    }


def test_that_of_another_fit_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="belongs to a fit of other views or settings"):
        Checkpoint(saved(tmp_path), "another fit").load()


def test_one_that_lacks_something_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match=r"checkpoint\.npz: damaged \(it lacks faces, history\); remove it"):
        Checkpoint(saved(tmp_path), "this fit").load([*STATE, "history", "faces"])


def test_damaged_ones_are_refused_by_name(tmp_path):
    path = saved(tmp_path)
    whole = path.read_bytes()
    with zipfile.ZipFile(tmp_path / "objects.zip", "w") as file:
        file.writestr("digest.npy", npy(np.array("this fit")))
        file.writestr("verts.npy", npy(np.array([{}], dtype=object)))
    flipped = bytearray(whole)
    flipped[whole.index(np.arange(6.0).tobytes()) + 5] ^= 1
    damaged = {
        "an array": npy(np.zeros(3)), "nothing": b"", "garbage": b"\1" * 100, "half": whole[: len(whole) // 2],
        "a zip of nothing": b"PK\5\6" + bytes(18), "its beginning": whole[:30], "a flipped bit": bytes(flipped),
        "objects": (tmp_path / "objects.zip").read_bytes(), "PK": b"PK",
    }  # fmt: skip
    for data in damaged.values():
        path.write_bytes(data)
        with pytest.raises(InvalidInputError, match=r"checkpoint\.npz: (damaged|belongs)") as caught:
            Checkpoint(path, "this fit").load()
        assert "pickle" not in str(caught.value)
