"""Numba's cache on disk, renewed when any file that a kernel was made from changes."""

import ast
import functools
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache

_FIRST_FUNCTION = re.compile(rb"^(?=@|def |async def |class )", re.MULTILINE)


class KernelCache(FunctionCache):
    """The cache of one kernel.

    Numba's own looks at the file of the function alone. A compiled kernel also holds the code of the kernels that it
    calls and the values of the names that it imports, so this one looks at every file of the package that the file of
    the kernel imports, however indirectly.
    """

    def __init__(self, function: Callable[..., Any]):
        super().__init__(function)
        self._cache_file._source_stamp = source_digest(function.__code__.co_filename, function.__globals__["__name__"])


def source_digest(file: str, module: str) -> str:
    """A digest of a module's source and of what it imports, of its own package and of this one, however indirectly.

    Args:
        file: the path of the module's source.
        module: its name. Imports count down to the first function or class, and those must have been made by now.
    """
    packages = {module.partition(".")[0], __name__.partition(".")[0]}
    sources: dict[str, bytes] = {}
    waiting = [(file, module), (__file__, __name__)]
    while waiting:
        file, module = waiting.pop()
        if file in sources or not os.path.isfile(file):
            continue
        status = os.stat(file)
        sources[file], names = _read(file, module, status.st_mtime_ns, status.st_size)
        for name in names:
            path = getattr(sys.modules.get(name), "__file__", None)
            if path is not None and name.partition(".")[0] in packages:
                waiting.append((path, name))
    return hashlib.sha256(b"".join(sorted(sources.values()))).hexdigest()


@functools.cache  # of its time and size as well, as Numba does it, for a file that changes while the process runs
def _read(file: str, module: str, _mtime: int, _size: int) -> tuple[bytes, tuple[str, ...]]:
    """The digest of a source file under its name, and the modules that it imports."""
    source = Path(file).read_bytes()
    package = module if Path(file).name == "__init__.py" else module.rpartition(".")[0]
    try:  # the head alone: to parse all of it would take ten times as long
        head = ast.parse(_FIRST_FUNCTION.split(source, maxsplit=1)[0])
    except SyntaxError:  # the line that looked like a function stands in a string
        head = ast.parse(source)
    names = tuple(dict.fromkeys(_imports(head, package)))
    return hashlib.sha256(module.encode() + b"\0" + source).digest(), names


def _imports(head: ast.Module, package: str) -> Iterator[str]:
    """The names of the modules that the head of a file imports.

    `from a import b` names a and a.b: b may be a module.
    """
    for statement in ast.walk(head):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            parents = package.split(".")
            parents = parents[: len(parents) - statement.level + 1] if statement.level else []
            base = ".".join([*parents, *filter(None, [statement.module])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in statement.names)
