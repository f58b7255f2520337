"""What the features of faces share: the surface in a size and a density of its own, and what is computed from it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from geolearn.ops.edge_splitting import split_long_edges
from geolearn.ops.face_adjacency import FaceAdjacency, adjacency_of_welded
from geolearn.ops.face_geometry import face_cross
from geolearn.ops.heat_neighbourhoods import HeatNeighbourhoods
from geolearn.ops.surface_graph import SurfaceSamples, surface_samples
from geolearn.ops.welding import weld_vertices
from geolearn.structures import Mesh
from geolearn.structures.foreign import as_mesh
from geolearn.typing import Array, Float, Tensor

if TYPE_CHECKING:
    from geolearn.kernels.wide_boxes import WideBoxes

SCALES = (0.02, 0.035, 0.06, 0.1, 0.17, 0.3, 0.5, 0.8)  # radii of neighbourhoods
SAMPLES = 512
LONGEST_EDGE = 0.07  # about a side of the faces of an even mesh of 500
MOST_MORE = 10_000  # triangles


@dataclass(frozen=True, eq=False)
class FeatureSurface:
    """A mesh made ready for features; functions of features take it in place of the mesh and share its work.

    - Vertices at one position are one, unused ones are left out.
    - Lengths are in units of the square root of the mesh's area, about its centre. A mesh without area keeps its size.
    - A mesh that is inside out as a whole, with a negative volume about its centre, is turned.
    - Edges longer than 0.07 are cut (`split_long_edges`), with at most 10,000 triangles more, so that features do not
      hang on how a flat part is divided into faces. What is computed per triangle is averaged over each face.

    Arrays are float64 on the CPU; all are computed when first asked for.
    """

    mesh: Mesh

    @cached_property
    def _parts(self) -> tuple[Array, Array, Array]:
        verts, faces = weld_vertices(self.mesh.verts.detach().cpu().double(), self.mesh.faces.cpu())
        if len(faces) == 0:
            return verts.numpy(), faces.numpy(), np.zeros(0, np.int64)
        low, high = verts.amin(0), verts.amax(0)
        verts = (verts - (low + high) / 2) / torch.clamp((high - low).max(), min=1e-300)
        cross = face_cross(verts[faces])
        area = cross.norm(dim=1) / 2
        if area.sum() > 1e-12:
            centre = (area[:, None] * verts[faces].mean(1)).sum(0) / area.sum()
            verts = (verts - centre) / area.sum().sqrt()
            if float((verts[faces[:, 0]] * cross).sum()) < 0:
                faces = faces.flip(1)
        return split_long_edges(verts.numpy(), faces.numpy(), LONGEST_EDGE, most=len(faces) + MOST_MORE)

    @property
    def verts(self) -> Float[Array, "N 3"]:
        return self._parts[0]

    @property
    def triangles(self) -> Array:
        """(M, 3) indices into `verts`."""
        return self._parts[1]

    @cached_property
    def corners(self) -> Float[Array, "M 3 3"]:
        return self.verts[self.triangles]

    @cached_property
    def centres(self) -> Float[Array, "M 3"]:
        return self.corners.mean(1)

    @cached_property
    def cross(self) -> Float[Array, "M 3"]:
        """Normals times twice the areas."""
        return face_cross(torch.from_numpy(self.corners)).numpy()

    @cached_property
    def areas(self) -> Float[Array, " M"]:
        return np.linalg.norm(self.cross, axis=1) / 2

    @cached_property
    def normals(self) -> Float[Array, "M 3"]:
        """Unit length; 0 for a triangle without area."""
        return self.cross / np.where(self.areas > 0, 2 * self.areas, 1)[:, None]

    @cached_property
    def frames(self) -> Float[Array, "M 3 3"]:
        """Rows: the direction of the first side, one across it in the triangle, and the inward normal."""
        side = self.corners[:, 1] - self.corners[:, 0]
        length = np.linalg.norm(side, axis=1, keepdims=True)
        along = side / np.where(length > 0, length, 1)
        return np.stack([along, np.cross(-self.normals, along), -self.normals], 1)

    @cached_property
    def adjacency(self) -> FaceAdjacency:
        """Of the triangles, as float64 tensors."""
        return adjacency_of_welded(torch.from_numpy(self.verts), torch.from_numpy(self.triangles))

    @cached_property
    def heat(self) -> HeatNeighbourhoods:
        sides = self.corners - np.roll(self.corners, -1, 1)
        pairs, lengths = self.adjacency.pairs.numpy(), self.adjacency.edge_length.numpy()
        return HeatNeighbourhoods(self.areas, pairs, lengths, (sides**2).sum((1, 2)))

    @cached_property
    def samples(self) -> SurfaceSamples:
        return surface_samples(self.verts, self.triangles, self.cross, SAMPLES)

    @cached_property
    def boxes(self) -> "WideBoxes":
        """A tree over the triangles."""
        from geolearn.kernels.wide_boxes import build_boxes  # late: Numba takes a while to import

        return build_boxes(self.corners, self.normals)

    def per_face(self, values: Float[Array, "M C"]) -> Float[Tensor, "F C"]:
        """Values of triangles, averaged by area over the faces of the mesh, float32 on its device."""
        parent = self._parts[2]
        if len(parent) > len(self.mesh.faces):
            first = np.searchsorted(parent, np.arange(len(self.mesh.faces)))
            weights = self.areas + 1e-30
            weights = weights / np.add.reduceat(weights, first)[parent]
            values = np.add.reduceat(values * weights[:, None], first)
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self.mesh.device)


def as_feature_surface(mesh: Mesh | FeatureSurface) -> FeatureSurface:
    """A surface made ready for features, once."""
    return mesh if isinstance(mesh, FeatureSurface) else FeatureSurface(as_mesh(mesh))
