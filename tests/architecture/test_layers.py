"""The house: a room imports only rooms of a smaller number, and says what it imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "geolearn"
LAYERS = {
    "errors": 0,
    "typing": 0,
    "registry": 0,
    "_optional": 0,
    "structures": 1,
    "kernels": 2,
    "ops": 3,
    "io": 4,
    "nn": 4,
    "losses": 4,
    "render": 5,
    "models": 6,
    "data": 6,
    "reports": 7,
    "fitting": 8,
    "training": 9,
    "cli": 10,
}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
            if node.module == "geolearn":
                names = [f"geolearn.{alias.name}" for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("geolearn.")}
    return rooms


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path):
    here = room(path)
    if here == "__init__":
        return
    assert here in LAYERS, f"{here}: a room without a layer"
    wrong = {name for name in imported_rooms(path) - {here, "__version__"} if LAYERS[name] >= LAYERS[here] > 0}
    assert not wrong, f"{here} (layer {LAYERS[here]}) imports {wrong}"


def test_a_wrong_import_would_be_seen(tmp_path):
    path = tmp_path / "mesh.py"
    path.write_text("def f():\n    from geolearn.training import runs\n")
    assert imported_rooms(path) == {"training"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_files_are_nouns_of_a_readable_length(path):
    assert path.stem not in FORBIDDEN_NAMES
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


CLEAN = """
import sys
import geolearn
assert "torch" not in sys.modules  # so importing geolearn costs milliseconds
import geolearn.structures, geolearn.nn, geolearn.models, geolearn.data
heavy = {"lightning", "open3d", "pytorch3d", "manifold3d", "matplotlib", "timm", "tyro"}
heavy &= set(sys.modules)
assert not heavy, heavy
"""


def test_import_is_clean():
    done = subprocess.run([sys.executable, "-c", CLEAN], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
