"""The command line as a user meets it: results on standard output, errors in one readable line."""

import json
import os
import subprocess
import sys

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
