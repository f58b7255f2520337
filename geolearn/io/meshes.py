"""Mesh files in and out: `load_mesh` and `save_mesh`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from geolearn.errors import InvalidInputError, MeshFormatError, printable
from geolearn.io.contents import Contents, contents_of
from geolearn.io.files import read_regular, write_whole
from geolearn.io.formats import looks_like, not_this_format
from geolearn.io.gltf import read_glb, read_gltf
from geolearn.io.gltf_writer import write_glb, write_gltf
from geolearn.io.materials import write_materials
from geolearn.io.obj import read_obj
from geolearn.io.obj_writer import write_obj
from geolearn.io.off import read_off, write_off
from geolearn.io.ply import read_ply
from geolearn.io.ply_writer import write_ascii_ply, write_ply
from geolearn.io.stl import read_stl, write_ascii_stl, write_stl
from geolearn.io.surface import Surface, to_mesh
from geolearn.io.words import to_utf8
from geolearn.structures import Mesh
from geolearn.structures.attributes import MeshAttributes
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Float, PathLike, Tensor

_READERS: dict[str, Callable[[bytes, str, Path, bool], Surface]] = {
    "off": lambda data, source, folder, looks: read_off(data, source),
    "obj": lambda data, source, folder, looks: read_obj(data, source, folder if looks else None),
    "ply": lambda data, source, folder, looks: read_ply(data, source, looks),
    "stl": lambda data, source, folder, looks: read_stl(data, source, looks),
    "glb": read_glb,
    "gltf": read_gltf,
}
_WRITERS: dict[str, Callable[[Contents], bytes]] = {
    "off": write_off,
    "obj": write_obj,
    "ply": write_ply,
    "stl": write_stl,
    "glb": write_glb,
    "gltf": write_gltf,
}
_ASCII_WRITERS = {**_WRITERS, "ply": write_ascii_ply, "stl": write_ascii_stl}
MeshFormat = Literal["off", "obj", "ply", "stl", "glb", "gltf"]
MESH_FORMATS = tuple(_WRITERS)
_COLOURED = ("ply", "obj", "off", "glb", "gltf")


def load_mesh(path: PathLike, *, file_format: MeshFormat | None = None, attributes: bool = True) -> Mesh:
    """Read a triangle mesh: OFF, OBJ, PLY (ascii, binary), STL (ascii, binary), GLB, glTF.

    Polygons become triangles, concave ones and those with holes included; all objects of a file become one mesh, the
    scene graph, skins and morph weights of glTF applied. Vertices keep their order and are not merged, except in STL,
    where identical corners become one vertex. Duplicate vertices, degenerate triangles and unused vertices are kept.

    Coordinates stay as they are in the file, whatever its up axis. Only where they lie so far from 0 that float32 would
    move a vertex by more than 1/131072 of the longest side, they count from an origin near the shape, `Mesh.origin`;
    `Mesh.world_verts()` and `save_mesh` give those of the file back.

    What is harmless is left out, and the log (`logging`, "geolearn.io") says so: faces of fewer than three corners,
    vertices that are NaN and of no face, bytes behind the end, pictures and materials that are not there.

    Args:
        path: the file; its extension says the format.
        file_format: "off", "obj", "ply", "stl", "glb" or "gltf", to overrule the extension.
        attributes: read colours, normals, texture coordinates, materials and groups too, where the file has them. The
            files that an OBJ file names are opened only for that, and only inside its folder.

    Returns:
        A mesh named after the file, with `face_labels` where a PLY file has the whole number property `label`.

    Raises:
        FileNotFoundError: there is no such file.
        MeshFormatError: damaged, empty, without faces, or another format; the message names file, place and remedy.

    >>> import tempfile
    >>> corner = Mesh(torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_mesh(corner, f"{folder}/corner.off")
    ...     load_mesh(f"{folder}/corner.off")
    Mesh('corner', 3 verts, 1 faces)
    """
    path = Path(path)
    data = read_regular(path)
    source = printable(path)
    known = _known_format(path, file_format, data)
    if known != "stl":  # a binary STL file may begin with anything
        data = to_utf8(data)
    surface = _READERS[known](data, source, path.absolute().parent, attributes)
    return to_mesh(surface if attributes else surface._replace(looks=None), source, path.stem)


def _known_format(path: Path, file_format: str | None, data: bytes) -> str:
    if file_format is not None:
        if file_format not in MESH_FORMATS:
            raise InvalidInputError(f"file_format: expected one of {', '.join(MESH_FORMATS)}, got {file_format!r}")
        return file_format
    extension = path.suffix.lower().lstrip(".")
    if extension in MESH_FORMATS:
        return extension
    if not data:
        raise not_this_format(printable(path), "a mesh", data)
    likely = looks_like(to_utf8(data))
    what = f"the content looks like {likely}. Rename the file to the extension of its content"
    if "points" in likely:
        what = "its points without faces are no mesh. Make a surface of them first"
    known = ", ".join(MESH_FORMATS)
    raise MeshFormatError(
        f"{printable(path)}: no mesh format has the extension {path.suffix!r} (known: {known}); {what}."
    )


@takes_mesh
def save_mesh(
    mesh: Mesh, path: PathLike, *, ascii: bool = False, vertex_colours: Float[Tensor, "V C"] | None = None
) -> None:
    """Write a mesh in the format of the extension: .off .obj .ply .stl .glb .gltf.

    The file appears whole or not at all, the same mesh always gives the same bytes, and reading it back gives the same
    float32 positions, faces and order; STL alone stores loose triangles, so its vertices come back merged and
    reordered. A mesh with an `origin` is written where it lies in its world.

    What each format keeps of `face_labels` and `attributes`:

    =========================  ===  =======  =======  ========  ==========
    .                          OFF  OBJ      PLY      GLB/glTF  STL
    =========================  ===  =======  =======  ========  ==========
    colours of vertices        yes  yes      8 bits   yes
    colours of faces           yes           8 bits
    normals, texture           yes  yes      yes      yes
    ... by corner                   yes               yes
    materials                       yes               yes
    groups                          yes      yes      yes       ascii only
    face_labels                              yes
    =========================  ===  =======  =======  ========  ==========

    Materials of OBJ stand in a file beside it, NAME.mtl, with their pictures. OBJ colours have no opacity. glTF has one
    vertex for every normal and texture coordinate that a vertex has, and its faces stand in the order of groups and
    materials.

    Args:
        mesh: at least one face.
        path: where to; the folder must exist, a file that is there is replaced.
        ascii: write PLY or STL as text instead of binary.
        vertex_colours: red, green, blue and perhaps opacity in [0, 1] as in pictures (sRGB), in place of those of
            `mesh.attributes`.

    Raises:
        InvalidInputError: an unknown extension, a mesh without faces, colours that are not one per vertex in [0, 1]
            or that the format has no place for, or a mesh with an origin as binary STL.
        FileNotFoundError: the folder does not exist.

    >>> import tempfile
    >>> corner = Mesh(torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_mesh(corner, f"{folder}/corner.off")
    ...     Path(folder, "corner.off").read_text().split()[:4]
    ['OFF', '3', '1', '0']
    """
    path = Path(path)
    extension = path.suffix.lower().lstrip(".")
    if extension not in MESH_FORMATS:
        known = ", ".join(f".{name}" for name in MESH_FORMATS)
        raise InvalidInputError(f"path: expected an extension of {known}, got {path.name!r}")
    if len(mesh.faces) == 0:
        raise InvalidInputError(f"mesh: expected at least one face to save, got {mesh!r}")
    if vertex_colours is not None:
        mesh = _coloured(mesh, vertex_colours, extension)
    contents = contents_of(mesh)
    if extension == "obj" and contents.looks.materials:
        write_whole(path, write_obj(contents, write_materials(contents.looks.materials, path)))
    else:
        write_whole(path, (_ASCII_WRITERS if ascii else _WRITERS)[extension](contents))


def _coloured(mesh: Mesh, colours: Tensor, extension: str) -> Mesh:
    if extension not in _COLOURED:
        raise InvalidInputError(f"vertex_colours: .{extension} has no place for them; save as {', '.join(_COLOURED)}")
    values = colours.detach()
    widths = (3, 4)
    if values.ndim != 2 or len(values) != len(mesh.verts) or values.shape[1] not in widths or not _in_unit(values):
        raise InvalidInputError(
            f"vertex_colours: expected ({len(mesh.verts)}, 3) values in [0, 1], got {tuple(values.shape)}"
            + (f" from {float(values.min()):.4g} to {float(values.max()):.4g}" if values.numel() else "")
        )
    # As 8 bits, which all formats hold.
    rounded = (values.float() * 255).round() / 255
    attributes = mesh.attributes or MeshAttributes()
    return replace(mesh, attributes=replace(attributes, vertex_colours=rounded))


def _in_unit(values: Tensor) -> bool:
    return bool(torch.logical_and(values >= 0, values <= 1).all())
