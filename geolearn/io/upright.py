"""Which way is up in files of each format, and meshes written so that they stand upright there.

The library has Z up. glTF has Y up by its standard, OBJ by custom; in the other formats Z is as common as any.
"""

from dataclasses import replace
from pathlib import Path

import torch

from geolearn.io.meshes import save_mesh
from geolearn.ops.quarter_turns import upright_matrix
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Float, PathLike, Tensor

Y_UP = (".obj", ".glb", ".gltf")
Z_TO_Y = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
SNAP_COSINE = 0.94  # of 20 degrees: an axis of the world this near to "up" is meant


def customary_up(path: PathLike) -> str:
    """The axis that points up in most files of a format, "y" or "z".

    >>> customary_up("chair.GLB"), customary_up("chair.off")
    ('y', 'z')
    """
    return "y" if Path(path).suffix.lower() in Y_UP else "z"


def stand_up(mesh: Mesh, up: str) -> Mesh:
    """A mesh turned so that its axis `up`, "x", "y" or "z", becomes Z.

    >>> pole = Mesh(torch.tensor([[0.0, 0, 0], [0, 5, 0], [1, 0, 0]]), torch.tensor([[0, 1, 2]]))
    >>> stand_up(pole, "y").bounds[1].tolist()
    [1.0, 0.0, 5.0]
    """
    return turned(mesh, upright_matrix(up))


@takes_mesh
def save_upright(
    mesh: Mesh,
    path: PathLike,
    *,
    up: Float[Tensor, " 3"] | None = None,
    vertex_colours: Float[Tensor, "V C"] | None = None,
) -> None:
    """Write a mesh as `save_mesh` does, turned to stand upright: Y up in OBJ and glTF, Z up in the other formats.

    Args:
        up: the direction that points up; by default Z. If it lies within 20 degrees of an axis, that is taken.

    Raises:
        InvalidInputError, FileNotFoundError: as for `save_mesh`.

    >>> import tempfile
    >>> from geolearn.io import load_mesh
    >>> pole = Mesh(torch.tensor([[0.0, 0, 0], [0, 0, 5], [1, 0, 0]]), torch.tensor([[0, 1, 2]]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_upright(pole, f"{folder}/pole.glb")
    ...     load_mesh(f"{folder}/pole.glb").bounds[1].tolist()
    [1.0, 5.0, 0.0]
    """
    up = torch.tensor([0.0, 0.0, 1.0]) if up is None else up.detach().cpu().float()
    save_mesh(turned(mesh, upright_turn(up, customary_up(path))), path, vertex_colours=vertex_colours)


def upright_turn(up: Float[Tensor, " 3"], axis: str) -> Float[Tensor, "3 3"]:
    """The rotation that takes `up` to Z by the shortest way, and then, for the axis "y", Z to Y.

    >>> upright_turn(torch.tensor([0.0, 0.1, 1.0]), "y") @ torch.tensor([0.0, 0.0, 1.0])
    tensor([0., 1., 0.])
    """
    up = up / up.norm()
    nearest = int(up.abs().argmax())
    if float(up[nearest].abs()) >= SNAP_COSINE:
        up = torch.nn.functional.one_hot(torch.tensor(nearest), 3).float() * up[nearest].sign()
    x, y, z = up.tolist()
    if z < -0.999999:
        to_z = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    else:  # Rodrigues' formula for the rotation of one unit vector into another
        cross = torch.tensor([[0.0, 0.0, -x], [0.0, 0.0, -y], [x, y, 0.0]])
        to_z = torch.eye(3) + cross + cross @ cross / (1 + z)
    return Z_TO_Y @ to_z if axis == "y" else to_z


def turned(mesh: Mesh, turn: Float[Tensor, "3 3"]) -> Mesh:
    """A mesh with its place and its normals rotated by (3, 3) `turn`; unchanged where that turns nothing."""
    if torch.equal(turn, torch.eye(3)):
        return mesh

    def by(rows: Tensor) -> Tensor:
        return rows @ turn.T.to(rows)

    attributes = mesh.attributes
    if attributes is not None and attributes.normals is not None:
        attributes = replace(attributes, normals=by(attributes.normals))
    origin = None if mesh.origin is None else by(mesh.origin)
    return replace(mesh, verts=by(mesh.verts), origin=origin, attributes=attributes)
