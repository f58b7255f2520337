"""`--use my_module`: modules that register models, methods and recipes of one's own."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from geolearn.errors import InvalidInputError


def import_modules(names: Sequence[str]) -> None:
    """Import modules by name, or by the path of a .py file; the working folder is looked into first.

    Raises:
        InvalidInputError: no such module, or one that cannot be imported.
    """
    if names and "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    for name in names:
        path = Path(name)
        if path.suffix == ".py":
            if not path.is_file():
                raise InvalidInputError(f"--use: there is no file {name}")
            sys.path.insert(0, str(path.resolve().parent))
            name = path.stem
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise InvalidInputError(f"--use: {name} cannot be imported: {error}") from error
