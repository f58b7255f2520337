"""Raw archives: check their hash, and unpack them without following links or leaving the folder."""

import hashlib
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from geolearn.data.manifest import Archive, Manifest
from geolearn.data.places import how_to_get
from geolearn.errors import DatasetError

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# Also bounds the number of files, so that an archive of empty files cannot fill a disk's inodes.
MAX_MEMBERS = 1_000_000


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
        DatasetError: not an archive, damaged, larger than `max_bytes`, or with a member that is a link or device or
            would land outside `target`. The message names the member.
    """
    is_zip = archive.suffix.lower() == ".zip" or zipfile.is_zipfile(archive)
    members = _zip_members if is_zip else _tar_members
    total = count = 0
    name = "its start"
    try:
        for name, size, stream in members(archive):
            path = target.joinpath(*_safe_parts(archive, name))
            total, count = total + size, count + 1
            if total > max_bytes or count > MAX_MEMBERS:
                raise DatasetError(
                    f"{archive}: unpacks to more than {max_bytes:,} bytes or {MAX_MEMBERS:,} files, refused at {name!r}"
                )
            if path.is_file() and path.stat().st_size == size:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(path.name + ".part")
            with partial.open("wb") as file:
                shutil.copyfileobj(stream, file)  # stops at the stated size
            if partial.stat().st_size != size:
                raise EOFError(f"{partial.stat().st_size:,} bytes where its header says {size:,}")
            partial.replace(path)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise DatasetError(f"{archive}: member {name!r} is both a file and a folder ({error})") from error
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's trouble, not the archive's
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DatasetError(f"{archive}: damaged or incomplete at {name!r} ({reason}); get the file again") from error


def _zip_members(archive: Path) -> Iterator[tuple[str, int, Any]]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            kind = (info.external_attr >> 16) & 0o170000
            if kind not in (0, 0o100000, 0o040000):
                raise DatasetError(f"{archive}: member {info.filename!r} is a link or a device; refused")
            if info.flag_bits & 1:
                raise DatasetError(f"{archive}: member {info.filename!r} is encrypted; refused")
            if not info.is_dir():
                with file.open(info) as stream:
                    yield info.filename, info.file_size, stream


def _tar_members(archive: Path) -> Iterator[tuple[str, int, Any]]:
    with tarfile.open(archive) as file:
        for info in file:
            if info.isdir():
                continue
            stream = file.extractfile(info) if info.isfile() else None
            if stream is None:
                raise DatasetError(f"{archive}: member {info.name!r} is a link or a device; refused")
            yield info.name, info.size, stream


def _safe_parts(archive: Path, name: str) -> tuple[str, ...]:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or any(part in ("..", "/") or ":" in part or "\0" in part for part in parts):
        raise DatasetError(f"{archive}: member {name!r} would land outside the target folder; refused")
    return parts


def remove_tree(folder: Path) -> None:
    """Delete a folder of ours, if it is there."""
    if folder.is_dir():
        shutil.rmtree(folder)
