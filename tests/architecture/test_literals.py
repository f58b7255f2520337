"""Where the text of a public function or class lists the words that an argument may be, its type lists them too."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "geolearn"
# An entry of "Args:" or "Attributes:" that begins with words in quotes: `mode: "solid" or "surface".`
ENTRY = re.compile(
    r'^\s+(?P<names>\w+(?:, \w+)*): (?P<words>"[\w+-]+"(?:, "[\w+-]+")*,? (?:or|and) "[\w+-]+")', re.MULTILINE
)


def typed_as_text(source: str) -> Iterator[tuple[str, str]]:
    """(function or class, argument) for every argument with such a list that is typed `str`."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        types = {}
        for inner in [node, *(each for each in getattr(node, "body", ()) if getattr(each, "name", "") == "__init__")]:
            if isinstance(inner, ast.FunctionDef):
                arguments = [*inner.args.posonlyargs, *inner.args.args, *inner.args.kwonlyargs]
                types |= {each.arg: ast.unparse(each.annotation) for each in arguments if each.annotation}
            else:
                fields = [each for each in inner.body if isinstance(each, ast.AnnAssign)]
                types |= {ast.unparse(each.target): ast.unparse(each.annotation) for each in fields}
        for entry in ENTRY.finditer(ast.get_docstring(node, clean=False) or ""):
            for name in entry["names"].split(", "):
                if re.fullmatch(r"str( \| None)?", types.get(name, "")):
                    yield node.name, name


def exported() -> set[str]:
    """Names that a room offers."""
    rooms = [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("__init__.py")]
    imports = [node for room in rooms for node in ast.walk(room) if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name for node in imports for alias in node.names}


def test_listed_words_are_types():
    public = exported()
    assert {"voxelize", "ShapeDataset", "VoxNet"} <= public
    found = {
        (str(file.relative_to(PACKAGE.parent)), *each)
        for file in sorted(PACKAGE.rglob("*.py"))
        for each in typed_as_text(file.read_text(encoding="utf-8"))
        if each[0] in public
    }
    assert not found, "give these the type Literal[...]"


def test_a_list_typed_as_text_is_seen():
    source = '''
def fill(mesh, mode: str = "solid", how: Literal["a", "b"] = "a", name: str = ""):
    """Fill.

    Args:
        mode: "solid" or "surface".
        how: "a" or "b".
        name: such as "solid" or "surface".
    """

class Reading:
    """Read.

    Attributes:
        up, front: "x", "y", or "-z".
    """

    up: str | None = None
    front: Front = "x"

class Net:
    """Net.

    Args:
        pooling: "max" or "mean"; see the table.
    """

    def __init__(self, pooling: str):
        pass
'''
    assert list(typed_as_text(source)) == [("fill", "mode"), ("Reading", "up"), ("Net", "pooling")]
