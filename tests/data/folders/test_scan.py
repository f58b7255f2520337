"""What a folder holds: the order, hidden names, links of every kind."""

import os

import pytest

from geolearn.data.folders.scan import scan_folder
from geolearn.errors import DatasetError


def names(folder) -> list[str]:
    return [file.path for file in scan_folder(folder).files]


def test_files_are_sorted_by_folder_and_name_and_hidden_ones_counted(tmp_path):
    for name in ("b/2.off", "b/10.off", "a/x y.off", "a/é.OFF", ".git/config", "__MACOSX/._a", "b/.DS_Store"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1234")
    scan = scan_folder(tmp_path)
    assert [file.path for file in scan.files] == ["a/x y.off", "a/é.OFF", "b/10.off", "b/2.off"]
    assert scan.hidden == 3
    assert {file.suffix for file in scan.files} == {".off"}
    assert {file.size for file in scan.files} == {4}


def test_links_are_followed_inside_and_outside(tmp_path):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "far.off").write_text("x")
    (inside / "own.off").write_text("y")
    (inside / "again.off").symlink_to(inside / "own.off")
    (inside / "folder").symlink_to(outside)
    (inside / "nowhere.off").symlink_to(tmp_path / "missing")
    (inside / "itself.off").symlink_to("itself.off")
    found = {file.path: file for file in scan_folder(inside).files}
    assert sorted(found) == ["again.off", "folder/far.off", "itself.off", "nowhere.off", "own.off"]
    assert found["nowhere.off"].size == found["itself.off"].size == -1
    assert found["again.off"].identity == found["own.off"].identity


def test_a_link_that_never_ends_is_refused(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    with pytest.raises(DatasetError, match=r"up: a link back to .*a, a folder it lies in, has no end; remove it"):
        scan_folder(tmp_path)
    (tmp_path / "a" / "b" / "up").unlink()
    (tmp_path / "a" / "b" / "beside").symlink_to(tmp_path / "c")  # no loop: c does not hold a
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "x.off").write_text("")
    assert names(tmp_path) == ["a/b/beside/x.off", "c/x.off"]


def test_a_pipe_is_no_file_and_nothing_is_no_folder(tmp_path):
    os.mkfifo(tmp_path / "pipe.off")
    assert scan_folder(tmp_path).files[0].size == -1
    with pytest.raises(DatasetError, match=r"missing: expected a folder, found nothing"):
        scan_folder(tmp_path / "missing")
