"""Unpacking: whole archives, damaged ones, and ones made to do harm."""

import gzip
import io
import random
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from fake_raw_data import write_tar, write_zip

from geolearn.data import archive as archive_module
from geolearn.data.archive import MAX_HEADER_BYTES, unpack
from geolearn.errors import DatasetError

FILES = {"data/a.txt": "alpha", "data/deep/b.bin": bytes(range(256)) * 100, "c.txt": ""}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_unpacks_every_kind(kind, tmp_path):
    path = tmp_path / f"x.{kind}"
    if kind == "zip":
        write_zip(path, FILES)
    else:
        write_tar(path, FILES, "w:" + kind.partition(".")[2])
    unpack(path, tmp_path / "out", max_bytes=1 << 20)
    found = {
        p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()
    }
    assert found == {name: text.encode() if isinstance(text, str) else text for name, text in FILES.items()}


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.6, 0.95])
def test_a_truncated_archive_is_named(kind, keep, tmp_path):
    path = tmp_path / f"x.{kind}"
    noise = {f"{i}.bin": random.Random(i).randbytes(4000) for i in range(8)}
    write_zip(path, noise) if kind == "zip" else write_tar(path, noise, "w:" + kind.partition(".")[2])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(DatasetError, match=rf"x\.{kind}: damaged or incomplete at .*get the file again"):
        unpack(path, tmp_path / "out", max_bytes=1 << 20)


def test_a_flipped_byte_in_a_zip_is_named(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"a.bin": bytes(1000), "b.bin": bytes(range(256)) * 8})
    data = bytearray(path.read_bytes())
    data[data.index(b"b.bin") + 40] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(DatasetError, match=r"damaged or incomplete at 'b\.bin'"):
        unpack(path, tmp_path / "out", max_bytes=1 << 20)


@pytest.mark.parametrize("name", ["../evil", "data/../../evil", "/evil", "C:/evil", "..\\evil", "a\\..\\..\\evil"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_nothing_lands_outside(name, kind, tmp_path):
    files = {"ok.txt": "fine", name: "harm"}
    path = write_zip(tmp_path / "x.zip", files) if kind == "zip" else write_tar(tmp_path / "x.tar", files, "w")
    (tmp_path / "in").mkdir()
    with pytest.raises(DatasetError, match="would land outside"):
        unpack(path, tmp_path / "in" / "out", max_bytes=1 << 20)
    assert sorted(p.name for p in tmp_path.rglob("*evil*")) == []


@pytest.mark.parametrize("link", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(link, tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("bad")
        info.type, info.linkname = link, "/etc/passwd"
        archive.addfile(info)
        after = tarfile.TarInfo("bad/through")
        after.size = 4
        archive.addfile(after, io.BytesIO(b"harm"))
    with pytest.raises(DatasetError, match=r"'bad' is a link or a device|damaged or incomplete"):
        unpack(path, tmp_path / "out", max_bytes=1 << 20)
    assert not (tmp_path / "out" / "bad").exists()


def test_a_symlink_in_a_zip_is_refused(tmp_path):
    info = zipfile.ZipInfo("bad")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DatasetError, match="'bad' is a link or a device"):
        unpack(tmp_path / "x.zip", tmp_path / "out", max_bytes=1 << 20)


@pytest.mark.parametrize("kind", ["zip", "tar.xz"])
def test_a_bomb_is_refused_before_it_fills_the_disk(kind, tmp_path):
    files = {"small.txt": "x", "bomb.bin": bytes(10 << 20)}
    path = tmp_path / f"x.{kind}"
    write_zip(path, files) if kind == "zip" else write_tar(path, files)
    assert path.stat().st_size < 50_000
    with pytest.raises(DatasetError, match=r"more than 1,048,576 bytes.*bomb\.bin"):
        unpack(path, tmp_path / "out", max_bytes=1 << 20)
    assert not (tmp_path / "out" / "bomb.bin").exists()


@pytest.mark.parametrize("stated", [100, 9000])
def test_a_header_that_lies_about_the_size_is_refused(stated, tmp_path):
    path = write_zip(tmp_path / "x.zip", {"a.bin": bytes(5000)})
    data = path.read_bytes()
    path.write_bytes(data.replace((5000).to_bytes(4, "little"), stated.to_bytes(4, "little")))
    with pytest.raises(DatasetError, match=r"damaged or incomplete at 'a\.bin'"):
        unpack(path, tmp_path / "out", max_bytes=1 << 20)
    assert not (tmp_path / "out" / "a.bin").exists()


def test_a_file_that_is_also_a_folder_is_refused(tmp_path):
    path = write_tar(tmp_path / "x.tar", {"a": "file", "a/b": "below it"}, "w")
    with pytest.raises(DatasetError, match="both a file and a folder"):
        unpack(path, tmp_path / "out", max_bytes=1 << 20)


def test_whole_files_are_kept_and_partial_ones_replaced(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"a.txt": "alpha", "b.txt": "beta"})
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.txt").write_text("ALPHA")  # right size: taken as done
    (out / "b.txt").write_text("be")
    (out / "b.txt.part").write_text("left over")
    unpack(path, out, max_bytes=100)
    assert (out / "a.txt").read_text() == "ALPHA"
    assert (out / "b.txt").read_text() == "beta"
    assert sorted(p.name for p in out.iterdir()) == ["a.txt", "b.txt"]


def test_what_is_no_archive_is_named(tmp_path):
    path: Path = tmp_path / "x.tar.gz"
    path.write_text("this is a web page, not an archive")
    with pytest.raises(DatasetError, match=r"x\.tar\.gz: damaged or incomplete at 'its start'"):
        unpack(path, tmp_path / "out", max_bytes=100)


# --- what archives say of their members: read before anything is unpacked ---


def refused(path: Path, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        unpack(path, path.parent / "out", max_bytes=1 << 20)
    assert len(str(caught.value)) < 1500
    assert not [p for p in (path.parent / "out").rglob("*") if p.is_file() and p.name != "ok.txt"]


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_header_of_gigabytes_is_not_read(kind, tmp_path):
    """Only the first block is there: whoever believes its size would ask for 4 GB."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, 4 << 30
    with gzip.open(tmp_path / "x.tar.gz", "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(2 * MAX_HEADER_BYTES))
    refused(tmp_path / "x.tar.gz", r"a header of 4,294,967,296 bytes, of which 1,048,576 are read")


def test_long_names_of_sensible_length_are_read(tmp_path):
    name = "/".join(["d" * 100] * 5 + ["a.txt"])
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path = tmp_path / f"x{form}.tar"
        with tarfile.open(path, "w", format=form) as file:
            info = tarfile.TarInfo(name)
            info.size = 4
            file.addfile(info, io.BytesIO(b"text"))
        unpack(path, tmp_path / f"out{form}", max_bytes=100)
        assert (tmp_path / f"out{form}" / name).read_bytes() == b"text"


def test_headers_without_end_and_files_with_holes_are_refused(tmp_path):
    chain = tarfile.TarInfo("././@LongLink")
    chain.type, chain.size = tarfile.GNUTYPE_LONGNAME, 2
    (tmp_path / "x.tar").write_bytes((chain.tobuf(tarfile.GNU_FORMAT) + b"a".ljust(512, b"\0")) * 5000)
    refused(tmp_path / "x.tar", "RecursionError")
    holes = tarfile.TarInfo("a")
    holes.type = tarfile.GNUTYPE_SPARSE
    (tmp_path / "y.tar").write_bytes(holes.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    refused(tmp_path / "y.tar", "a file with holes")
    with tarfile.open(tmp_path / "z.tar", "w", format=tarfile.PAX_FORMAT) as file:
        info = tarfile.TarInfo("a")
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a"}
        file.addfile(info)
    refused(tmp_path / "z.tar", "a file with holes")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_folders_count(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(archive_module, "MAX_MEMBERS", 50)
    path = tmp_path / f"x.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as file:
            for i in range(51):
                file.writestr(f"d{i}/", b"")
    else:
        info = tarfile.TarInfo("d")
        info.type = tarfile.DIRTYPE
        path.write_bytes(info.tobuf() * 51 + bytes(1024))
    refused(path, "more than 1,048,576 bytes or 50 files and folders, refused at 'd")


@pytest.mark.parametrize(
    "name", ["a" * 256, "\u00e9" * 200, "/".join(["deep"] * 500), "ok/" + "\x1b[31m" * 100], ids=range(4)
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_no_disk_takes_are_refused(name, kind, tmp_path):
    files = {"ok.txt": "fine", name: "x"}
    path = write_zip(tmp_path / "x.zip", files) if kind == "zip" else write_tar(tmp_path / "x.tar", files, "w")
    with pytest.raises(DatasetError, match="has a name that is too long for a file") as caught:
        unpack(path, tmp_path / "out", max_bytes=1 << 20)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("offset, value, local", [(10, 99, 8), (6, 99, None), (8, 0xFFFF, 6)])
def test_what_zipfile_does_not_know_is_our_error(offset, value, local, tmp_path):
    """Method 99, version 9.9, and every flag at once."""
    path = write_zip(tmp_path / "x.zip", {"a": "x" * 100})
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\1\2")
    data[entry + offset : entry + offset + 2] = struct.pack("<H", value)
    if local is not None:
        data[local : local + 2] = struct.pack("<H", value)
    path.write_bytes(data)
    refused(path, "damaged or incomplete|is encrypted")
