"""Install the wheel into a clean environment, and run every command and import every name there.

`make test-wheel` runs it with the Python of the locked environment, which builds. What is tested runs by the Python of
the clean one, in an empty folder, with nothing of the checkout on its path. The clean environment holds the wheel with
its extra [all], at the versions of the lock, and nothing of the extra [dev].

The installed procedural dataset is cut to a few shapes of each class, so that a training takes seconds.
"""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from building import REPO, build, copy_checkout, unpack_sdist

from geolearn._optional import DISTRIBUTION

BOX = """OFF
8 12 0
0 0 0\n0 0 4\n0 2 0\n0 2 4\n1 0 0\n1 0 4\n1 2 0\n1 2 4
3 0 1 3\n3 0 3 2\n3 4 6 7\n3 4 7 5\n3 0 4 5\n3 0 5 1\n3 2 3 7\n3 2 7 6\n3 0 2 6\n3 0 6 4\n3 1 5 7\n3 1 7 3
"""
# Two lanes, run side by side; a command may need what an earlier one of its lane wrote. Of each command: arguments,
# what standard output has to hold, files that have to be there afterwards.
Command = tuple[str, str, list[str]]
LANES: tuple[list[Command], list[Command]] = (
    [
        ("--help", "voxelize", []),
        ("data list", "| procedural |", []),
        ("data prepare --help", "modelnet10", []),
        ("data check shapes", "2 classes", []),
        ("voxelize box.off --resolution 8 -o box.binvox", "8^3 cells, 64 occupied", ["box.binvox"]),
        ("info box.binvox", "64", []),
        ("info modelnet10", "night_stand", []),
        ("info mvcnn-modelnet10-views", "parameters", []),
        ("train voxnet --epochs 1 -o run", "1 epochs", ["run/model.safetensors"]),
        ("evaluate run --data procedural --json r.json --report page", "retrieval mAP", ["r.json", "page/report.html"]),
        ("predict box.off --weights run", "box.off", []),
        ("export run -o net.pt2", "net.pt2", ["net.pt2"]),
        ("benchmark procedural --models voxnet --seeds 0 --epochs 1 -o made", "voxnet", ["made/procedural.html"]),
        ("train voxelcompletionnet --epochs 1 -o unet", "1 epochs", ["unet/model.safetensors"]),
        ("compare run unet", "voxelcompletionnet", []),
        ("complete scan.ply --camera-position 0,-2,1 --weights unet -o whole", "", ["whole/report.html"]),
    ],
    [
        ("render box.off --rig sphere --count 6 --size 32 -o views", "6 pictures", ["views/sheet.png"]),
        ("fit views --images none --views-per-step 3 -o fit", "report: ", ["fit/mesh.glb", "fit/report.html"]),
        ("deform box.off --attribute 'back height' --amount 0.2 -o taller.off", "8 vertices moved", ["taller.off"]),
        ("train surfacelabelnet --data mine --set steps=3 -o labels", "3 epochs", ["labels/model.safetensors"]),
        ("label box.off --weights labels -o labeled.ply --split-parts parts", "", ["labeled.png", "parts/end.ply"]),
        ("demo --help", "usage: geolearn demo", []),
    ],
)
LONGEST = 1200  # seconds that a command may take on a busy machine
IMPORTS = """
import importlib, json, pkgutil, sys
import geolearn
rooms = json.loads(sys.argv[1])
missing = [f"{room}.{name}" for room, names in rooms.items() for name in names
           if not hasattr(importlib.import_module(f"geolearn.{room}"), name)]
modules = [module.name for module in pkgutil.walk_packages(geolearn.__path__, "geolearn.")]
for module in modules:
    importlib.import_module(module)
from geolearn.models import load_model, pretrained_names
for name in pretrained_names():
    load_model(name)
assert not missing, missing
assert sys.argv[2] in geolearn.__file__, geolearn.__file__
print(f"{sum(map(len, rooms.values()))} public names, {len(modules)} modules, weights: {', '.join(pretrained_names())}")
"""


def main() -> int:
    """0 where everything worked; else says what did not."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="geolearn-wheel-") as folder:
        place = Path(folder)
        sdist = build("sdist", copy_checkout(place / "checkout"), place / "dist")
        wheel = build("wheel", unpack_sdist(sdist, place / "unpacked"), place / "dist")
        python = _install(wheel, place / "venv")
        print(f"{wheel.name} with its extra [all] is installed: {time.monotonic() - begun:.0f} s", flush=True)
        work = place / "work"
        work.mkdir()
        _write_inputs(work)
        _cut_procedural(place / "venv")
        environment = _bare_environment(work)
        imports = [str(python), "-P", "-c", IMPORTS, json.dumps(_public_names()), str(place / "venv")]

        def lane(number: int) -> list[bool]:
            done = [_run(imports, "every import", "public names", [], work, environment)] if number else []
            for arguments, said, files in LANES[number]:
                command = [str(python.parent / "geolearn"), *shlex.split(arguments)]
                done.append(_run(command, f"geolearn {arguments}", said, files, work, environment))
            return done

        with ThreadPoolExecutor(len(LANES)) as pool:
            done = [passed for results in pool.map(lane, range(len(LANES))) for passed in results]
    print(f"in {time.monotonic() - begun:.0f} s")
    print(f"{sum(done)} passed, {len(done) - sum(done)} failed")
    return 0 if all(done) else 1


def _install(wheel: Path, folder: Path) -> Path:
    """A new environment of this Python's version with the wheel in it; its Python."""
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    lock = REPO / "requirements" / "lock.txt"
    need = f"{DISTRIBUTION}[all] @ {wheel.as_uri()}"
    options = ["--quiet", "--compile-bytecode", "--python", python, "--constraint", lock]
    subprocess.run([uv, "pip", "install", *options, need], check=True)
    return python


def _write_inputs(folder: Path) -> None:
    """A mesh, labelled meshes, shapes of two classes, and a scan of one side of a box."""
    (folder / "box.off").write_text(BOX)
    for name in ("boxes/a.off", "boxes/b.off", "others/c.off", "others/d.off"):
        (folder / "shapes" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "shapes" / name).write_text(BOX)
    (folder / "mine").mkdir()
    for number in range(4):
        (folder / "mine" / f"{number}.off").write_text(BOX)
        (folder / "mine" / f"{number}.txt").write_text("side\n" * 8 + "end\n" * 4)
    points = [f"{x / 20} -0.2 {z / 20}" for x in range(-8, 9) for z in range(-8, 9)]
    properties = "".join(f"property float {axis}\n" for axis in "xyz")
    header = f"ply\nformat ascii 1.0\nelement vertex {len(points)}\n{properties}end_header\n"
    (folder / "scan.ply").write_text(header + "\n".join(points) + "\n")


def _cut_procedural(environment: Path) -> None:
    (manifest,) = environment.glob("lib/*/site-packages/geolearn/_datasets/procedural/manifest.toml")
    text = manifest.read_text(encoding="utf-8")
    text = re.sub(r"count = \d+", f"count = {13 * 4}", text)
    text = re.sub(r"per_class = \[.*\]", f"per_class = {[4] * 13}", text)
    manifest.write_text(text, encoding="utf-8")


def _bare_environment(work: Path) -> dict[str, str]:
    """Without what could lead to the checkout or to data of this user."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GEOLEARN", "VIRTUAL"))}
    return {**kept, "GEOLEARN_HOME": str(work / "home"), "PYTHONNOUSERSITE": "1", "COLUMNS": "120"}


def _public_names() -> dict[str, list[str]]:
    tree = ast.parse((REPO / "tests" / "architecture" / "test_public_names.py").read_text(encoding="utf-8"))
    return next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PUBLIC"
    )


def _run(command: list[str], title: str, said: str, files: list[str], work: Path, environment: dict[str, str]) -> bool:
    """Run one command. Where it failed, did not say `said` or left a file out: False, and print what it said."""
    begun = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=LONGEST
        )
        status, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        status, out, err = -1, "", f"not done after {LONGEST} s"
    missing = [name for name in files if not (work / name).is_file()]
    good = status == 0 and said in out and not missing
    lines = [f"{'ok    ' if good else 'FAILED'} {time.monotonic() - begun:5.1f} s  {title}"]
    if not good:
        lines += [f"status {status}; missing files: {missing}; expected to read {said!r}", out[-3000:], err[-3000:]]
    print("\n".join(lines), flush=True)
    return good


if __name__ == "__main__":
    sys.exit(main())
