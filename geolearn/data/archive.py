"""Raw archives: check their hash, and unpack them without following links or leaving the folder."""

import hashlib
import lzma
import os
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from geolearn.data.manifest import Archive, Manifest
from geolearn.data.places import how_to_get
from geolearn.errors import DatasetError, printable

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# Files and folders: an archive of empty ones cannot fill a disk's inodes.
MAX_MEMBERS = 200_000
MAX_HEADER_BYTES = 1 << 20  # of what a tar file says of one member
_LONGEST_NAME, _LONGEST_PATH = 255, 2000  # bytes


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identify(path: Path, manifest: Manifest) -> tuple[Archive, str]:
    """Which of the manifest's archives a file is, and its sha256. An unknown file name passes as the first one.

    Raises:
        DatasetError: the file has a name from the manifest and another hash.
    """
    digest = sha256_of(path)
    for archive in manifest.archives:
        if archive.sha256 == digest:
            return archive, digest
    for archive in manifest.archives:
        if archive.filename == path.name:
            if archive.sha256:
                raise DatasetError(
                    f"{path}: sha256 is {digest}, expected {archive.sha256}: the file is damaged, incomplete or "
                    f"another version; {how_to_get(manifest)}"
                )
            return archive, digest
    return manifest.archives[0], digest


def unpack(archive: Path, target: Path, *, max_bytes: int) -> None:
    """Unpack a zip or tar file. Files already unpacked whole are kept, so an interrupted call can be repeated.

    Raises:
        DatasetError: not an archive, damaged, larger than `max_bytes`, with too many members, or with one that is a
            link or device, has too long a name or header, or would land outside `target`. The message names the member.
    """
    is_zip = archive.suffix.lower() == ".zip" or zipfile.is_zipfile(archive)
    members = _zip_members if is_zip else _tar_members
    total = count = 0
    name = "its start"
    try:
        for name, size, stream in members(archive):
            total, count = total + size, count + 1
            if total > max_bytes or count > MAX_MEMBERS:
                raise DatasetError(
                    f"{archive}: unpacks to more than {max_bytes:,} bytes or {MAX_MEMBERS:,} files and folders, "
                    f"refused at {_shown(name)}"
                )
            if stream is None:  # a folder: made where a file is in it
                continue
            path = target.joinpath(*_safe_parts(archive, name))
            if path.is_file() and path.stat().st_size == size:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(path.name + ".part")
            with partial.open("wb") as file:
                shutil.copyfileobj(stream, file)  # stops at the stated size
            if partial.stat().st_size != size:
                raise EOFError(f"{partial.stat().st_size:,} bytes where its header says {size:,}")
            partial.replace(path)
    except DatasetError:
        raise
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise DatasetError(f"{archive}: member {name!r} is both a file and a folder ({error})") from error
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's trouble, not the archive's
            raise
        reason = printable(" ".join(f"{type(error).__name__}: {error}".split())[:300])
        raise DatasetError(
            f"{archive}: damaged or incomplete at {_shown(name)} ({reason}); get the file again"
        ) from error


# RuntimeError: what zipfile does not support, and headers that follow one another without end.
_DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, struct.error, EOFError, OSError, RuntimeError,
    ValueError,
)  # fmt: skip


def _shown(name: str) -> str:
    return repr(name if len(name) <= 200 else f"{name[:200]}...")


def _zip_members(archive: Path) -> Iterator[tuple[str, int, Any]]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            kind = (info.external_attr >> 16) & 0o170000
            if kind not in (0, 0o100000, 0o040000):
                raise DatasetError(f"{archive}: member {info.filename!r} is a link or a device; refused")
            if info.flag_bits & 1:
                raise DatasetError(f"{archive}: member {info.filename!r} is encrypted; refused")
            if info.is_dir():
                yield info.filename, 0, None
                continue
            with file.open(info) as stream:
                yield info.filename, info.file_size, stream


def _tar_members(archive: Path) -> Iterator[tuple[str, int, Any]]:
    with tarfile.open(archive, tarinfo=_BoundedInfo) as file:
        for info in file:
            if info.isdir():
                yield info.name, 0, None
                continue
            stream = file.extractfile(info) if info.isfile() else None
            if stream is None:
                raise DatasetError(f"{archive}: member {info.name!r} is a link or a device; refused")
            yield info.name, info.size, stream


class _BoundedInfo(tarfile.TarInfo):
    """A member whose headers are of a sensible size: tarfile reads them into memory, whatever they say of it."""

    _EXTENSIONS = (
        tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
    )  # fmt: skip

    def _proc_member(self, file: tarfile.TarFile) -> Any:
        if self.type in self._EXTENSIONS and self.size > MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes, of which {MAX_HEADER_BYTES:,} are read")
        if self.type == tarfile.GNUTYPE_SPARSE:
            return self._refuse_holes()
        return super()._proc_member(file)  # type: ignore[misc]

    def _refuse_holes(self, *arguments: Any) -> Any:
        raise tarfile.ReadError("a file with holes, which are not supported")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_holes


def _safe_parts(archive: Path, name: str) -> tuple[str, ...]:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or any(part in ("..", "/") or ":" in part or "\0" in part for part in parts):
        raise DatasetError(f"{archive}: member {_shown(name)} would land outside the target folder; refused")
    lengths = [len(os.fsencode(part)) for part in parts]
    if max(lengths) > _LONGEST_NAME or sum(lengths) + len(lengths) > _LONGEST_PATH:
        raise DatasetError(f"{archive}: member {_shown(name)} has a name that is too long for a file; refused")
    return parts


def remove_tree(folder: Path) -> None:
    """Delete a folder of ours, if it is there."""
    if folder.is_dir():
        shutil.rmtree(folder)
