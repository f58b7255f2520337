"""NumPy files: .npy with one cube of values, .npz with `values`, `origin`, `voxel_size` or with one array alone.

The headers are parsed here, not by NumPy: no pickle, no evaluation, and no allocation that the bytes do not cover.
Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import io
import math
import re
import zipfile
import zlib

import numpy as np

from geolearn.io.damage import damaged, leftover
from geolearn.io.formats import not_this_format
from geolearn.io.grids import Grid, check_cube, check_size, compresses, to_values
from geolearn.typing import Array

_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(
    rb"\{\s*'descr':\s*'([<>|=]?[biuf][1248])',\s*'fortran_order':\s*(True|False),"
    rb"\s*'shape':\s*\(((?:\d{1,18},\s?)*(?:\d{1,18})?)\),?\s*\}\s*"
)
_LONGEST_HEADER = 2**16
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,  # an unknown compression
    RuntimeError,  # encrypted
    ValueError,
    OverflowError,
)


def read_npy(data: bytes, source: str) -> Grid:
    """The grid in a .npy file's bytes; `source` names it in errors."""
    array = read_array(data, source)
    check_cube(array.shape, source, "the header")
    return Grid(to_values(array, source, "its values"))


def read_array(data: bytes, source: str) -> Array:
    """The array in a .npy file's bytes, of any shape; `source` names it in errors.

    Raises:
        MeshFormatError: not an array of plain numbers, or cut off.
    """
    if not data.startswith(_MAGIC):
        raise not_this_format(source, "npy (its first bytes are \\x93NUMPY)", data)
    return _parse_npy(data, source, "the header")


def read_archive(data: bytes, source: str) -> dict[str, Array]:
    """All arrays in a .npz file's bytes, by name; `source` names it in errors.

    Raises:
        MeshFormatError: not an archive of arrays of plain numbers, damaged, or larger unpacked than the file justifies.
    """
    archive = _opened(data, source)
    check_size(sum(info.file_size for info in archive.infolist()), len(data), source, "the archive")
    return {name.removesuffix(".npy"): _entry(archive, name, len(data), source) for name in archive.namelist()}


def _parse_npy(data: bytes, source: str, place: str) -> Array:
    """The array in .npy bytes, which must hold the values of its shape."""
    size_bytes = 2 if data[6:7] == b"\1" else 4
    begin = 8 + size_bytes
    end = begin + int.from_bytes(data[8:begin], "little")
    header = _HEADER.fullmatch(data[begin : min(end, begin + _LONGEST_HEADER)])
    if not data.startswith(_MAGIC) or data[6:7] not in (b"\1", b"\2", b"\3") or header is None or end > len(data):
        raise damaged(
            source,
            place,
            "not an npy header of plain numbers",
            "Save an array of numbers with numpy.save(path, array, allow_pickle=False)",
        )
    descr, fortran, sides = header.groups()
    try:
        dtype = np.dtype(descr.decode())
    except TypeError:  # a size that this kind of number does not have
        raise damaged(source, place, f"unknown type of numbers {descr.decode()!r}") from None
    shape = tuple(int(side) for side in sides.split(b",") if side.strip())
    needed = math.prod(shape[:8]) * dtype.itemsize
    if len(shape) > 8 or needed > len(data) - end:
        raise damaged(source, place, f"shape {str(shape)[:80]} of {dtype} needs {needed} bytes, got {len(data) - end}")
    if needed < len(data) - end:
        leftover(source, place, f"{len(data) - end - needed} bytes", data[end + needed : end + needed + 100])
    values = np.frombuffer(data, dtype=dtype, offset=end, count=math.prod(shape)) if needed else np.empty(0, dtype)
    if dtype.kind == "b" and (values.view(np.uint8) > 1).any():
        raise damaged(source, place, "a bool that is neither 0 nor 1")
    return values.reshape(shape, order="F" if fortran == b"True" else "C")


def read_npz(data: bytes, source: str) -> Grid:
    """The grid in a .npz file's bytes; `source` names it in errors."""
    archive = _opened(data, source)
    names = {name.removesuffix(".npy"): name for name in archive.namelist()}
    key = "values" if "values" in names or len(names) != 1 else next(iter(names))
    if key not in names:
        raise damaged(
            source,
            "the archive",
            f"expected the key values or one array alone, got {len(names)} keys: {', '.join(list(names)[:8])[:200]}",
            "Save one grid a file (a file of many grids is a data set)",
        )
    values = _entry(archive, names[key], len(data), source)
    check_cube(values.shape, source, key)
    grid = Grid(to_values(values, source, key))
    for name, shape in (("origin", (3,)), ("voxel_size", ())):
        if name in names and key == "values":
            entry = _entry(archive, names[name], len(data), source)
            if entry.shape != shape:
                raise damaged(source, name, f"expected shape {shape}, got {entry.shape}")
            grid = grid._replace(**{name: entry if shape else float(entry)})
    return grid


def _opened(data: bytes, source: str) -> zipfile.ZipFile:
    if not data.startswith(b"PK"):
        raise not_this_format(source, "npz (a zip archive of arrays)", data)
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except _ZIP_ERRORS as error:
        raise damaged(source, "the archive", f"cannot be opened ({error})") from None


def _entry(archive: zipfile.ZipFile, name: str, file_bytes: int, source: str) -> Array:
    """One array of an archive, unpacked no further than its promised size, which the file must justify."""
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise damaged(source, name, f"unknown compression {info.compress_type}", "Save it with numpy.savez_compressed")
    check_size(info.file_size, file_bytes, source, name)
    try:
        with archive.open(info) as entry:
            content = entry.read(info.file_size)
    except _ZIP_ERRORS as error:
        raise damaged(source, name, f"cannot be unpacked ({error})") from None
    return _parse_npy(content, source, name)


def write_npy(grid: Grid) -> bytes:
    """The bytes of a .npy file: values only."""
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(grid.values), allow_pickle=False)
    return file.getvalue()


def write_npz(grid: Grid) -> bytes:
    """The bytes of a .npz file with `values`, `origin` (float32) and `voxel_size` (float64)."""
    entries = {
        "values": np.ascontiguousarray(grid.values),
        "origin": np.asarray(grid.origin, dtype=np.float32),
        "voxel_size": np.float64(grid.voxel_size),
    }
    file = io.BytesIO()
    save = np.savez_compressed if compresses(grid.values.nbytes) else np.savez  # neither writes a time of day
    save(file, allow_pickle=False, **entries)
    return file.getvalue()
