"""All files of a folder, in one fixed order, without opening any of them.

Names that begin with a dot and `__MACOSX` are left alone and counted. Links are followed, to files and to folders,
wherever they lead; a link to a folder that contains it is refused, since it would never end.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from geolearn.errors import DatasetError, printable


@dataclass(frozen=True, slots=True)
class File:
    """A regular file, or a link that leads to none (`size` -1).

    Attributes:
        parts: the names of the folders above it, then its own.
        size: in bytes.
        mtime_ns: when its content was changed last.
        identity: device and number of the file; links to one file share it.
    """

    parts: tuple[str, ...]
    size: int
    mtime_ns: int
    identity: tuple[int, int] = (0, 0)

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def folders(self) -> tuple[str, ...]:
        return self.parts[:-1]

    @property
    def suffix(self) -> str:
        """In small letters, such as ".off"."""
        return PurePosixPath(self.name).suffix.lower()

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def path(self) -> str:
        """Relative to the folder, with slashes."""
        return "/".join(self.parts)


@dataclass(frozen=True)
class Scan:
    """What a folder holds: its files, sorted by path, and how many names were left alone as hidden."""

    files: tuple[File, ...]
    hidden: int = 0


def scan_folder(folder: Path) -> Scan:
    """All files of a folder, however deep.

    Raises:
        DatasetError: no such folder, or a link that leads back to a folder it lies in.
    """
    if not folder.is_dir():
        raise DatasetError(
            f"{printable(folder)}: expected a folder, found {'a file' if folder.exists() else 'nothing'}"
        )
    hidden: list[str] = []
    files = sorted(_walk(str(folder), (), (os.path.realpath(folder),), hidden), key=lambda file: file.parts)
    return Scan(tuple(files), len(hidden))


def file_at(path: Path, parts: tuple[str, ...]) -> File:
    """The facts of one file under a name of its own; `size` is -1 where there is no regular file."""
    try:
        facts = path.stat()
    except OSError:
        return File(parts, -1, 0)
    return _file(parts, facts)


def _walk(folder: str, parts: tuple[str, ...], above: tuple[str, ...], hidden: list[str]) -> Iterator[File]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                hidden.append(entry.name)
            elif _leads_to_folder(entry):
                yield from _enter(entry, parts, above, hidden)
            else:
                names = (*parts, entry.name)
                yield file_at(Path(entry.path), names) if entry.is_symlink() else _file(names, entry.stat())


def _leads_to_folder(entry: os.DirEntry) -> bool:
    with contextlib.suppress(OSError):  # a link to itself
        return entry.is_dir()
    return False


def _enter(entry: os.DirEntry, parts: tuple[str, ...], above: tuple[str, ...], hidden: list[str]) -> Iterator[File]:
    place = os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(above[-1], entry.name)
    if place in above:
        raise DatasetError(
            f"{printable(entry.path)}: a link back to {printable(place)}, a folder it lies in, has no end; remove it"
        )
    yield from _walk(entry.path, (*parts, entry.name), (*above, place), hidden)


def _file(parts: tuple[str, ...], facts: os.stat_result) -> File:
    size = facts.st_size if stat.S_ISREG(facts.st_mode) else -1
    return File(parts, size, facts.st_mtime_ns, (facts.st_dev, facts.st_ino))
