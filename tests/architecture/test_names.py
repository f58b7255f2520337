"""No module uses a name that it does not have: ruff cannot tell, since the shapes of jaxtyping look like names."""

import builtins
import symtable
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent.parent / "geolearn"
ALWAYS_THERE = {*dir(builtins), "__file__", "__name__", "__doc__", "__path__"}


def undefined_names(source: str) -> set[str]:
    """The names that some scope reads from its module, and that neither the module nor Python defines."""
    module = symtable.symtable(source, "source", "exec")
    given = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    scopes, missing = [module], set()
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        for symbol in scope.get_symbols():
            if symbol.is_declared_global() and symbol.is_assigned():
                given.add(symbol.get_name())
            if symbol.is_referenced() and (symbol.is_global() or scope is module):
                missing.add(symbol.get_name())
    return missing - given - ALWAYS_THERE


def test_every_name_that_is_used_is_defined():
    found = {
        str(file.relative_to(PACKAGE)): names
        for file in sorted(PACKAGE.rglob("*.py"))
        if (names := undefined_names(file.read_text(encoding="utf-8")))
    }
    assert not found


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("import os\ndef path(): return os.sep + len('a')", set()),
        ("def path(): return os.sep", {"os"}),
        ("print(count)", {"count"}),
        ("class Shape:\n    size = side * 2", {"side"}),
        ("def set_it():\n    global later\n    later = 1\ndef get(): return later", set()),
        ("def outer():\n    inside = 1\n    return lambda: inside + outside", {"outside"}),
    ],
)
def test_the_search_tells_given_from_missing(source, missing):
    assert undefined_names(source) == missing
