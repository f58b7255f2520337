"""A wrong name is answered before anything heavy is imported, and claims nothing."""

import subprocess
import sys

import pytest

import geolearn
from geolearn.cli import typed_names as names
from geolearn.cli.main import main
from geolearn.errors import UnknownNameError

# A process in which heavy imports fail.
GUARDED = """
import sys

class Heavy:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "numpy"):
            raise RuntimeError(f"{name} was imported")

sys.meta_path.insert(0, Heavy())
from geolearn.cli.main import main
sys.exit(main())
"""
WRONG = {
    "trian voxnet -o x": "unknown command 'trian'. Did you mean 'train'?",
    "train voxnett -o x": "unknown model 'voxnett'. Did you mean 'voxnet'?",
    "train voxnet --recipe bets -o x": "unknown recipe of voxnet 'bets'. Did you mean 'best'?",
    "train voxnet --data modelnet11 -o x": "Did you mean 'modelnet1",
    "train voxnet --from voxnet-modelnet11 -o x": "Did you mean 'voxnet-modelnet10'?",
    "evaluate voxnet-modelnet11 --data procedural": "Did you mean 'voxnet-modelnet10'?",
    "evaluate voxnet-modelnet10 --data procedual": "Did you mean 'procedural'?",
    "predict a.off --weights voxnet-modelnet11": "Did you mean 'voxnet-modelnet10'?",
    "label a.off --weights psb-chiar -o a.ply": "Did you mean 'psb-chair'?",
    "deform a.off --weights deformation --list": "Did you mean 'deformation-procedural'?",
    "complete a.png --weights nothing -o x": "unknown weights",
    "fit a --decoder voxelvae-chair -o x": "Did you mean 'voxelvae-chairs'?",
    "benchmark modelnet10_view": "unknown benchmark 'modelnet10_view'. Did you mean 'modelnet10_views'?",
    "benchmark procedural --models voxnett": "unknown model 'voxnett'",
    "info modelnet1O": "Did you mean 'modelnet10'?",
    "info model": "Did you mean 'models'?",
}


@pytest.mark.parametrize("command", WRONG)
def test_a_wrong_name_is_answered_without_importing(command, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", GUARDED, *command.split()], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert WRONG[command] in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_version_and_module():
    command = [sys.executable, "-m", "geolearn", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"geolearn {geolearn.__version__}\n"


def test_what_exists_passes(tmp_path, monkeypatch):
    names.check_recipe("voxnet", "paper")
    names.check_recipe("voxnet_multires", "paper")  # has no recipe: said later, with those that have
    names.check_data("modelnet10")
    names.check_data(str(tmp_path))
    names.check_weights("voxnet-modelnet10")
    names.check_weights(str(tmp_path))
    names.check_benchmark("procedural")
    names.check_subject("missing.off", ["models"])


def test_modules_of_ones_own_are_waited_for(monkeypatch):
    names.check_recipe("mine", "best", use=["my_module"])
    monkeypatch.setattr("geolearn.plugins.are_there_plugins", lambda: True)
    names.check_recipe("mine", "best")
    monkeypatch.setenv("GEOLEARN_DATASETS", "/somewhere")
    names.check_data("mine")
    names.check_benchmark("mine")


def test_help_without_a_command(capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main([])
    out = capsys.readouterr().out
    assert all(command in out for command in ("train", "predict", "voxelize", "info"))


def test_no_suggestion_is_better_than_a_wrong_one():
    with pytest.raises(
        UnknownNameError, match=r"unknown dataset \(no such name, nor a folder of that path\) 'qqqq'\. K"
    ):
        names.check_data("qqqq")
