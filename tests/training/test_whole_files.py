"""Work of real processes: none writes a file under its own name, none works where another does, a kill leaves the old.

What is opened for writing is seen by an audit hook. So no kill can leave half a file, wherever it comes: files are
written beside their places and renamed, whatever the temporary folder of the system.
"""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from small_collections import box_store
from test_runs import RUN

from geolearn.data import ShapeCollection, prepare, prepare_dataset
from geolearn.data import manifest as manifests
from geolearn.errors import CheckpointError
from geolearn.fitting import Phase
from geolearn.fitting.run import FitSettings, run_fit
from geolearn.io import files, save_mesh
from geolearn.render import camera_rig, render_views
from geolearn.reports.plots import plot_confusion
from geolearn.structures import Mesh, Views
from geolearn.training.deformed_files import write_deformed
from geolearn.training.learner import Learner
from geolearn.training.runs import train

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forkserver here")
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["test_whole_files"])
TETRAHEDRON = Mesh(torch.eye(4)[:, :3], torch.tensor([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]]))


def wait_for(path: Path, child: multiprocessing.process.BaseProcess | None = None) -> None:
    deadline = time.monotonic() + 200
    while not path.exists():
        assert time.monotonic() < deadline, path
        assert child is None or child.is_alive(), path
        time.sleep(0.02)


def hold(folder: Path) -> None:
    """The first process says that it is inside, and stays until it is told to go on."""
    if not (folder / "inside").exists():
        (folder / "inside").touch()
        wait_for(folder / "go on")


def train_boxes(folder: Path, first: bool) -> None:
    step = Learner.training_step

    def training_step(self: Learner, batch: object, index: int) -> object:
        hold(folder)
        return step(self, batch, index)

    if first:
        Learner.training_step = training_step
    shapes = ShapeCollection({"train": box_store(8, 0), "val": box_store(8, 1)})
    run = RUN if first else RUN.__class__(**{**RUN.__dict__, "seed": 1})
    train(run, folder / "work", data=shapes, progress=False, loggers=())


def fit_ball(folder: Path, first: bool) -> None:
    cameras = camera_rig("ring", count=3, size=16)
    masks = render_views(TETRAHEDRON.normalised(), cameras, shading="silhouette")[:, 0]
    run_fit(
        Views(torch.ones(3, 3, 16, 16), cameras, masks),
        folder / "work",
        FitSettings(seed=0 if first else 1, colours=False),
        schedule=[Phase(size=(16, 16), oversampling=1, faces=None, steps=3, rate=0.02)],
        progress=(lambda step: hold(folder)) if first else None,
    )


def prepare_shapes(folder: Path, first: bool) -> None:
    load = prepare.load_script

    def load_script(manifest: object) -> object:
        (folder / f"prepared {first}").touch()
        hold(folder)
        return load(manifest)

    prepare.load_script = load_script
    datasets = lambda: folder / "datasets"  # noqa: E731
    manifests.datasets_folder = datasets
    sys.modules["geolearn.data.places"].datasets_folder = datasets
    prepare_dataset("modelnet10", folder / "raw", folder / "work")


def write_small_files(folder: Path, first: bool) -> None:
    work = folder / "work"
    work.mkdir()
    plot_confusion([[1, 0], [0, 1]], ("a", "b"), work / "confusion.png")
    (folder / "wood.obj").write_text("mtllib w.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    (folder / "w.mtl").write_text("newmtl wood\n")
    mesh = Mesh(torch.eye(3), torch.tensor([[0, 1, 2]]))
    write_deformed(folder / "wood.obj", work / "moved.obj", mesh, mesh.verts)
    save_mesh(mesh, work / "mesh.ply")


def in_a_process(work: Callable[[Path, bool], None], folder: Path, first: bool) -> None:
    torch.set_num_threads(1)
    opened: list[str] = []

    def hook(event: str, arguments: tuple) -> None:
        if event == "open" and isinstance(arguments[0], str | os.PathLike):
            if arguments[2] & (os.O_WRONLY | os.O_RDWR):
                opened.append(os.path.abspath(arguments[0]))
        elif event in ("shutil.move", "shutil.copyfile"):
            opened.append(os.path.abspath(arguments[1]))

    sys.addaudithook(hook)
    try:
        work(folder, first)
    except CheckpointError as error:
        (folder / "refused").write_text(str(error))
    inside = str(folder / "work")
    (folder / f"opened {first}").write_text(json.dumps([path for path in opened if path.startswith(inside)]))


def begin(work: Callable[[Path, bool], None], folder: Path, first: bool) -> multiprocessing.process.BaseProcess:
    child = SERVER.Process(target=in_a_process, args=(work, folder, first))
    child.start()
    return child


def written_in_place(folder: Path) -> list[str]:
    """Files that are there under a name under which somebody wrote."""
    opened = [path for list_ in folder.glob("opened *") for path in json.loads(list_.read_text())]
    assert opened
    return [path for path in opened if os.path.exists(path) and not path.endswith(".lock")]


@pytest.mark.parametrize("work", [train_boxes, pytest.param(fit_ball, marks=pytest.mark.slow)])
def test_a_second_process_is_refused_and_the_first_one_ends_whole(work, tmp_path):
    first = begin(work, tmp_path, True)
    wait_for(tmp_path / "inside", first)
    second = begin(work, tmp_path, False)
    second.join(200)
    assert "another process is at work in this folder" in (tmp_path / "refused").read_text()
    (tmp_path / "go on").touch()
    first.join(200)
    assert (first.exitcode, second.exitcode) == (0, 0)
    assert "seed" in (tmp_path / "work" / "result.json").read_text() or work is train_boxes
    if work is train_boxes:
        assert json.loads((tmp_path / "work" / "config.json").read_text())["seed"] == 0
    assert not (tmp_path / "work" / ".lock").exists()
    assert written_in_place(tmp_path) == []


def test_two_processes_prepare_a_dataset_once(tmp_path):
    sys.path.append(str(Path(__file__).parents[1] / "data"))
    from fake_raw_data import off_text
    from test_prepare import modelnet_text

    datasets = tmp_path / "datasets" / "modelnet10"
    (datasets / "splits").mkdir(parents=True)
    (datasets / "manifest.toml").write_text(modelnet_text({"train": [1, 1], "test": [1, 1]}))
    script = Path(__file__).parents[2] / "datasets" / "modelnet10" / "prepare.py"
    (datasets / "prepare.py").write_text(script.read_text())
    for number, name in enumerate(("bed/train", "bed/test", "chair/train", "chair/test")):
        folder = tmp_path / "raw" / "ModelNet10" / name
        folder.mkdir(parents=True)
        (folder / f"{name.partition('/')[0]}_0001.off").write_text(off_text(number))
    first = begin(prepare_shapes, tmp_path, True)
    wait_for(tmp_path / "inside", first)
    second = begin(prepare_shapes, tmp_path, False)
    second.join(1)
    assert second.is_alive(), "it did not wait"
    (tmp_path / "go on").touch()
    first.join(200)
    second.join(200)
    assert (first.exitcode, second.exitcode) == (0, 0)
    assert (tmp_path / "work" / "datasets" / "modelnet10" / "index.json").is_file()
    assert not (tmp_path / "prepared False").exists()
    assert written_in_place(tmp_path) == []


def test_small_files_are_never_written_in_place(tmp_path):
    child = begin(write_small_files, tmp_path, True)
    child.join(200)
    assert child.exitcode == 0
    present = {path.name for path in (tmp_path / "work").iterdir()}
    assert present == {"confusion.png", "moved.obj", "w.mtl", "mesh.ply"}
    assert written_in_place(tmp_path) == []


def train_until_the_second_checkpoint(folder: Path) -> None:
    torch.set_num_threads(1)
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        if "last.ckpt" in name and (folder / "work" / "checkpoints" / "last.ckpt").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    files.os.fsync = fsync
    shapes = ShapeCollection({"train": box_store(8, 0), "val": box_store(8, 1)})
    train(RUN, folder / "work", data=shapes, progress=False, loggers=())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names of open files are not known here")
def test_a_kill_while_a_checkpoint_is_written_leaves_the_old_one(tmp_path, monkeypatch):
    other = Path("/dev/shm")
    if other.is_dir():
        monkeypatch.setenv("TMPDIR", str(other))  # another file system
    child = SERVER.Process(target=train_until_the_second_checkpoint, args=(tmp_path,))
    child.start()
    child.join(200)
    assert child.exitcode == -signal.SIGKILL
    assert torch.load(tmp_path / "work" / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 0
