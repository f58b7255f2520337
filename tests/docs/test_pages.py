"""The README and the pages: commands parse, code runs, links lead somewhere."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import trimesh

from geolearn.cli.main import main
from geolearn.render.accelerate import _active as active_accelerations

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "made" not in path.parts),
    *sorted((ROOT / "datasets").glob("*/README.md")),
]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")


def blocks(page: Path, language: str) -> Iterator[str]:
    yield from re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> Iterator[list[str]]:
    """Those of blocks, of indented lines, and in a text those with arguments: no `...`, no NAME to fill in."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in blocks(page, "bash") for line in block.splitlines()]
    lines += re.findall(r"^    (geolearn .*)$", text, re.MULTILINE)
    lines += [found.replace("\n", " ") for found in re.findall(r"`(geolearn \w+\s[^`]+)`", text)]
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[:1] == ["geolearn"] and not any(word == "..." or re.fullmatch("[A-Z_]+", word) for word in words):
            yield words[1:]


def scripts(page: Path) -> Iterator[str]:
    yield from re.findall(r"python ((?:examples|benchmarks|tests)/\S+\.py)", page.read_text(encoding="utf-8"))


ALL_COMMANDS = sorted({tuple(words) for page in PAGES for words in commands(page)})
SNIPPETS = [(page.relative_to(ROOT).as_posix(), code) for page in PAGES for code in blocks(page, "python")]


class Parsed:
    def run(self) -> int:
        return 0


def parses(words: tuple[str, ...], monkeypatch) -> int:
    """The exit status of the command line, with nothing done."""
    import tyro

    parse = tyro.cli

    def parse_only(*args, **options):
        parse(*args, **options)
        return Parsed()

    monkeypatch.setattr(tyro, "cli", parse_only)
    try:
        return main(list(words))
    except SystemExit as stopped:
        return int(stopped.code or 0)


@pytest.mark.parametrize("words", ALL_COMMANDS, ids=" ".join)
def test_every_command_parses(words, monkeypatch):
    assert parses(words, monkeypatch) == 0


def test_a_command_that_is_wrong_is_seen(monkeypatch, capsys):
    assert parses(("train", "voxnet", "--no-such-option", "-o", "x"), monkeypatch) == 2
    capsys.readouterr()


def test_commands_are_found():
    assert len(ALL_COMMANDS) > 30
    assert ("fit", "scene/transforms.json", "-o", "out/") in ALL_COMMANDS


@pytest.mark.parametrize(("page", "code"), SNIPPETS, ids=[f"{page}-{n}" for n, (page, _) in enumerate(SNIPPETS)])
def test_code_runs(page, code, tmp_path, monkeypatch):
    """In a folder with a chair in it; what the page leaves out cannot be missing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GEOLEARN_HOME", str(tmp_path))
    trimesh.creation.box().export("chair.off")
    try:
        exec(compile(code, page, "exec"), {"__name__": "page"})
    finally:
        for acceleration in list(active_accelerations):
            acceleration.undo()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_scripts_are_there(page):
    text = page.read_text(encoding="utf-8")
    missing = [script for script in scripts(page) if not (ROOT / script).is_file()]
    for target in (first or second for first, second in LINK.findall(text)):
        path = target.partition("#")[0]
        if path and "://" not in path and "made/" not in path:  # what the build writes, the build checks
            start = ROOT if path.startswith("/") else page.parent
            if not (start / path.lstrip("/")).exists():
                missing.append(target)
    assert not missing


def test_the_build_knows_every_page():
    """A page that no list names would be an orphan; the build refuses it, and this says so sooner."""
    listed = "\n".join(page.read_text(encoding="utf-8") for page in PAGES if "docs" in page.parts)
    for page in PAGES:
        if "docs" in page.parts and page.name != "index.md":
            assert re.search(rf"^(\S*/)?{page.stem}$", listed, re.MULTILINE), page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_imports_of_indented_code_work(page):
    """Code that needs data which are not there is indented; its names at least exist."""
    for line in re.findall(r"^    (from geolearn\S* import .*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        exec(line, {})
