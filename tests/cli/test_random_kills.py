"""Killed at random times, twenty times: what is begun again ends with the bytes of an unbroken run.

Minutes: `python -m pytest -m slow tests/cli/test_random_kills.py`.
"""

import hashlib
import multiprocessing
import os
import random
import signal
import sys
from pathlib import Path

import pytest
import torch

from geolearn.cli.main import main
from geolearn.fitting.run import CHECKPOINT
from geolearn.io import save_views
from geolearn.ops.isosurface import isosurface
from geolearn.render import camera_rig, render_views
from geolearn.structures import Mesh, Views

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="not all signals here")]
KILLS = 20
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["geolearn.cli.main", "geolearn.training.benchmarks", "geolearn.fitting.run"])


def work(arguments: list[str], home: Path) -> None:
    os.environ["GEOLEARN_HOME"] = str(home)
    os.setpgid(0, 0)  # workers die with it, as they do where a terminal is closed
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (until the process ends)
    torch.set_num_threads(1)
    sys.exit(main(arguments))


def begin(arguments: list[str], home: Path) -> multiprocessing.process.BaseProcess:
    child = SERVER.Process(target=work, args=(arguments, home))
    child.start()
    return child


def finish(arguments: list[str], home: Path) -> None:
    child = begin(arguments, home)
    child.join()
    assert child.exitcode == 0, arguments


def digests(folder: Path, pattern: str) -> dict[str, str]:
    files = [file for file in sorted(folder.rglob(pattern)) if file.is_file()]
    assert files
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def kill_often(arguments: list[str], again: list[str], home: Path, begun: Path, seconds: float, seed: int) -> int:
    """Begin, kill after up to `seconds`, and begin again, KILLS times, then let it end; how often work was under way.

    `again` is the command that goes on, where there is something to go on with: `begun` exists.
    """
    generator, under_way = random.Random(seed), 0
    for number in range(KILLS):
        chosen = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)[number % 4]
        child = begin(again if begun.exists() else arguments, home)
        child.join(generator.uniform(0, seconds))
        if child.is_alive():
            under_way += 1
            os.kill(child.pid, chosen)  # type: ignore[arg-type]
        child.join(60)
        assert not child.is_alive(), f"signal {chosen} was not heard"
    finish(again if begun.exists() else arguments, home)
    return under_way


def test_preparing(real_data, tmp_path):
    command = ["data", "prepare", "shrec11", "--from", str(real_data / "shrec11_split16.tar.xz"), "--jobs", "1"]
    finish([*command, "--root", str(tmp_path / "whole")], tmp_path)
    broken = [*command, "--root", str(tmp_path / "broken")]
    assert kill_often(broken, broken, tmp_path, tmp_path, 2.0, seed=0) >= KILLS // 2
    assert digests(tmp_path / "broken", "*.np*") == digests(tmp_path / "whole", "*.np*")


def test_training(tmp_path):
    command = ["train", "voxnet", "--protocol", "aligned", "--epochs", "4", "--recipe", "turned"]
    finish([*command, "-o", str(tmp_path / "whole")], tmp_path)
    broken = [*command, "-o", str(tmp_path / "broken")]
    begun = tmp_path / "broken" / "config.json"
    assert kill_often(broken, [*broken, "--resume"], tmp_path, begun, 12.0, seed=1) >= KILLS // 4
    assert digests(tmp_path / "broken", "*.safetensors") == digests(tmp_path / "whole", "*.safetensors")


def test_a_benchmark(tmp_path):
    command = ["benchmark", "procedural", "--models", "voxnet", "--seeds", "0,1", "--epochs", "2"]
    for name in ("whole", "broken"):
        arguments = [*command, "--runs", str(tmp_path / name / "runs"), "-o", str(tmp_path / name / "results")]
        if name == "whole":
            finish(arguments, tmp_path)
        else:
            assert kill_often(arguments, arguments, tmp_path, tmp_path, 12.0, seed=2) >= KILLS // 4
    assert digests(tmp_path / "broken", "*.safetensors") == digests(tmp_path / "whole", "*.safetensors")


def test_a_fit(tmp_path):
    values = torch.linspace(-1, 1, 24)
    x, y, z = torch.meshgrid(values, values, values, indexing="ij")
    shape: Mesh = isosurface(0.6 - (x**2 + 2 * y**2 + z**2).sqrt() + 0.1 * torch.cos(6 * x), 0.0)
    cameras = camera_rig("sphere", count=8, size=64)
    silhouettes = render_views(shape.normalised(), cameras, shading="silhouette")
    save_views(Views(torch.ones(8, 3, 64, 64), cameras, silhouettes[:, 0]), tmp_path / "scene")
    command = ["fit", str(tmp_path / "scene")]
    finish([*command, "-o", str(tmp_path / "whole")], tmp_path)
    broken = [*command, "-o", str(tmp_path / "broken")]
    begun = tmp_path / "broken" / CHECKPOINT
    assert kill_often([*broken, "--force"], [*broken, "--resume"], tmp_path, begun, 6.0, seed=3) >= KILLS // 4
    assert digests(tmp_path / "broken", "mesh.*") == digests(tmp_path / "whole", "mesh.*")
