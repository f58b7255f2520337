"""Raw archives from where their owners publish them: continued where a download broke off, then checked and renamed."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from geolearn import __version__
from geolearn.data.archive import sha256_of
from geolearn.data.locks import exclusive_lock
from geolearn.data.manifest import Archive, Manifest, load_manifest
from geolearn.data.places import data_home, how_to_get
from geolearn.errors import DatasetError, printable
from geolearn.progress import progress_bar
from geolearn.typing import PathLike

CHUNK = 1 << 20
TIMEOUT_S = 60.0  # of silence
SCHEMES = ("http", "https")


def download_dataset(
    name: str, folder: PathLike | None = None, *, root: PathLike | None = None, progress: bool | None = None
) -> Path:
    """Download the archive of a dataset, where its owners offer one; at once where it is there already.

    What came of a download that broke off is kept, and the next call continues there, unless the file at its source has
    changed since. The archive appears under its name only when it is whole and its checksum, where one is known, is
    right.

    Args:
        folder: where to put it; by default `raw` in the data home, where `prepare_dataset` finds it.
        root: the data home; by default `$GEOLEARN_HOME` or `~/.cache/geolearn`.
        progress: as `show` of `geolearn.progress.progress_bar`.

    Raises:
        UnknownNameError: no such dataset.
        DatasetError: nobody offers the archive at a fixed address, the download broke off, or a wrong checksum; says
            what to do.

    >>> download_dataset("procedural")
    Traceback (most recent call last):
    geolearn.errors.DatasetError: procedural is generated as it is used; there is nothing to download
    """
    manifest = load_manifest(name)
    if manifest.kind == "generated":
        raise DatasetError(f"{name} is generated as it is used; there is nothing to download")
    if manifest.is_folder:
        raise DatasetError(f"{name} is a folder of shapes, {manifest.folder / manifest.data}; nothing is downloaded")
    archive = next((each for each in manifest.archives if each.url), None)
    if archive is None:
        raise DatasetError(
            f"{name}: no address is known where it could be downloaded; {how_to_get(manifest, by_hand=True)}"
        )
    target = (Path(folder) if folder is not None else data_home(root) / "raw") / archive.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(target.with_name(f".{target.name}.lock")):
        if not target.is_file():
            partial = target.with_name(f".{target.name}.part")
            try:
                _fetch(archive, partial, progress)
            except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
                reason = printable(getattr(error, "reason", None) or error or type(error).__name__)
                kept = f"; {partial.stat().st_size:,} bytes are kept" if partial.is_file() else ""
                raise DatasetError(
                    f"{name}: {archive.url} could not be downloaded ({reason}){kept}; run the command again to go on, "
                    f"or {how_to_get(manifest, by_hand=True)}"
                ) from error
            _check(archive, partial, manifest)
            partial.replace(target)
            _tag(partial).unlink(missing_ok=True)
    return target


def _fetch(archive: Archive, partial: Path, progress: bool | None) -> None:
    """Write the rest of a file, or all of it, to `partial`."""
    if urlsplit(archive.url).scheme not in SCHEMES:
        raise DatasetError(f"{archive.filename}: expected an address that begins with http, got {archive.url!r}")
    tag = _tag(partial)
    done = partial.stat().st_size if partial.is_file() else 0
    headers = {"User-Agent": f"geolearn/{__version__}", "Accept-Encoding": "identity"}
    if done and tag.is_file():  # the rest, if the file has not changed; else all of it
        headers |= {"Range": f"bytes={done}-", "If-Range": tag.read_text(encoding="utf-8")}
    request = urllib.request.Request(archive.url, headers=headers)  # noqa: S310 (the scheme is checked)
    with _open(request) as answer:
        if answer is None:  # nothing is left to come
            return
        if answer.headers.get_content_type() == "text/html":
            raise DatasetError(f"{archive.url}: expected an archive, got a web page; open it in a browser")
        if answer.status != 206 or not answer.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            done = 0
        validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        if validator and not validator.startswith("W/"):
            tag.write_text(validator, encoding="utf-8")
        else:
            tag.unlink(missing_ok=True)
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length else None
        megabytes = None if total is None else -(-total // CHUNK)
        with (
            partial.open("r+b" if done else "wb") as file,
            progress_bar(f"downloading {archive.filename} (MB)", megabytes, show=progress) as bar,
        ):
            file.seek(done)
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                bar.update(done // CHUNK)
    if total is not None and done < total:
        raise ConnectionError(f"it broke off after {done:,} of {total:,} bytes")


@contextmanager
def _open(request: urllib.request.Request) -> Iterator[Any]:
    """The answer of a server; None where it says that the range asked for begins at the end of the file."""
    answer = None
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310
    except urllib.error.HTTPError as error:
        start = (request.get_header("Range") or "").removeprefix("bytes=").removesuffix("-")
        if error.code != 416 or error.headers.get("Content-Range", "") != f"bytes */{start}":
            raise
    try:
        yield answer
    finally:
        if answer is not None:
            answer.close()


def _check(archive: Archive, partial: Path, manifest: Manifest) -> None:
    if not archive.sha256:
        return
    digest = sha256_of(partial)
    if digest != archive.sha256:
        partial.unlink()
        _tag(partial).unlink(missing_ok=True)
        raise DatasetError(
            f"{archive.url}: sha256 is {digest}, expected {archive.sha256}: it is another version, or was "
            f"damaged on the way, and is not kept; run the command again, or {how_to_get(manifest, by_hand=True)}"
        )


def _tag(partial: Path) -> Path:
    """The file that says which version of the file at the source a partial one is of."""
    return partial.with_name(f"{partial.name}.tag")
