"""Mesh files in and out: `load_mesh` and `save_mesh`."""

from collections.abc import Callable
from pathlib import Path

import torch

from geolearn.errors import InvalidInputError, MeshFormatError
from geolearn.io.damage import damaged
from geolearn.io.files import read_regular, write_whole
from geolearn.io.formats import looks_like, not_this_format
from geolearn.io.gltf import read_glb, read_gltf, write_glb, write_gltf
from geolearn.io.obj import read_obj, write_obj
from geolearn.io.off import read_off, write_off
from geolearn.io.ply import read_ply, write_ascii_ply, write_ply
from geolearn.io.stl import read_stl, write_ascii_stl, write_stl
from geolearn.io.triangles import Triangles
from geolearn.structures import Mesh
from geolearn.typing import Array, Float, PathLike, Tensor

_READERS: dict[str, Callable[[bytes, str], Triangles]] = {
    "off": read_off,
    "obj": read_obj,
    "ply": read_ply,
    "stl": read_stl,
}
_SCENE_READERS: dict[str, Callable[[bytes, str, Path], Triangles]] = {"glb": read_glb, "gltf": read_gltf}
_WRITERS: dict[str, Callable[[Triangles], bytes]] = {
    "off": write_off,
    "obj": write_obj,
    "ply": write_ply,
    "stl": write_stl,
    "glb": write_glb,
    "gltf": write_gltf,
}
_ASCII_WRITERS = {**_WRITERS, "ply": write_ascii_ply, "stl": write_ascii_stl}
MESH_FORMATS = tuple(_WRITERS)
_COLOURED = ("ply", "obj", "glb", "gltf")


def load_mesh(path: PathLike, *, file_format: str | None = None) -> Mesh:
    """Read a triangle mesh: OFF, OBJ, PLY (ascii, binary), STL (ascii, binary), GLB, glTF.

    Polygons become fans of triangles; all objects of a file become one mesh, the scene graph of glTF applied. Vertices
    keep their order and are not merged, except in STL, where identical corners become one vertex. Duplicate vertices,
    degenerate faces and unused vertices are kept. Coordinates stay as they are in the file, whatever its up axis.

    Args:
        path: the file; its extension says the format.
        file_format: "off", "obj", "ply", "stl", "glb" or "gltf", to overrule the extension.

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
    source = str(path)
    file_format = _known_format(path, file_format, data)
    if file_format in _SCENE_READERS:
        triangles = _SCENE_READERS[file_format](data, source, path.absolute().parent)
    else:
        triangles = _READERS[file_format](data, source)
    if len(triangles.verts) == 0 or len(triangles.faces) == 0:
        raise damaged(
            source,
            "the whole file",
            f"an empty mesh: {len(triangles.verts)} vertices and {len(triangles.faces)} faces",
            "Export the shape with its surface, or leave this file out",
        )
    labels = None if triangles.labels is None else torch.from_numpy(triangles.labels)
    return Mesh(torch.from_numpy(triangles.verts), torch.from_numpy(triangles.faces), labels, name=path.stem)


def _known_format(path: Path, file_format: str | None, data: bytes) -> str:
    if file_format is not None:
        if file_format not in MESH_FORMATS:
            raise InvalidInputError(f"file_format: expected one of {', '.join(MESH_FORMATS)}, got {file_format!r}")
        return file_format
    extension = path.suffix.lower().lstrip(".")
    if extension in MESH_FORMATS:
        return extension
    if not data:
        raise not_this_format(str(path), "a mesh", data)
    raise MeshFormatError(
        f"{path}: no mesh format has the extension {path.suffix!r} (known: {', '.join(MESH_FORMATS)}); the content "
        f"looks like {looks_like(data)}. Rename the file, or say file_format=... to load_mesh."
    )


def save_mesh(
    mesh: Mesh, path: PathLike, *, ascii: bool = False, vertex_colours: Float[Tensor, "V 3"] | None = None
) -> None:
    """Write a mesh in the format of the extension: .off .obj .ply .stl .glb .gltf.

    The file appears whole or not at all, the same mesh always gives the same bytes, and reading it back gives the same
    float32 positions, faces and order; STL alone stores loose triangles, so its vertices come back merged and
    reordered. Labels per face are kept by PLY and by no other format.

    Args:
        mesh: at least one face.
        path: where to; the folder must exist, a file that is there is replaced.
        ascii: write PLY or STL as text instead of binary.
        vertex_colours: red, green and blue in [0, 1] as in pictures (sRGB); PLY, OBJ (after the coordinates, as viewers
            expect it) and glTF take them, rounded to 8 bits. `load_mesh` skips them.

    Raises:
        InvalidInputError: an unknown extension, a mesh without faces, or colours that are not one per vertex in [0, 1]
            or that the format has no place for.
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
    colours = None
    if vertex_colours is not None:
        colours = _to_bytes(vertex_colours, len(mesh.verts), extension)
    triangles = Triangles(
        mesh.verts.detach().cpu().numpy(),
        mesh.faces.cpu().numpy(),
        None if mesh.face_labels is None else mesh.face_labels.cpu().numpy(),
        colours,
    )
    write_whole(path, (_ASCII_WRITERS if ascii else _WRITERS)[extension](triangles))


def _to_bytes(colours: Tensor, vert_count: int, extension: str) -> Array:
    if extension not in _COLOURED:
        raise InvalidInputError(f"vertex_colours: .{extension} has no place for them; save as {', '.join(_COLOURED)}")
    values = colours.detach().cpu()
    if tuple(values.shape) != (vert_count, 3) or not bool(((values >= 0) & (values <= 1)).all()):
        raise InvalidInputError(
            f"vertex_colours: expected ({vert_count}, 3) values in [0, 1], got {tuple(values.shape)}"
            + (f" from {float(values.min()):.4g} to {float(values.max()):.4g}" if values.numel() else "")
        )
    return (values * 255).round().to(torch.uint8).numpy()
