"""The table of families: a name, its parts in label order, and the function that builds one shape."""

from collections.abc import Callable
from dataclasses import dataclass

from geolearn.data.procedural.assembly import Assembly, Draw
from geolearn.registry import Registry

Build = Callable[[Draw, Assembly], None]


@dataclass(frozen=True)
class Family:
    """Shapes of one kind, in its own frame: Z up, front towards -Y, around the z axis."""

    name: str
    part_names: tuple[str, ...]
    build: Build


FAMILIES: Registry[Family] = Registry("procedural family")


def family(name: str, *part_names: str) -> Callable[[Build], Build]:
    """Decorator: register a build function under `name`; a part's label is its place in `part_names`."""

    def register(build: Build) -> Build:
        FAMILIES.register(name)(Family(name, part_names, build))
        return build

    return register
