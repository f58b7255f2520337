"""Unpacking: whole archives, damaged ones, and ones made to do harm."""

import io
import random
import tarfile
import zipfile
from pathlib import Path

import pytest
from fake_raw_data import write_tar, write_zip

from geolearn.data.archive import unpack
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
