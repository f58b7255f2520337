"""Import an optional package, or say which extra brings it."""

import importlib
from types import ModuleType

from geolearn.errors import MissingDependencyError

DISTRIBUTION = "geolearn3d"  # the name on the package index, as in setup.py


def require(module: str, *, extra: str) -> ModuleType:
    """Import `module`; where that fails raise `MissingDependencyError` naming `pip install 'geolearn3d[extra]'`.

    OSError counts as missing: a wheel whose shared libraries do not load (a wrong torch, a missing system
    library) raises it instead of ImportError.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"this needs the package {module!r}, which could not be imported ({type(error).__name__}: {error}). "
            f"Install it with: pip install '{DISTRIBUTION}[{extra}]'"
        ) from error
