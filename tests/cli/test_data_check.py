"""`geolearn data check`, and the flags that say how a folder is read."""

from shapes_of_ones_own import classes_of_boxes

from geolearn.cli.folder_flags import FolderFlags
from geolearn.cli.main import main
from geolearn.data import Reading


def test_it_prints_what_was_found_and_names_what_cannot_be_read(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GEOLEARN_HOME", str(tmp_path / "home"))
    folder = classes_of_boxes(tmp_path / "mine", "{label}/{name}")
    assert main(["data", "check", str(folder), "--up", "y"]) == 0
    printed = capsys.readouterr().out
    assert "found        18 meshes in 2 classes, <class>/*" in printed
    assert "y in .off (as asked)" in printed
    assert "| flat | 7 | 2 |" in printed
    (folder / "flat" / "test0.off").write_text("nothing")
    assert main(["data", "check", str(folder), "--read"]) == 1
    printed = capsys.readouterr().out
    assert "warning: 1 files cannot be read; --skip-broken leaves them out:" in printed
    assert "test0.off: byte 0" in printed
    assert main(["data", "check", str(folder / "missing")]) == 2
    assert "missing: no such folder or file, and no dataset of that name" in capsys.readouterr().err


def test_flags_that_nobody_gave_mean_no_reading():
    assert FolderFlags().reading() is None
    assert FolderFlags(up="y", skip_broken=True).reading() == Reading("y", skip_broken=True)
