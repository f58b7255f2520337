"""Wavefront OBJ files."""

import numpy as np

from geolearn.errors import InvalidInputError
from geolearn.io.contents import Contents, number_lines


def write_obj(mesh: Contents, library: str = "") -> bytes:
    """The bytes of an OBJ file; nine digits give every float32 back exactly.

    Colours follow the coordinates of their vertex. `library` names the file of the materials.
    """
    looks = mesh.looks
    for name in (*looks.groups, *(material.name for material in looks.materials)):
        if any(character in name for character in "\r\n"):
            raise InvalidInputError(f"attributes: a name with a line break does not fit an OBJ file: {name!r}")
    parts = [f"mtllib {library}\n"] if library else []
    if looks.vertex_colours is None:
        parts.append(number_lines(f"v {mesh.position}\n", mesh.world()))
    else:
        parts.append(number_lines(f"v {mesh.position} %.4f %.4f %.4f\n", mesh.world(), looks.vertex_colours[:, :3]))
    if looks.uv is not None:
        parts.append(number_lines("vt %.9g %.9g\n", looks.uv))
    if looks.normals is not None:
        parts.append(number_lines("vn %.9g %.9g %.9g\n", looks.normals))
    lines = _face_lines(mesh)
    begins, heads = _heads(mesh)
    for head, begin, end in zip(heads, begins, [*begins[1:], len(lines)], strict=True):
        parts += [head, *lines[begin:end]]
    return "".join(parts).encode()


def _face_lines(mesh: Contents) -> list[str]:
    """One `f` line per face."""
    looks = mesh.looks
    uv = None if looks.uv is None else (mesh.faces if looks.uv_index is None else looks.uv_index)
    normals = None if looks.normals is None else (mesh.faces if looks.normal_index is None else looks.normal_index)
    if uv is None and normals is None:
        return number_lines("f %d %d %d\n", mesh.faces + 1).splitlines(keepends=True)
    none = np.full_like(mesh.faces, -1)
    columns = np.stack([mesh.faces, none if uv is None else uv, none if normals is None else normals], axis=2) + 1
    forms = {(False, False): "{}", (True, False): "{}/{}", (False, True): "{}//{}", (True, True): "{}/{}/{}"}
    lines = []
    for face in columns.tolist():
        corners = [forms[t > 0, n > 0].format(*filter(None, (v, t, n))) for v, t, n in face]
        lines.append(f"f {' '.join(corners)}\n")
    return lines


def _heads(mesh: Contents) -> tuple[list[int], list[str]]:
    """Where runs of faces of one group and material begin, and the lines before them."""
    looks = mesh.looks
    none = np.full(len(mesh.faces), -1)
    group = none if looks.group_index is None else looks.group_index
    material = none if looks.material_index is None else looks.material_index
    changes = (group[1:] != group[:-1]) | (material[1:] != material[:-1])
    begins = [0, *(np.flatnonzero(changes) + 1).tolist()]
    heads, last = [], (-1, -1)
    for begin in begins:
        now = int(group[begin]), int(material[begin])
        head = f"g {looks.groups[now[0]] if now[0] >= 0 else ''}\n" if now[0] != last[0] else ""
        if now[1] != last[1]:
            head += f"usemtl {looks.materials[now[1]].name if now[1] >= 0 else ''}\n"
        heads.append(head)
        last = now
    return begins, heads
