"""Meshes of trimesh, Open3D and PyTorch3D where one of ours is wanted: they have one meaning, so they are read."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from geolearn.errors import InvalidInputError
from geolearn.structures.mesh import Mesh, MeshBatch

F = TypeVar("F", bound=Callable[..., Any])


def as_mesh(mesh: Any, name: str = "mesh") -> Mesh:
    """A `Mesh` as it is; a `trimesh.Trimesh`, a mesh of Open3D, or one mesh of PyTorch3D as a `Mesh`.

    Gradients of PyTorch3D's vertices flow on. What these packages know of colours is left behind.

    Raises:
        InvalidInputError: anything else; says what to call.

    >>> import trimesh
    >>> as_mesh(trimesh.creation.box())
    Mesh('', 8 verts, 12 faces)
    """
    found = as_meshes(mesh, name)
    if isinstance(found, Mesh):
        return found
    if len(found) != 1:
        raise InvalidInputError(
            f"{name}: expected one mesh, got {len(found)} in a {type(mesh).__name__}; pass one each"
        )
    return found.unbind()[0]


def as_meshes(mesh: Any, name: str = "mesh") -> Mesh | MeshBatch:
    """The same where a batch is wanted as well: PyTorch3D's `Meshes` become a `MeshBatch`.

    >>> as_meshes([[0, 1, 2]])
    Traceback (most recent call last):
    geolearn.errors.InvalidInputError: mesh: expected a Mesh, got list; Mesh(verts, faces) makes one of arrays
    """
    if isinstance(mesh, Mesh | MeshBatch):
        return mesh
    kind, package = type(mesh).__name__, type(mesh).__module__.partition(".")[0]
    if package == "trimesh" and kind == "Trimesh":
        return Mesh.from_trimesh(mesh)
    if package == "open3d" and kind == "TriangleMesh":
        return Mesh.from_open3d(mesh.to_legacy() if hasattr(mesh, "to_legacy") else mesh)
    if package == "pytorch3d" and kind == "Meshes":
        pairs = zip(mesh.verts_list(), mesh.faces_list(), strict=True)
        return MeshBatch.from_meshes(Mesh(verts, faces) for verts, faces in pairs)
    remedies = {"Scene": "its to_mesh() makes one mesh of all", "str": "geolearn.io.load_mesh reads files"}
    remedies |= dict.fromkeys(("PosixPath", "WindowsPath"), remedies["str"])
    remedy = remedies.get(kind, "Mesh(verts, faces) makes one of arrays")
    raise InvalidInputError(f"{name}: expected a Mesh, got {kind}; {remedy}")


def takes_mesh(function: F) -> F:
    """Read the first argument, `mesh`, by `as_mesh`."""
    return _reading(function, as_mesh)


def takes_meshes(function: F) -> F:
    """Read the first argument, `mesh`, by `as_meshes`."""
    return _reading(function, as_meshes)


def _reading(function: F, read: Callable[[Any], Any]) -> F:
    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        if arguments:
            arguments = (read(arguments[0]), *arguments[1:])
        elif "mesh" in options:
            options["mesh"] = read(options["mesh"])
        return function(*arguments, **options)

    return call  # type: ignore[return-value]
