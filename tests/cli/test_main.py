"""The command line as a user meets it: results on standard output, errors in one readable line."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from geolearn.cli.main import main
from geolearn.io import load_voxels, save_mesh
from geolearn.models import VoxNet, save_model
from geolearn.structures import Mesh

BOX_VERTS = [[x, y, z] for x in (0.0, 1.0) for y in (0.0, 2.0) for z in (0.0, 4.0)]
BOX_FACES = [
    [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
    [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
]  # fmt: skip


@pytest.fixture
def box(tmp_path):
    path = tmp_path / "box.off"
    save_mesh(Mesh(torch.tensor(BOX_VERTS), torch.tensor(BOX_FACES)), path)
    return path


def test_voxelize_and_info(box, tmp_path, capsys):
    out = tmp_path / "box.binvox"
    assert main(["voxelize", str(box), "--resolution", "8", "-o", str(out)]) == 0
    # the longest side fills 8 cells, the others 4 and 2
    assert "8^3 cells, 64 occupied" in capsys.readouterr().out
    assert int(load_voxels(out).occupancy.sum()) == 64
    assert main(["info", str(out)]) == 0
    assert "64" in capsys.readouterr().out
    shouting = out.rename(tmp_path / "BOX.BINVOX")
    assert main(["info", str(shouting)]) == 0
    assert "64" in capsys.readouterr().out
    assert main(["info", str(box)]) == 0
    assert "watertight" in capsys.readouterr().out


def test_info_on_weights_datasets_and_runs(tmp_path, capsys):
    save_model(VoxNet(), tmp_path / "m.safetensors", classes=["a"])
    assert main(["info", str(tmp_path / "m.safetensors")]) == 0
    assert "917866" in capsys.readouterr().out
    assert main(["info", "modelnet10_voxels"]) == 0
    assert "night_stand" in capsys.readouterr().out
    (tmp_path / "config.json").write_text(json.dumps({"model": "voxnet"}))
    assert main(["info", str(tmp_path)]) == 0
    assert "voxnet" in capsys.readouterr().out


def test_data_list_names_every_dataset(capsys):
    assert main(["data", "list"]) == 0
    out = capsys.readouterr().out
    for name in ("modelnet10", "modelnet40", "modelnet10_voxels", "shapenets_chairs", "shrec11", "procedural"):
        assert f"| {name} |" in out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["train", "voxnett", "-o", "x"], "unknown model 'voxnett'. Did you mean 'voxnet'"),
        (["train", "voxnet", "--data", "modelnet11", "-o", "x"], "Did you mean 'modelnet1"),
        (["evaluate", "nothing", "--data", "procedural"], "unknown weights"),
        (["evaluate", "nothing", "--data", "procedural", "--views", "1;3"], "--views: expected whole numbers"),
        (["benchmark", "modelnet"], "unknown benchmark"),
        (["benchmark", "procedural", "--seeds", "0,x"], "--seeds: expected whole numbers"),
        (["info", "nonsense"], "unknown file, run, weights or dataset"),
        (["info", "missing.off"], "missing.off"),
        (["voxelize", "missing.off", "-o", "x.npz"], "missing.off"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("geolearn: ")
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("x/*.safetensors"))


@pytest.mark.parametrize(
    "command", ["demo", "train", "evaluate", "benchmark", "render", "voxelize", "info", "data prepare", "data list"]
)
def test_help_teaches(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*command.split(), "--help"])
    out = capsys.readouterr().out
    assert "usage: geolearn" in out
    if command not in ("demo", "data list"):
        assert "geolearn " + command.split()[0] in out.split("options")[0]


def test_evaluate_shipped_style_weights(tmp_path, capsys, monkeypatch, real_data):
    torch.manual_seed(0)
    save_model(VoxNet(), tmp_path / "m.safetensors", votes=1, vote_mirror=False)
    out = tmp_path / "out.json"
    assert main(["evaluate", str(tmp_path / "m.safetensors"), "--data", "modelnet10_voxels", "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    assert report["num_samples"] == 908
    assert {"class_accuracy", "instance_accuracy", "protocol"} <= set(report)
    assert report["num_samples_without_duplicates"] == 908 - 72
    assert "class acc. %" in capsys.readouterr().out

    def closed(*words, **options):
        raise BrokenPipeError("closed")

    out.unlink()
    monkeypatch.setattr("builtins.print", closed)
    monkeypatch.setattr("sys.stdout", sys.stdout)
    assert main(["evaluate", str(tmp_path / "m.safetensors"), "--data", "modelnet10_voxels", "--json", str(out)]) == 141
    assert json.loads(out.read_text()) == report


def test_a_reader_that_goes_away_is_told_in_one_line(box):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "geolearn.cli.main", "info", str(box)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr.count("\n")) == (141, 1)
    assert "Broken pipe" in done.stderr


# --- what the system refuses, and names that would steer the terminal ---


def test_every_error_of_the_system_is_one_sentence(box, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "file").write_text("x")
    for arguments, message in (
        (["voxelize", str(box), "-o", "folder.npy"], "folder.npy: Is a directory"),
        (["render", str(box), "--size", "16", "-o", "file"], "file"),
        (["train", "voxnet", "-o", "file"], "file"),
        (["info", "."], "config.json"),
    ):
        assert main(arguments) == 2
        *before, last = capsys.readouterr().err.splitlines()
        assert last.startswith("geolearn: ")
        assert message in last
        assert not [line for line in before if line.startswith(("Traceback", " "))]  # how far it is, at most


@pytest.mark.parametrize(
    "error, message",
    [
        (OSError(28, "No space left on device", "x.npy"), "x.npy: No space left on device"),
        (OSError(24, "Too many open files"), "[Errno 24] Too many open files"),
        (PermissionError(13, "Permission denied", "x.npy"), "x.npy: Permission denied"),
        (MemoryError("Unable to allocate 8 TiB"), "not enough memory (Unable to allocate 8 TiB)"),
        (RuntimeError("[x] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"), "not enough memory (can't"),
    ],
)
def test_what_the_system_does_not_give(error, message, box, tmp_path, capsys, monkeypatch):
    def refuse(*arguments, **options):
        raise error

    monkeypatch.setattr("geolearn.io.save_voxels", refuse)
    assert main(["voxelize", str(box), "-o", str(tmp_path / "x.npy")]) == 2
    assert capsys.readouterr().err.startswith(f"geolearn: {message}")


def test_other_runtime_errors_are_ours_to_mend_and_stay_visible(box, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("a bug")

    monkeypatch.setattr("geolearn.io.save_voxels", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["voxelize", str(box), "-o", str(tmp_path / "x.npy")])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_cannot_steer_the_terminal(box, tmp_path, capsys):
    evil = tmp_path / "a\n\x1b[31mred\u202e.off"
    box.rename(evil)
    assert main(["voxelize", str(evil), "-o", str(tmp_path / "\x1b[2J.npy")]) == 0
    assert main(["info", str(evil)]) == 0
    assert main(["info", str(evil) + ".off"]) == 2
    evil.write_text("OFF\n3 1 0\n")
    assert main(["info", str(evil)]) == 2
    out, err = capsys.readouterr()
    for text in (out, err):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert r"\x1b[" in text
    assert all(line.startswith("geolearn: ") for line in err.splitlines())


def test_points_are_described(tmp_path, capsys):
    (tmp_path / "scan.xyz").write_text("0 0 0 0 0 1\n1 2 3 0 1 0\n")
    assert main(["info", str(tmp_path / "scan.xyz")]) == 0
    out = capsys.readouterr().out
    assert out.split()[:2] == ["points", "2"]
    assert "[[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]" in out
    (tmp_path / "cloud.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n")
    assert main(["info", str(tmp_path / "cloud.obj")]) == 0
    assert "points" in capsys.readouterr().out
    assert main(["voxelize", str(tmp_path / "cloud.obj"), "-o", str(tmp_path / "a.npy")]) == 2
    assert "a point cloud: 3 points and no faces" in capsys.readouterr().err
    assert main(["voxelize", str(tmp_path / "scan.xyz"), "-o", str(tmp_path / "a.npy")]) == 2
    err = capsys.readouterr().err
    assert "points without faces are no mesh" in err
    assert "load_mesh" not in err


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("name, status", [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_ends_it_by_an_exception(name, status, box, tmp_path, capsys, monkeypatch):
    def interrupted(*arguments, **options):
        os.kill(os.getpid(), getattr(signal, name))
        time.sleep(5)

    monkeypatch.setattr("geolearn.io.save_voxels", interrupted)
    assert main(["voxelize", str(box), "-o", str(tmp_path / "x.npy")]) == status
    assert capsys.readouterr().err == f"geolearn: stopped ({name}); what was finished is kept\n"
    assert signal.getsignal(getattr(signal, name)) == signal.SIG_DFL
