"""The table of commands: a file each, imported only where it is asked for."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from geolearn import __main__ as module
from geolearn.cli import (
    benchmark,
    compare,
    complete,
    data,
    deform,
    demo,
    evaluate,
    export,
    fit,
    info,
    label,
    main,
    predict,
    render,
    train,
    voxelize,
)

FILES = [
    benchmark, compare, complete, data, deform, demo, evaluate, export, fit, info, label, predict, render, train,
    voxelize,
]  # fmt: skip


def test_every_command_has_its_file():
    assert sorted(file.__name__.rpartition(".")[2] for file in FILES) == sorted(main.COMMANDS)
    assert module.main is main.main


@pytest.mark.parametrize("file", FILES, ids=lambda file: Path(file.__file__).stem)
def test_a_command_says_what_it_does_and_can_run(file):
    kind = getattr(file, main.COMMANDS[Path(file.__file__).stem])
    kinds = [get_args(each)[0] for each in get_args(kind)] or [kind]
    for each in kinds:
        assert dataclasses.is_dataclass(each)
        assert callable(each.run)
        assert each.__doc__
    assert len(kinds) == 1 or file.DESCRIPTION


def test_one_command_imports_no_other():
    code = (
        "import sys; from geolearn.cli.main import main\n"
        "try: main(['voxelize', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted(n for n in sys.modules if n.startswith('geolearn.cli.')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "['geolearn.cli.main', 'geolearn.cli.voxelize']"
