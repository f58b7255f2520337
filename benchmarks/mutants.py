"""Which small mistakes in the code the tests let through.

    python benchmarks/mutants.py [--count 300] [--seed 0] [--rooms kernels,ops,render,data,fitting] [--jobs 1] [--write]

A mutant is the package with one change: a comparison made strict or not, or turned; plus for minus; times for divided
by; and for or; a number one larger; a condition that never holds; True for False. They are drawn from a seed, spread
over the files by the number of places, and each is tried in a copy of the checkout by the tests that a reader would
look into: those of the file's name, else those that import it, else those of its room. One that no test notices
survives. All these tests run once without any change first, and have to pass: what fails anyway notices nothing.

Some change nothing: they are listed with the reason in `benchmarks/equivalent_mutants.toml`, by file, text before and
after, and are not counted. An interrupted run goes on where it stopped (`out/mutants/SEED.jsonl`). It takes hours.
"""

import argparse
import ast
import concurrent.futures
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
ROOMS = "kernels,ops,render,data,fitting,training"
COPIED = (
    "geolearn",
    "tests",
    "benchmarks/results",
    "datasets",
    "examples",
    "pyproject.toml",
    "setup.py",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
)
SECONDS = 900  # a mutant that runs for longer is noticed: somebody waits for it
COMPARISONS = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="}
OPERATORS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "//"}


@dataclass(frozen=True)
class Mutant:
    """One change: in line `line` of `file`, `before` became `after`; `begin`, `end` are bytes of the file."""

    file: str
    line: int
    before: str
    after: str
    begin: int
    end: int


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Every change to one file, in the order of the text. Annotations, docstrings and decorators are left alone."""
    text = path.read_bytes()
    starts = [0]
    for row in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(row))
    tree = ast.parse(text)
    left_out: set[int] = set()
    for node in ast.walk(tree):
        parts = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        parts += getattr(node, "decorator_list", [])
        for part in filter(None, parts):
            left_out |= {id(inner) for inner in ast.walk(part)}

    def change(first: ast.expr, last: ast.expr, after: str) -> Mutant:
        begin = starts[first.lineno - 1] + first.col_offset
        end = starts[(last.end_lineno or 1) - 1] + (last.end_col_offset or 0)
        name = path.relative_to(REPO).as_posix()
        return Mutant(name, first.lineno, text[begin:end].decode(), after, begin, end)

    def source(node: ast.expr) -> str:
        return ast.get_source_segment(text.decode(), node) or ""

    found = []
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
            sign, right = COMPARISONS[type(node.ops[0])], node.comparators[0]
            found.append(change(node, node, f"{source(node.left)} {sign} {source(right)}"))
        elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS and not isinstance(node.left, ast.Constant):
            sign = OPERATORS[type(node.op)]
            found.append(change(node, node, f"({source(node.left)}) {sign} ({source(node.right)})"))
        elif isinstance(node, ast.BoolOp) and len(node.values) == 2:
            sign = "or" if isinstance(node.op, ast.And) else "and"
            found.append(change(node, node, f"(({source(node.values[0])}) {sign} ({source(node.values[1])}))"))
        elif isinstance(node, ast.Constant) and type(node.value) is bool:
            found.append(change(node, node, str(not node.value)))
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            found.append(change(node, node, repr(node.value + 1)))  # type: ignore[operator]
        elif isinstance(node, ast.If):
            found.append(change(node.test, node.test, "False"))
    yield from sorted(found, key=lambda mutant: (mutant.begin, mutant.end))


def draw(rooms: list[str], count: int, seed: int) -> list[Mutant]:
    """`count` different mutants, every place as likely as any other."""
    places = [
        mutant
        for room in rooms
        for path in sorted((REPO / "geolearn" / room).rglob("*.py"))
        for mutant in mutants_of(path)
        if not is_message(path, mutant)
    ]
    return random.Random(seed).sample(places, min(count, len(places)))


def is_message(path: Path, mutant: Mutant) -> bool:
    """Is the place inside an f-string, and so words for people?"""
    row = path.read_bytes()[: mutant.begin].rsplit(b"\n", 1)[-1].strip()
    return row.startswith((b'f"', b'"'))


def tests_for(file: str) -> list[str]:
    """The tests of the file's name, else those of its room that import it, else all of the room."""
    parts = list(Path(file).relative_to("geolearn").with_suffix("").parts)
    room = REPO / "tests" / parts[0]
    named = sorted((REPO / "tests").rglob(f"test_{parts[-1].lstrip('_')}.py"))
    texts = {path: path.read_text(encoding="utf-8") for path in sorted((REPO / "tests").rglob("test_*.py"))}
    package, name = ".".join(("geolearn", *parts[:-1])), parts[-1]
    importing = [path for path, text in texts.items() if f"{package}.{name} import" in text]
    callers = []
    if parts[0] == "kernels":  # kernels are tested by the operations that call them
        for caller in sorted((REPO / "geolearn").rglob("*.py")):
            if f"{package}.{name} import" in caller.read_text(encoding="utf-8") and caller.parent.name != "kernels":
                callers += sorted((REPO / "tests").rglob(f"test_{caller.stem}.py"))
    beside = [path for path, text in texts.items() if len(parts) > 2 and re.search(rf"\b{parts[-2]}\b", text)]
    beside = [path for path in beside if parts[0] in path.parts]
    chosen = [*named, *importing, *callers] or beside or sorted(room.glob("test_*.py"))
    chosen = dict.fromkeys(chosen)
    return [path.relative_to(REPO).as_posix() for path in chosen]


class Copies:
    """Copies of the checkout, one for each job."""

    def __init__(self, folder: Path):
        self.folder, self._own, self._lock, self._count = folder, threading.local(), threading.Lock(), 0

    def mine(self) -> Path:
        if not hasattr(self._own, "path"):
            with self._lock:
                self._own.path = self.folder / str(self._count)
                self._count += 1
            for name in COPIED:
                source, target = REPO / name, self._own.path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if source.is_dir():
                    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
                elif source.is_file():
                    shutil.copy(source, target)
        return self._own.path


def run_tests(copy: Path, tests: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    options = {
        **os.environ,
        "PYTHONPATH": str(copy),
        "CI": "1",
        "GEOLEARN_TEST_DATA": str(REPO.parent / "shared" / "data"),
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=copy, env=options, capture_output=True, text=True, timeout=seconds, check=False)


def is_noticed(mutant: Mutant, copies: Copies) -> bool:
    """Do the tests fail?"""
    copy = copies.mine()
    path = copy / mutant.file
    whole = path.read_bytes()
    path.write_bytes(whole[: mutant.begin] + mutant.after.encode() + whole[mutant.end :])
    try:
        return run_tests(copy, tests_for(mutant.file), SECONDS).returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_bytes(whole)


def check_tests(mutants: list[Mutant], copies: Copies) -> None:
    """All tests that are to notice something pass as long as nothing is changed."""
    tests = sorted({test for mutant in mutants for test in tests_for(mutant.file)})
    done = run_tests(copies.mine(), tests, 4 * SECONDS)
    if done.returncode != 0:
        sys.exit(f"the tests fail before anything is changed:\n{done.stdout[-4000:]}")


def equivalent() -> dict[tuple[str, str, str], str]:
    """Reasons of mutants that change nothing, by file, text before and after."""
    path = REPO / "benchmarks" / "equivalent_mutants.toml"
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", []) if path.is_file() else []
    return {(entry["file"], entry["before"], entry["after"]): entry["reason"] for entry in entries}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rooms", default=ROOMS)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/mutants.md")
    arguments = parser.parse_args()
    chosen = draw(arguments.rooms.split(","), arguments.count, arguments.seed)
    log = REPO / "out" / "mutants" / f"{arguments.seed}.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    known: dict[Mutant, bool] = {}
    if log.is_file():
        for line in log.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            noticed = entry.pop("noticed")
            known[Mutant(**entry)] = noticed
    lock = threading.Lock()

    def try_one(mutant: Mutant) -> None:
        noticed = is_noticed(mutant, copies)
        with lock:
            known[mutant] = noticed
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**asdict(mutant), "noticed": noticed}) + "\n")
            sys.stderr.write(f"{len(known)}: {'noticed' if noticed else 'SURVIVES'} {mutant.file}:{mutant.line}\n")

    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        copies = Copies(Path(folder))
        left = [mutant for mutant in chosen if mutant not in known]
        pool.submit(check_tests, left, copies).result()
        list(pool.map(try_one, left))
    text = report(chosen, known)
    print(text)
    if arguments.write:
        (REPO / "benchmarks" / "results" / "mutants.md").write_text(text, encoding="utf-8")


def report(chosen: list[Mutant], known: dict[Mutant, bool]) -> str:
    reasons = equivalent()
    surviving = [mutant for mutant in chosen if not known[mutant]]
    same = [mutant for mutant in surviving if (mutant.file, mutant.before, mutant.after) in reasons]
    rest = [mutant for mutant in surviving if mutant not in same]
    counted = len(chosen) - len(same)
    share = 100 * (counted - len(rest)) / max(counted, 1)
    lines = [
        "# Mutants", "", f"{len(chosen)} mutants, {len(same)} of which change nothing; {share:.1f} % of the others are "
        "noticed by the tests of their file.", "", "## Survivors", "", "| file | line | before | after |",
        "| --- | --- | --- | --- |",
    ]  # fmt: skip
    for mutant in sorted(rest, key=lambda mutant: (mutant.file, mutant.line)):
        texts = (" ".join(text.split()).replace("|", "\\|") for text in (mutant.before, mutant.after))
        lines.append("| " + " | ".join([mutant.file, str(mutant.line), *(f"`{text}`" for text in texts)]) + " |")
    lines += ["", "## Mutants that change nothing", ""]
    lines += [
        f"- {mutant.file}:{mutant.line} `{mutant.before}` -> `{mutant.after}`: "
        f"{reasons[mutant.file, mutant.before, mutant.after]}"
        for mutant in same
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
