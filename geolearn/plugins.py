"""Models, methods and datasets of other packages, which name themselves by entry points.

In the pyproject.toml of such a package:

    [project.entry-points."geolearn.models"]
    tiny = "my_package.tiny"                    # a module; importing it registers models

    [project.entry-points."geolearn.methods"]
    volumes = "my_package.volumes"              # a module; importing it registers methods and recipes

    [project.entry-points."geolearn.datasets"]
    mine = "my_package.datasets"                # a package; its folders <name>/ hold a manifest.toml each

Modules that are no package are registered by `--use my_module` on the command line.
"""

import functools
import importlib.util
import logging
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

logger = logging.getLogger(__name__)

CODE, DATASETS = ("geolearn.models", "geolearn.methods"), "geolearn.datasets"


def are_there_plugins() -> bool:
    """Whether another package brings models, methods or recipes along; nothing is imported to tell."""
    return any(entry_points(group=group) for group in CODE)


@functools.cache
def load_plugins() -> None:
    """Import the modules with models and methods, once; what cannot be imported is said in the log and left out."""
    for entry in _entries(*CODE):
        try:
            entry.load()
        except Exception as error:  # other people's code: whatever it raises, the rest has to work
            logger.warning("%s: cannot be imported (%s: %s)", _shown(entry), type(error).__name__, error)


def plugin_folders() -> list[Path]:
    """The folders of manifests that other packages bring along."""
    folders = []
    for entry in _entries(DATASETS):
        try:
            found = importlib.util.find_spec(entry.module)
        except ImportError as error:
            logger.warning("%s: there is no such package (%s)", _shown(entry), error)
            continue
        places = found.submodule_search_locations if found else None
        if not places:
            logger.warning("%s: expected a package with folders of manifests in it", _shown(entry))
            continue
        folders += [Path(place) for place in places]
    return folders


def _entries(*groups: str) -> list[EntryPoint]:
    return [entry for group in groups for entry in sorted(entry_points(group=group), key=lambda entry: entry.name)]


def _shown(entry: EntryPoint) -> str:
    owner = entry.dist.name if entry.dist else "somebody"
    return f"entry point {entry.name} = {entry.value!r} of {entry.group}, by the package {owner}"
