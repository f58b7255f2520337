"""The house: a room imports only rooms of a smaller number, and no files import each other in a circle."""

import ast
import subprocess
import sys
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "geolearn"
LAYERS = {
    "errors": 0,
    "typing": 0,
    "registry": 0,
    "_optional": 0,
    "progress": 0,
    "known_names": 0,
    "plugins": 0,
    "waiting": 0,
    "__main__": 11,
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


def module(path: Path, package: Path = PACKAGE) -> str:
    """The dotted name of a file: geolearn.ops.segments, geolearn.ops for its __init__."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports anywhere, also late and for types only; `from a import b` gives a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("geolearn.")}


def room(name: str) -> str:
    return name.split(".")[1]


def wrong_rooms(path: Path, package: Path = PACKAGE) -> set[str]:
    """Rooms that a file imports though they do not lie below its own; rooms of layer 0 may import each other."""
    here = room(module(path, package))
    rooms = {room(name) for name in imports(path)} - {here, "__version__"}
    return {other for other in rooms if LAYERS[other] > LAYERS[here] or LAYERS[other] == LAYERS[here] > 0}


def circle(files: Iterable[Path], package: Path = PACKAGE) -> list[str] | None:
    """Some files that import each other in a circle, if any do."""
    known = {module(path, package): path for path in files}
    graph = {
        name: {found if found in known else found.rpartition(".")[0] for found in imports(path)} & set(known)
        for name, path in known.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path):
    if path == PACKAGE / "__init__.py":
        return
    here = room(module(path))
    assert here in LAYERS, f"{here}: a room without a layer"
    assert not wrong_rooms(path), f"{here} (layer {LAYERS[here]}) imports {wrong_rooms(path)}"


def test_no_files_import_each_other_in_a_circle():
    assert circle(FILES) is None


@pytest.fixture
def write(tmp_path):
    """`write("ops/mesh.py", code)` in a package of its own; `write.package` is its folder."""

    def write_file(name: str, code: str) -> Path:
        path = tmp_path / "geolearn" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
        return path

    write_file.package = tmp_path / "geolearn"
    return write_file


@pytest.mark.parametrize(
    "name, code, wrong",
    [
        ("structures/mesh.py", "def f():\n    from geolearn.training import runs\n", {"training"}),
        ("models/voxnet.py", "import geolearn.data.dataset\n", {"data"}),  # siblings
        ("errors.py", "from geolearn import training\n", {"training"}),  # layer 0
        ("registry.py", "from geolearn.structures import Mesh\n", {"structures"}),
        ("registry.py", "from geolearn.errors import InvalidInputError\n", set()),
        ("models/voxnet.py", "from geolearn.nn import VoxelResidual\nfrom geolearn.models import weights\n", set()),
    ],
)
def test_a_wrong_import_would_be_seen(name, code, wrong, write):
    assert wrong_rooms(write(name, code), write.package) == wrong


@pytest.mark.parametrize(
    "back, found",
    [
        ("from geolearn.ops import mesh\n", {"geolearn.ops.mesh", "geolearn.ops.faces"}),
        ("def f():\n    from geolearn.ops.mesh import g\n", {"geolearn.ops.mesh", "geolearn.ops.faces"}),
        ("from geolearn.ops import g\n", {"geolearn.ops", "geolearn.ops.mesh", "geolearn.ops.faces"}),
        ("from geolearn.structures import Mesh\n", set()),
    ],
)
def test_a_circle_would_be_seen(back, found, write):
    files = [
        write("ops/__init__.py", "from geolearn.ops.mesh import g\n"),
        write("ops/mesh.py", "from geolearn.ops.faces import h\n"),
        write("ops/faces.py", back),
    ]
    assert set(circle(files, write.package) or []) == found


def test_relative_imports_are_refused(write):
    with pytest.raises(AssertionError, match="relative import"):
        imports(write("ops/mesh.py", "from . import faces\n"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_files_name_a_subject_and_have_a_readable_length(path):
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
