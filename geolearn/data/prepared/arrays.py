"""Arrays on disk: uncompressed .npz files that appear whole and are checked when they are read."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from geolearn.errors import DatasetError
from geolearn.typing import Array


def write_arrays(path: Path, arrays: dict[str, Array], *, writer: str = "") -> None:
    """An uncompressed .npz that appears whole or not at all. Equal arrays give equal bytes.

    Where several processes may write the same file at once, each needs its own `writer`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}{writer}.part")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **{name: np.ascontiguousarray(array) for name, array in arrays.items()})
    partial.replace(path)


def read_arrays(path: Path) -> dict[str, Array]:
    """All arrays of an .npz; its checksums are verified on the way.

    Raises:
        DatasetError: the file is missing, damaged, or holds Python objects.
    """
    try:
        # np.load would leave a file open that it finds damaged.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f"{path}: damaged, incomplete or missing ({type(error).__name__}: {error})") from error
