"""A mesh of fewer faces for what need not see every triangle, and labels carried from one mesh to the other."""

from typing import NamedTuple

import numpy as np
import torch

from geolearn._optional import require
from geolearn.errors import InvalidInputError
from geolearn.ops.face_geometry import face_areas, face_normals
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Float, Int, Tensor

# Two sides of a thin sheet are near in space but not in the direction they face: normals count as this share of the
# longest side of the box.
NORMAL_SHARE = 0.05
NEIGHBOURS = 4


class FaceMap(NamedTuple):
    """Which faces of one mesh stand for a face of another.

    Attributes:
        index: int64 (F, k), faces of the other mesh, the nearest first.
        weight: (F, k), how much each counts; they sum to 1.
    """

    index: Int[Tensor, "F k"]
    weight: Float[Tensor, "F k"]


@takes_mesh
def simplify(mesh: Mesh, max_faces: int) -> Mesh:
    """About the same surface with about `max_faces` faces, by collapsing edges; the same mesh if it has no more.

    Quadric edge collapse (Garland & Heckbert, SIGGRAPH 1997) by the package fast-simplification, which takes any soup
    of triangles. A face's label is that of most of the area that it stands for.

    Args:
        max_faces: at least 4.

    Raises:
        InvalidInputError: fewer than 4 faces asked for.
        MissingDependencyError: a larger mesh, and the package is not installed.
    """
    if max_faces < 4:
        raise InvalidInputError(f"max_faces: expected at least 4, got {max_faces}")
    if len(mesh.faces) <= max_faces:
        return mesh
    package = require("fast_simplification", extra="label")
    # Collapsing does not know the scale: it is given one mesh in the unit box, whatever its own unit is.
    verts, faces = package.simplify(
        mesh.normalised().verts.detach().cpu().numpy(),
        mesh.faces.cpu().numpy().astype(np.int32),
        target_count=max_faces,
    )
    coarse = Mesh(torch.from_numpy(verts).to(mesh.device), torch.from_numpy(faces).to(mesh.device, torch.int64))
    low, high = mesh.bounds
    verts = coarse.verts * (high - low).max().clamp(min=torch.finfo(torch.float32).tiny) + (low + high) / 2
    coarse = Mesh(verts, coarse.faces, name=mesh.name)
    if mesh.face_labels is None:
        return coarse
    labels = carry_labels(mesh, coarse)
    return Mesh(verts, coarse.faces, labels, mesh.name)


def face_map(mesh: Mesh, other: Mesh, neighbours: int = NEIGHBOURS) -> FaceMap:
    """For every face of `mesh` the nearest faces of `other`, by position and direction, with weights 1 / distance^2.

    The distance of two faces is that of their centres and, times `NORMAL_SHARE` of the longest side, of their normals.
    """
    from scipy.spatial import KDTree

    low, high = other.bounds
    share = NORMAL_SHARE * (high - low).max()

    def places(of: Mesh) -> Tensor:
        triangles = of.triangles().detach().double()
        return torch.cat([triangles.mean(1), share.double() * face_normals(triangles)], 1).cpu()

    count = min(neighbours, len(other.faces))
    distance, index = KDTree(places(other).numpy()).query(places(mesh).numpy(), k=count)
    distance = torch.from_numpy(distance.reshape(-1, count))
    weight = 1 / (distance**2 + (1e-6 * float(share)) ** 2 + torch.finfo(torch.float64).tiny)
    index = torch.from_numpy(index.reshape(-1, count).astype(np.int64))
    weight = (weight / weight.sum(1, keepdim=True)).to(mesh.verts.dtype)
    return FaceMap(index.to(mesh.device), weight.to(mesh.device))


def carry_values(found: FaceMap, values: Float[Tensor, "G *C"]) -> Float[Tensor, "F *C"]:
    """Values of the other mesh's faces, brought to the faces of this one as weighted means."""
    near = values[found.index]
    return (found.weight.reshape(*found.weight.shape, *[1] * (near.ndim - 2)) * near).sum(1)


def carry_labels(mesh: Mesh, other: Mesh) -> Int[Tensor, " G"]:
    """A label for every face of `other`: of most of the area of `mesh` that is nearest to it, else of its nearest face.

    Raises:
        InvalidInputError: `mesh` has no labels.
    """
    if mesh.face_labels is None:
        raise InvalidInputError(f"mesh: {mesh.name!r} has no face_labels to carry")
    known, labels = mesh.face_labels.unique(return_inverse=True)
    nearest = face_map(mesh, other, 1).index[:, 0]
    votes = torch.zeros(len(other.faces), len(known), dtype=torch.float64, device=mesh.device)
    votes.index_put_((nearest, labels), face_areas(mesh.triangles().detach().double()), accumulate=True)
    alone = votes.sum(1) == 0
    chosen = votes.argmax(1)
    if bool(alone.any()):
        chosen = torch.where(alone, labels[face_map(other, mesh, 1).index[:, 0]], chosen)
    return known[chosen]
