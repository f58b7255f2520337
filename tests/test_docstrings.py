"""Examples in docstrings run and print what they say, and every public name has one."""

import ast
import doctest
import importlib
import inspect
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import geolearn
from geolearn.errors import MissingDependencyError

PACKAGE = Path(geolearn.__file__).parent
ROOMS = ("structures", "io", "ops", "nn", "losses", "render", "models", "data", "fitting", "training")
ALL_NAMED = (*ROOMS, "data.procedural")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules_with_examples() -> list[str]:
    files = [*PACKAGE.glob("*.py"), *(file for room in ROOMS for file in (PACKAGE / room).rglob("*.py"))]
    return sorted(
        ".".join(("geolearn", *file.relative_to(PACKAGE).with_suffix("").parts))
        for file in files
        if ">>>" in file.read_text(encoding="utf-8")
    )


def examples(source: str, name: str, names: dict[str, object]) -> Iterator[doctest.DocTest]:
    """Of the text of a module: its functions may be wrapped by a checker of shapes, and then doctest overlooks them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            text = ast.get_docstring(node, clean=False)
            if text and ">>>" in text:
                title = f"{name}.{getattr(node, 'name', '')}"
                yield doctest.DocTestParser().get_doctest(text, dict(names), title, name, node.body[0].lineno - 1)


def run(source: str, name: str, names: dict[str, object]) -> list[str]:
    """Run all examples; the packages that some of them lack."""
    lacking = []
    for example in examples(source, name, names):
        try:
            doctest.DebugRunner(optionflags=FLAGS).run(example)
        except doctest.DocTestFailure as failure:
            place = f"{name}, line {example.lineno + failure.example.lineno + 1}"
            pytest.fail(f"{place}: {failure.example.source}expected {failure.example.want}got {failure.got}")
        except doctest.UnexpectedException as error:
            if not isinstance(error.exc_info[1], MissingDependencyError):
                raise error.exc_info[1] from None
            lacking.append(f"{example.name}: {error.exc_info[1]}")
    return lacking


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_do_what_they_say(name):
    module = importlib.import_module(name)
    lacking = run(inspect.getsource(module), name, vars(module))
    if lacking:
        pytest.skip("; ".join(lacking))


@pytest.mark.parametrize("room", ALL_NAMED)
def test_every_public_name_has_an_example(room):
    """A class or function in its own text, a table in that of its class. Errors, modules, dicts, tuples need none."""
    module = importlib.import_module(f"geolearn.{room}")
    without = []
    for name in module.__all__:
        thing = getattr(module, name)
        if type(thing) in (dict, tuple, types.ModuleType) or (isinstance(thing, type) and issubclass(thing, Exception)):
            continue
        owner = thing if isinstance(thing, type) or inspect.isroutine(thing) else type(thing)
        if ">>>" not in (owner.__doc__ or ""):
            without.append(name)
    assert not without, f"geolearn.{room}: give these an example that runs (>>>): {', '.join(without)}"


def test_a_wrong_example_is_seen():
    source = 'def double(x):\n    """Twice.\n\n    >>> double(2)\n    5\n    """\n    return 2 * x\n'
    names: dict[str, object] = {}
    exec(source, names)
    with pytest.raises(pytest.fail.Exception, match=r"(?s)room, line 4: double\(2\)\nexpected 5\ngot 4"):
        run(source, "room", names)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        run(source.replace("double(2)", "1 / 0"), "room", names)
    assert run(source.replace("5", "4"), "room", names) == []
