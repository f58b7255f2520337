"""npy and npz as NumPy itself writes them, and archives made to hurt."""

import io
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

from geolearn.io import MeshFormatError, load_voxels

OCCUPANCY = np.random.default_rng(0).random((4, 4, 4)) > 0.5


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "<i2", ">i4", "<u8", "<f2", ">f4", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_type_and_order_that_numpy_writes(tmp_path, dtype, order):
    array = np.asarray(OCCUPANCY.astype(dtype), order=order)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "b.npz", anything=array)
    np.savez_compressed(tmp_path / "c.npz", values=array, other=np.zeros(3), origin=[1.0, 2, 3], voxel_size=0.5)
    for name in ("a.npy", "b.npz", "c.npz"):
        grid = load_voxels(tmp_path / name)
        assert np.array_equal(grid.values.numpy(), array)
        assert grid.values.numpy().dtype == (np.float32 if "f" in dtype else bool)
    assert grid.origin.tolist() == [1, 2, 3]
    assert grid.voxel_size == 0.5


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header(tmp_path, version):
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array(file, OCCUPANCY, version=version)
    assert np.array_equal(load_voxels(tmp_path / "a.npy").values.numpy(), OCCUPANCY)


class Trap:
    """Unpickling this would raise SystemExit."""

    def __reduce__(self):
        return (exit, ("code ran",))


def test_nothing_is_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Trap()))
    np.savez(tmp_path / "c.npz", values=np.array([Trap()], dtype=object), allow_pickle=True)
    for name in ("a.npy", "b.npy", "c.npz"):
        with pytest.raises(MeshFormatError, match=r"not an npy header of plain numbers|this is not npy"):
            load_voxels(tmp_path / name)


def header(text: str, body: bytes = b"") -> bytes:
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode() + body


@pytest.mark.parametrize(
    "data, message",
    [
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 2), }", bytes(31)), "needs 32 bytes, got 31"),
        (header("{'descr': '<f1', 'fortran_order': False, 'shape': (2, 2, 2), }", bytes(8)), "unknown type of numbers"),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (2, 2, 2), }"), "not an npy header"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 2, 2), }"), "not an npy header"),
        (header("{'descr': __import__('os'), 'fortran_order': False, 'shape': (2,), }"), "not an npy header"),
        (header("(" * 5000), "not an npy header"),
        (header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'9' * 18},{'9' * 18},), }}"), "bytes, got 0"),
        (header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'9,' * 3000}), }}"), "bytes, got 0"),
        (header("{'descr': '|b1', 'fortran_order': False, 'shape': (1, 1, 1), }", b"\2"), "a bool that is neither"),
        (b"\x93NUMPY\1\0\xff\xff{", "not an npy header"),
        (b"\x93NUMPY\7\0" + header("")[8:], "not an npy header"),
    ],
)
def test_damage_of_npy_is_named(tmp_path, data, message):
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(MeshFormatError, match=rf"a\.npy: .*{message}"):
        load_voxels(tmp_path / "a.npy")


def archive(entries: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as target:
        for name, content in entries.items():
            target.writestr(name, content)
    return file.getvalue()


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    "data, message",
    [
        (archive({}), "expected the key values or one array alone, got 0 keys"),
        (archive({"a.npy": npy(OCCUPANCY), "b.npy": npy(OCCUPANCY)}), "got 2 keys: a, b"),
        (archive({"values.npy": b"text"}), "values.npy: not an npy header"),
        (archive({"values.npy": npy(OCCUPANCY)}, zipfile.ZIP_BZIP2), "unknown compression 12"),
        (archive({"values.npy": npy(OCCUPANCY), "origin.npy": npy(np.zeros(2))}), "origin: expected shape"),
        (archive({"values.npy": npy(OCCUPANCY), "origin.npy": npy(np.full(3, np.nan))}), "expected a finite origin"),
        (archive({"values.npy": npy(OCCUPANCY), "voxel_size.npy": npy(-1.0)}), "a voxel size > 0, got .* and -1"),
        (archive({"values.npy": npy(OCCUPANCY)}).replace(npy(OCCUPANCY)[-9:], bytes(9)), None),
        (archive({"values.npy": npy(OCCUPANCY)})[:-1], "cannot be opened"),
        (b"PK\3\4", "cannot be opened"),
    ],
)
def test_damage_of_npz_is_named(tmp_path, data, message):
    (tmp_path / "a.npz").write_bytes(data)
    if message is None:
        assert np.array_equal(load_voxels(tmp_path / "a.npz").values.numpy(), OCCUPANCY)
        return
    with pytest.raises(MeshFormatError, match=rf"a\.npz: .*{message}"):
        load_voxels(tmp_path / "a.npz")


def test_a_flipped_bit_breaks_the_checksum(tmp_path):
    data = bytearray(archive({"values.npy": npy(OCCUPANCY)}, zipfile.ZIP_STORED))
    data[data.index(npy(OCCUPANCY)) + len(npy(OCCUPANCY)) - 1] ^= 1
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(MeshFormatError, match=r"values\.npy: cannot be unpacked \(Bad CRC-32"):
        load_voxels(tmp_path / "a.npz")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    """200 kB that would unpack to 200 MB."""
    small = io.BytesIO()
    with (
        zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as target,
        target.open("values.npy", "w") as entry,
    ):
        for _ in range(200):
            entry.write(bytes(2**20))
    (tmp_path / "bomb.npz").write_bytes(small.getvalue())
    del small
    tracemalloc.start()
    try:
        with pytest.raises(MeshFormatError, match=r"asks for 200 MB, which a file of .* bytes does not justify"):
            load_voxels(tmp_path / "bomb.npz")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
