"""Regular files read whole, and files written whole or not at all."""

import os
import secrets
from pathlib import Path

from geolearn.errors import MeshFormatError, printable
from geolearn.typing import PathLike


def read_regular(path: PathLike) -> bytes:
    """The bytes of a regular file (never a pipe or a device, which could block or be endless).

    Raises:
        FileNotFoundError: nothing there; the text says whether the folder exists.
        MeshFormatError: a folder, a pipe or a device.
    """
    path = Path(path)
    shown = printable(path)
    if not path.exists():
        folder = path.absolute().parent
        where = "its folder exists, so check the name"
        if not folder.is_dir():
            where = f"there is no folder {printable(folder)} either"
        raise FileNotFoundError(f"{shown}: no such file; {where}")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "a pipe or a device"
        raise MeshFormatError(f"{shown}: expected a regular file, got {kind}. Give the path of one file.")
    return path.read_bytes()


def write_whole(path: PathLike, data: bytes) -> None:
    """Write to a temporary name beside `path`, then rename: a reader sees the old file or the new one, never half.

    Raises:
        FileNotFoundError: the folder does not exist.
        OSError: the system refuses it; names `path`.
    """
    path = Path(path)
    if not path.absolute().parent.is_dir():
        folder = printable(path.absolute().parent)
        raise FileNotFoundError(f"{printable(path)}: its folder does not exist; create {folder} first")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # nobody knows the temporary one
        raise
    finally:
        temporary.unlink(missing_ok=True)
