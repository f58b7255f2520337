"""MATLAB files against SciPy, both ways, and variables made to hurt."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import scipy.io
import torch

from geolearn.io import MeshFormatError, load_voxels, save_voxels
from geolearn.structures import VoxelGrid

OCCUPANCY = np.random.default_rng(0).random((4, 4, 4)) > 0.5


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_what_scipy_writes(tmp_path, dtype, compressed):
    others = {"text": "hello", "cell": np.array([1, "a"], dtype=object), "s": {"a": 1.0}, "z": np.ones(2) * 1j}
    variables = {**others, "instance": OCCUPANCY.astype(dtype), "origin": [1.0, 2, 3], "voxel_size": 0.5}
    scipy.io.savemat(tmp_path / "a.mat", variables, do_compression=compressed)
    grid = load_voxels(tmp_path / "a.mat")
    assert np.array_equal(grid.values.numpy(), OCCUPANCY)
    assert grid.values.dtype == (torch.float32 if "f" in dtype else torch.bool)
    assert (grid.origin.tolist(), grid.voxel_size) == ([1, 2, 3], 0.5)


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_what_scipy_reads(tmp_path, kind):
    values = torch.from_numpy(OCCUPANCY) if kind == "bool" else torch.rand(3, 3, 3)
    save_voxels(VoxelGrid(values, torch.tensor([1.0, 2, 3]), 0.1), tmp_path / "a.mat")
    variables = scipy.io.loadmat(tmp_path / "a.mat")
    assert np.array_equal(variables["instance"], values.numpy())
    assert variables["instance"].dtype == ("int8" if kind == "bool" else "float32")
    assert variables["origin"].tolist() == [[1, 2, 3]]
    assert variables["voxel_size"].tolist() == [[0.1]]


def part(kind: int, content: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "II", kind, len(content)) + content + bytes(-len(content) % 8)


def variable(shape, values: bytes, *, name=b"instance", kind=1, array_class=8, order="<") -> bytes:
    body = part(6, struct.pack(order + "II", array_class, 0), order)
    body += part(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
    body += part(1, name, order) + part(kind, values, order)
    return struct.pack(order + "II", 14, len(body)) + body


def mat(*elements: bytes, order: str = "<") -> bytes:
    return b"MATLAB 5.0".ljust(124) + (b"\0\1IM" if order == "<" else b"\1\0MI") + b"".join(elements)


def packed(element: bytes) -> bytes:
    content = zlib.compress(element)
    return struct.pack("<II", 15, len(content)) + content


def test_big_endian_small_elements_and_column_order_by_hand(tmp_path):
    cells = bytes([1, 0, 1, 0, 0, 0, 0, 0])  # x runs fastest: cells (0, 0, 0) and (0, 1, 0)
    (tmp_path / "a.mat").write_bytes(mat(variable((2, 2, 2), cells, order=">"), order=">"))
    assert load_voxels(tmp_path / "a.mat").values.nonzero().tolist() == [[0, 0, 0], [0, 1, 0]]
    # MATLAB puts up to four bytes of content into the tag itself.
    body = part(6, struct.pack("<II", 8, 0)) + part(5, struct.pack("<3i", 1, 1, 1))
    body += part(1, b"instance") + struct.pack("<I4s", 1 | 1 << 16, b"\1")
    (tmp_path / "b.mat").write_bytes(mat(struct.pack("<II", 14, len(body)) + body))
    assert load_voxels(tmp_path / "b.mat").values.tolist() == [[[True]]]


@pytest.mark.parametrize(
    "data, message",
    [
        (mat(), "expected a variable instance, got none"),
        (mat(variable((2, 2, 2), bytes(8), name=b"volume")), "expected a variable instance, got volume"),
        (mat()[:126] + b"??", "byte 126: no mark of the byte order"),
        (mat(b"abc"), "byte 128: ends within the tag"),
        (mat(variable((2, 2, 2), bytes(8))[:-1]), "byte 128: variable 0 has .* bytes, only"),
        (mat(struct.pack("<II", 15, 5) + b"abcde"), "byte 128: cannot be unpacked"),
        (mat(packed(b"abc")), "byte 128: ends within the tag"),
        (mat(packed(part(2, bytes(8)))), "byte 128: expected a variable .type 14., got type 2"),
        (mat(variable((2, 2, 2), bytes(7))), r"instance: shape \(2, 2, 2\) of int8 needs 8 bytes, got 7"),
        (mat(variable((-2, -2, 2), bytes(8))), r"instance: shape \(-2, -2, 2\)"),
        (mat(variable((2**31 - 1,) * 3, bytes(8))), "needs 9903520300447984150353281023 bytes, got 8"),
        (mat(variable((2,) * 40, bytes(8))), "instance: shape"),
        (mat(variable((2, 2, 2), bytes(8), kind=10)), "not an array of plain real numbers"),
        (mat(variable((2, 2, 2), bytes(8), array_class=1)), "not an array of plain real numbers"),
        (mat(variable((2, 2, 2), bytes(8), array_class=0x808)), "not an array of plain real numbers"),
        (mat(variable((2, 2, 2), bytes(8)), variable((2,), bytes(2), name=b"origin")), "origin: expected 3 numbers"),
        (mat(*[variable((1,), b"\0", name=b"x")] * 1001), "variable 1000 has"),
        (b"\x89HDF\r\n\x1a\n", r"looks like MATLAB 7\.3 \(HDF5\)"),
        (b"MATLAB 5.0", "this is not MATLAB|expected MATLAB"),
    ],
)
def test_damage_is_named(tmp_path, data, message):
    (tmp_path / "a.mat").write_bytes(data)
    with pytest.raises(MeshFormatError, match=rf"a\.mat: .*({message})"):
        load_voxels(tmp_path / "a.mat")


def test_a_wrong_checksum_or_length_is_noticed(tmp_path):
    whole = variable((2, 2, 2), bytes(8))
    content = zlib.compress(whole)
    for bad in (content[:-1] + b"?", content[:-4], zlib.compress(whole + b"more"), zlib.compress(whole[:-2])):
        (tmp_path / "a.mat").write_bytes(mat(struct.pack("<II", 15, len(bad)) + bad))
        with pytest.raises(MeshFormatError, match=r"byte 128: (cannot be unpacked|expected to unpack to)"):
            load_voxels(tmp_path / "a.mat")


@pytest.mark.parametrize("name", [b"instance", b"something"])
def test_a_bomb_is_not_unpacked(tmp_path, name):
    """200 kB that would unpack to 200 MB: refused if it is wanted, skipped if not."""
    head = variable((585, 585, 585), b"", name=name)
    content = zlib.compressobj()
    bomb = content.compress(
        head[:4] + struct.pack("<I", 585**3 + len(head) - 8) + head[8:-4] + struct.pack("<I", 585**3)
    )
    bomb += b"".join(content.compress(bytes(2**20)) for _ in range(191)) + content.flush()
    (tmp_path / "bomb.mat").write_bytes(mat(struct.pack("<II", 15, len(bomb)) + bomb))
    tracemalloc.start()
    try:
        with pytest.raises(MeshFormatError, match=r"asks for 190 MB, which a file of|expected a variable instance"):
            load_voxels(tmp_path / "bomb.mat")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
