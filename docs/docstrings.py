"""Our docstrings, which are written like Markdown with Google's sections, as the reStructuredText that Sphinx reads."""

import re
from collections.abc import Iterator, Mapping

SECTION = re.compile(r"(Args|Arguments|Attributes|Raises|Returns|Yields|Example|Examples|Note):$")
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+|[A-Za-z_]\w{2,}")
BEFORE, AFTER = " \n'\"([{<-/:", " \n'\")]}>-/:.,;!?\\"  # what markup may stand between


def to_rst(lines: list[str], links: Mapping[str, str] | None = None) -> list[str]:
    """The lines of a docstring, its indentation taken off. Examples (`>>>`) stay as they are.

    Tables become `list-table`, indented formulas literal blocks, names in backticks references where there is a page.

    Args:
        links: full names of those that are written without their room.
    """
    links = links or {}
    done: list[str] = []
    after = ""  # what the block before was
    for block in _blocks(lines):
        first = block[0].strip()
        if first.startswith(">>>"):
            done += block
        elif is_row(first):
            indent = block[0][: -len(block[0].lstrip())]
            done += ["", *table([line.strip() for line in block], indent, links), ""]
        elif first and block[0][0] == " " and after == "text":
            done += ["::", "", *block]
            continue
        else:
            done += inline("\n".join(block), links).split("\n")
        if first:
            after = "section" if SECTION.match(first) else "list" if first.startswith("- ") else "text"
    return _returns_as_field(done)


def _returns_as_field(lines: list[str]) -> list[str]:
    """`Returns:` as a field: napoleon would take what stands before a colon in its text for a type."""
    done = list(lines)
    for number, line in enumerate(lines[:-1]):
        if line == "Returns:":
            done[number : number + 2] = ["", f":returns: {lines[number + 1].strip()}"]
    return done


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Runs of lines that belong together: examples, rows, lists, other lines; every blank line is one by itself.

    A blank line comes between a list and what follows or precedes it at the margin, as reStructuredText wants it.
    """
    block: list[str] = []
    for line in lines:
        kind = _kind(line)
        inside = _kind(block[0]) if block else ""
        goes_on = inside == kind or inside == "example" or (inside == "list" and line.startswith(" "))
        if block and (not line.strip() or not goes_on):
            yield block
            if line.strip() and "list" in (kind, inside):
                yield [""]
            block = []
        if not line.strip():
            yield [line]
        else:
            block.append(line)
    if block:
        yield block


def _kind(line: str) -> str:
    text = line.strip()
    if text.startswith(">>>"):
        return "example"
    if is_row(text):
        return "row"
    return "list" if line.startswith("- ") else "text"


def is_row(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] == "|"


def table(rows: list[str], indent: str, links: Mapping[str, str]) -> list[str]:
    """A Markdown table, whose second row is a rule, as a `list-table`."""
    cells = [[inline(cell.strip(), links) for cell in row[1:-1].split("|")] for row in (rows[0], *rows[2:])]
    found = [f"{indent}.. list-table::", f"{indent}   :header-rows: 1", ""]
    for row in cells:
        found += [f"{indent}   {'* -' if number == 0 else '  -'} {cell}" for number, cell in enumerate(row)]
    return found


def inline(text: str, links: Mapping[str, str]) -> str:
    """Backticks as references or literals, and whatever else has a meaning in reStructuredText escaped."""
    parts = re.split(r"`([^`]+)`", text)
    found = _escaped(parts[0])
    for code, rest in zip(parts[1::2], parts[2::2], strict=True):
        code = " ".join(code.split())  # a line may end within
        found += "\\ " if found and found[-1] not in BEFORE else ""
        target = f"{code} <{links[code]}>" if code in links else code
        found += f":py:obj:`{target}`" if NAME.fullmatch(code) else f"``{code}``"
        found += ("\\ " if rest and rest[0] not in AFTER else "") + _escaped(rest)
    return found


def _escaped(text: str) -> str:
    return re.sub(r"(?<=\w)_(?=\W|$)", r"\\_", re.sub(r"([*|`\\])", r"\\\1", text))
