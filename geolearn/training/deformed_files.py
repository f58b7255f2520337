"""A deformed mesh as a file: in the format it came in, all but its vertices as it was."""

import re
from dataclasses import replace
from pathlib import Path

import torch

from geolearn.io import save_mesh, save_moved
from geolearn.io.files import write_whole
from geolearn.io.upright import save_upright
from geolearn.structures import Mesh
from geolearn.typing import Float, Tensor

IN_PLACE = (".obj", ".off", ".ply")
_LIBRARIES = re.compile(rb"(?m)^[ \t]*mtllib[ \t]+(.+?)[ \t\r]*$")
_MAPS = re.compile(rb"(?mi)^[ \t]*(?:map_\w+|bump|disp|decal|refl|norm)[ \t]+(?:.*[ \t])?(\S+?)[ \t\r]*$")


def turn_back(loaded: Mesh, upright: Mesh, deformed: Mesh, turn: Float[Tensor, "3 3"]) -> Float[Tensor, "V 3"]:
    """Vertices of the file after a deformation of the mesh turned upright; one that did not move keeps its bits.

    Args:
        turn: took the mesh of the file to the upright one.
    """
    motion = ((deformed.verts - upright.verts).double() @ turn.double()).to(loaded.verts)
    return torch.where((motion != 0).any(1)[:, None], loaded.verts + motion, loaded.verts)


def write_deformed(
    source: Path, output: Path, loaded: Mesh, verts: Float[Tensor, "V 3"], up: Float[Tensor, " 3"] | None = None
) -> list[str]:
    """Write the deformed mesh; returns what somebody has to know about the file.

    Args:
        up: the direction that points up in the source, by default Z; in another format it stands upright as well.

    Raises:
        MeshFormatError: a file whose vertices cannot be replaced in place.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix.lower() in IN_PLACE and output.suffix.lower() == source.suffix.lower():
        save_moved(source, output, verts)
        return _copy_materials(source, output) if source.suffix.lower() == ".obj" else []
    deformed = replace(loaded, verts=verts, attributes=None)
    if output.suffix.lower() == source.suffix.lower():
        save_mesh(deformed, output)
    else:
        save_upright(deformed, output, up=up)
    if source.suffix.lower() in (".stl", ".off"):
        return []
    return [
        f"{output.name} holds triangles alone; texture coordinates and materials stay only from OBJ to OBJ and from "
        "PLY to PLY"
    ]


def _copy_materials(source: Path, output: Path) -> list[str]:
    """Material files that an OBJ names, and their pictures, beside its copy; those that are there already stay."""
    if source.parent.resolve() == output.parent.resolve():
        return []
    missing = []
    for line in _LIBRARIES.findall(source.read_bytes()):
        library = _inside(source.parent, line)
        if library is None or not (source.parent / library).is_file():
            missing.append(line.decode("utf-8", "replace"))
            continue
        _copy(source.parent / library, output.parent / library)
        for name in _MAPS.findall((source.parent / library).read_bytes()):
            picture = _inside(source.parent, name)
            if picture is not None and (source.parent / picture).is_file():
                _copy(source.parent / picture, output.parent / picture)
            else:
                missing.append(name.decode("utf-8", "replace"))
    return [f"not found beside {source.name}, so not copied: {', '.join(sorted(set(missing)))}"] if missing else []


def _inside(folder: Path, name: bytes) -> Path | None:
    """A relative path that stays in the folder, else None."""
    path = Path(name.decode("utf-8", "replace").replace("\\", "/"))
    inside = (folder / path).resolve().is_relative_to(folder.resolve())
    return path if inside and not path.is_absolute() else None


def _copy(source: Path, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, source.read_bytes())
