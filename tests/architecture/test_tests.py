"""Every module is tested where a reader looks for it: in the folder of tests that bears the name of its room.

And tests of the core install can be collected with the core alone.
"""

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent.parent
PACKAGE, TESTS = REPO / "geolearn", REPO / "tests"
ELSEWHERE = {
    "geolearn.training.demo",  # `make demo` runs it: it takes minutes
    "geolearn.data.collection",  # every test in tests/training learns from one
}


def imported_names(file: Path) -> Iterator[str]:
    """Full names of all that a file imports, at any depth: modules, or things in them."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def exported(room: Path) -> dict[str, str]:
    """Where the names that a room exports come from: "geolearn.ops.voxelize" -> "geolearn.ops.voxelization"."""
    init = room / "__init__.py"
    tree = ast.parse(init.read_text(encoding="utf-8")) if init.is_file() else ast.Module([], [])
    package = ".".join(("geolearn", *room.relative_to(PACKAGE).parts))
    return {
        f"{package}.{alias.asname or alias.name}": node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def untested(package: Path, tests: Path) -> list[str]:
    """Modules without a test of their name that no test of their room reaches, itself or through modules of the room.

    Kernels are private: what the tests of other rooms reach counts for them as well.
    """
    files = {}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package).with_suffix("").parts
        files[".".join(("geolearn", *(part for part in parts if part != "__init__")))] = file
    homes: dict[str, str] = {}
    for folder in {file.parent for file in files.values()}:
        homes |= exported(folder)

    @functools.cache
    def modules_in(file: Path) -> set[str]:
        """The modules of the package that a file imports; a room as a whole stands for all that its init imports."""
        found = set()
        for name in imported_names(file):
            home = name if name in files else homes.get(name, name.rpartition(".")[0])
            if home in files and (home == name or files[home].name != "__init__.py"):
                found.add(home)
        return found

    missing = []
    for name, file in files.items():
        if file.name == "__init__.py" or name in ELSEWHERE:
            continue
        parts = file.relative_to(package).parts
        room = parts[0] if len(parts) > 1 else ""
        anywhere = room in ("", "kernels")
        places = sorted(tests.rglob("*.py") if anywhere else (tests / room).rglob("*.py"))
        if any(place.name == f"test_{file.stem.lstrip('_')}.py" for place in places):
            continue
        reached: set[str] = set()
        waiting = {module for place in places for module in modules_in(place)}
        while waiting:
            module = waiting.pop()
            reached.add(module)
            waiting |= {
                used for used in modules_in(files[module]) - reached if anywhere or used.startswith(f"geolearn.{room}.")
            }
        if name not in reached:
            missing.append(name)
    return missing


def test_every_module_is_tested_in_its_room():
    assert untested(PACKAGE, TESTS) == [], "add tests/<room>/test_<module>.py"


def test_a_module_that_nothing_tests_is_seen(tmp_path, monkeypatch):
    package, tests = tmp_path / "geolearn", tmp_path / "tests"
    for path, text in {
        "geolearn/ops/__init__.py": "from geolearn.ops.cubes import cube",
        "geolearn/ops/cubes.py": "from geolearn.ops.sides import side\nfrom geolearn.io.boxes import box",
        "geolearn/ops/sides.py": "",
        "geolearn/ops/alone.py": "",
        "geolearn/io/boxes.py": "",
        "geolearn/kernels/fast.py": "",
        "tests/ops/test_solids.py": "from geolearn.ops import cube",
        "tests/io/test_files.py": "import geolearn.kernels.fast",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.setitem(globals(), "PACKAGE", package)
    assert untested(package, tests) == ["geolearn.io.boxes", "geolearn.ops.alone"]
    (tests / "ops" / "test_alone.py").touch()
    assert untested(package, tests) == ["geolearn.io.boxes"]


def packages_needed(file: Path) -> set[str]:
    """Top-level packages without which a file cannot be imported, less those that it asks for and skips without."""
    names, text = set(), file.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return {name.partition(".")[0] for name in names} - set(re.findall(r'importorskip\("(\w+)', text))


def test_core_tests_need_only_the_core(pytestconfig):
    """Others go through `pytest.importorskip`, so that `make test-core` skips them and says so."""
    conftest = next(one for one in pytestconfig.pluginmanager.get_plugins() if hasattr(one, "NOT_CORE"))
    (core,) = re.findall(r"^CORE = \[(.*?)\]", (REPO / "setup.py").read_text(encoding="utf-8"), re.S | re.M)
    allowed = {"geolearn", "pytest", "hypothesis", "beartype", *re.findall(r'"([\w-]+)>=', core)}
    allowed |= sys.stdlib_module_names
    allowed |= {file.stem for file in TESTS.glob("*.py") if not packages_needed(file) - allowed}
    wrong = {}
    for room in conftest.CORE:
        beside = {file.stem for file in (TESTS / room).rglob("*.py")}
        for file in sorted({*(TESTS / room).rglob("*.py")} - conftest.NOT_CORE):
            if more := packages_needed(file) - allowed - beside:
                wrong[str(file.relative_to(TESTS))] = more
    assert not wrong


def test_no_two_test_files_have_one_name():
    """pytest imports them by their names alone."""
    names = [file.name for file in TESTS.rglob("*.py") if file.name not in ("conftest.py", "__init__.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []
