"""geolearn: learning on 3D geometry.

Sub-packages load on first use, so `import geolearn` costs nothing: `geolearn.structures`, `geolearn.io`,
`geolearn.ops`, `geolearn.data`, `geolearn.nn`, `geolearn.models`, `geolearn.render`, `geolearn.fitting`.

It lets waiting threads sleep soon, where torch is not loaded yet (`geolearn.waiting`).
"""

import importlib

from geolearn.waiting import bound_spinning

__version__ = "0.1.0"

bound_spinning()

_ROOMS = ("structures", "ops", "io", "nn", "losses", "render", "models", "data", "fitting", "training", "errors")


def __getattr__(name: str):
    if name in _ROOMS:
        return importlib.import_module(f"geolearn.{name}")
    raise AttributeError(f"module 'geolearn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])
