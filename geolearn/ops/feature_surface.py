"""What the features of faces share: a mesh of area 1, its graph of paths, its samples, its heat and its rays."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch

from geolearn.ops.face_adjacency import FaceAdjacency, face_adjacency
from geolearn.structures import Mesh
from geolearn.typing import Array

SCALES = (0.02, 0.035, 0.06, 0.1, 0.17, 0.3, 0.5, 0.8)  # radii of neighbourhoods
SAMPLES = 512  # points of the surface that stand for all of it, seen from far
STIFFEST = 20.0  # of the links through which heat flows: faces whose circumcentres nearly meet are almost one


class Graph(NamedTuple):
    """Paths along a surface: node k is linked to `neighbour[start[k]:start[k + 1]]`."""

    start: Array
    neighbour: Array
    length: Array
    component: Array


class Samples(NamedTuple):
    """Nodes far from each other, each with the share of the area that lies nearest to it, and paths from them."""

    node: Array
    points: Array
    normals: Array
    weights: Array
    distance: Array  # float32 (nodes, samples)


class RayTree(NamedTuple):
    """Triangles in the order of a tree of boxes; `place[f]` is where face f is."""

    triangles: Array
    bounds: Array
    first: Array
    place: Array


@dataclass(frozen=True, eq=False)
class FeatureSurface:
    """A mesh of area 1 about its centre, in float64, and what is computed from it once, when it is first asked for.

    Families of features take it in place of the mesh, so that they share this work. Lengths are in units of the square
    root of the mesh's area. A mesh without area is taken as it is.
    """

    mesh: Mesh

    @cached_property
    def adjacency(self) -> FaceAdjacency:
        return face_adjacency(self.mesh)

    @cached_property
    def _welded(self) -> tuple[Array, Array]:
        verts = self.mesh.verts.detach().cpu().double().numpy()
        faces = self.mesh.faces.cpu().numpy()
        used, inverse = np.unique(verts[faces.reshape(-1)] + 0.0, axis=0, return_inverse=True)
        faces = inverse.reshape(-1, 3)
        if len(faces) == 0:
            return used, faces
        used = used - used.mean(0)
        largest = np.abs(used).max()
        if largest > 0:
            used = used / largest
        area = _areas(used[faces]).sum()
        return (used / np.sqrt(area), faces) if area > 1e-12 else (used, faces)

    @property
    def verts(self) -> Array:
        """(N, 3) positions that faces use, each once."""
        return self._welded[0]

    @property
    def faces(self) -> Array:
        """(F, 3) indices into `verts`."""
        return self._welded[1]

    @cached_property
    def triangles(self) -> Array:
        return self.verts[self.faces]

    @cached_property
    def centres(self) -> Array:
        return self.triangles.mean(1)

    @cached_property
    def areas(self) -> Array:
        return _areas(self.triangles)

    @cached_property
    def normals(self) -> Array:
        """(F, 3) unit normals, 0 where a face has no area."""
        cross = np.cross(self.triangles[:, 1] - self.triangles[:, 0], self.triangles[:, 2] - self.triangles[:, 0])
        length = np.linalg.norm(cross, axis=1, keepdims=True)
        return cross / np.where(length > 0, length, 1)

    @cached_property
    def frames(self) -> Array:
        """(F, 3, 3), rows: a unit vector along the face, one across it, and the inward normal."""
        inward = -self.normals
        side = self.triangles[:, 1] - self.triangles[:, 0]
        along = side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-300)
        return np.stack([along, np.cross(inward, along), inward], 1)

    @cached_property
    def graph(self) -> Graph:
        """Vertices linked along edges, and straight across an edge where the two faces, laid flat, allow it."""
        from scipy import sparse  # late: it takes a while to import
        from scipy.sparse import csgraph

        count = len(self.verts)
        ends = np.stack([self.faces, np.roll(self.faces, -1, 1)], 2).reshape(-1, 2)
        apex = np.roll(self.faces, -2, 1).reshape(-1)
        low, high = ends.min(1), ends.max(1)
        real = low < high
        low, high, apex = low[real], high[real], apex[real]
        key = low * count + high
        order = np.argsort(key, kind="stable")
        low, high, apex, key = low[order], high[order], apex[order], key[order]
        new = np.ones(len(key), bool)
        new[1:] = key[1:] != key[:-1]
        edges = np.stack([low[new], high[new]], 1)
        edge_length = np.linalg.norm(self.verts[edges[:, 0]] - self.verts[edges[:, 1]], axis=1)
        second = np.nonzero(~new)[0]
        across, across_length = self._across(low[second], high[second], apex[second - 1], apex[second])
        links = np.concatenate([edges, across])
        length = np.concatenate([edge_length, across_length])
        start, neighbour, weight = _rows(links, length, count)
        connected = sparse.csr_array((np.ones(len(neighbour)), neighbour, start), shape=(count, count))
        component = csgraph.connected_components(connected, directed=False)[1].astype(np.int64)
        return Graph(start, neighbour, weight, component)

    def _across(self, low: Array, high: Array, one: Array, other: Array) -> tuple[Array, Array]:
        """Links between the two corners opposite to an edge, of the length of the straight line when laid flat."""
        origin = self.verts[low]
        axis = self.verts[high] - origin
        length = np.linalg.norm(axis, axis=1)
        axis = axis / length[:, None]
        x, y = [], []
        for apex in (one, other):
            away = self.verts[apex] - origin
            x.append((away * axis).sum(1))
            y.append(np.linalg.norm(away - x[-1][:, None] * axis, axis=1))
        height = y[0] + y[1]
        crossing = x[0] + (x[1] - x[0]) * y[0] / np.where(height > 0, height, 1)
        kept = (one != other) & (height > 0) & (crossing > 0) & (crossing < length)
        return np.stack([one, other], 1)[kept], np.hypot(x[0] - x[1], height)[kept]

    @cached_property
    def samples(self) -> Samples:
        from geolearn.kernels.geodesics import distances_from, farthest_points

        count = min(SAMPLES, len(self.verts))
        graph = self.graph
        area = np.zeros(len(self.verts))
        normals = np.zeros((len(self.verts), 3))
        for k in range(3):
            area += np.bincount(self.faces[:, k], self.areas / 3, len(area))
            for axis in range(3):
                normals[:, axis] += np.bincount(self.faces[:, k], self.areas * self.normals[:, axis], len(area))
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
        total = area.sum()
        area = area / total if total > 0 else np.full(len(area), 1 / max(len(area), 1))
        away = np.linalg.norm(self.verts - area @ self.verts, axis=1)
        first = int(away.argmax()) if len(away) else 0
        rows = graph.start, graph.neighbour, graph.length
        node, owner = farthest_points(first, count, self.verts, graph.component, *rows)
        distance = distances_from(node, self.verts, graph.component, *rows)
        weights = np.bincount(owner, area, count)
        return Samples(node, self.verts[node], normals[node], weights, np.ascontiguousarray(distance.T))

    @cached_property
    def rays(self) -> RayTree:
        from geolearn.kernels.ray_casting import build_tree

        order, bounds, first = build_tree(self.triangles)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        return RayTree(np.ascontiguousarray(self.triangles[order]), bounds, first, place)

    @cached_property
    def _conductance(self) -> tuple[Array, Array]:
        """Pairs of faces and how well heat flows between them: edge length over distance of the circumcentres."""
        pairs = self.adjacency.pairs.cpu().numpy()
        lengths = self.adjacency.edge_length.cpu().double().numpy() * self._unit
        area = self.areas
        if len(pairs) == 0:
            return pairs, np.zeros(0)
        sides = np.linalg.norm(self.triangles - np.roll(self.triangles, -1, 1), axis=2)
        squared = (sides**2).sum(1)
        # cot of the angle opposite to an edge e: (sum of squared sides - 2 e^2) / (4 area)
        cot = (squared[pairs] - 2 * lengths[:, None] ** 2) / np.maximum(4 * area[pairs], 1e-300)
        return pairs, 2 / np.maximum(np.nan_to_num(cot.sum(1), posinf=1e30, neginf=0.0), 2 / STIFFEST)

    @cached_property
    def _unit(self) -> float:
        """One unit of length of the mesh in units of this surface."""
        area = _areas(self.mesh.triangles().detach().cpu().double().numpy()).sum()
        return 1 / np.sqrt(area) if area > 0 else 1.0

    @cached_property
    def _heat(self) -> dict[float, Any]:
        return {}

    def spread(self, amounts: Array, radius: float) -> Array:
        """Amounts (F, C) of the faces, averaged per area over a neighbourhood of each face: heat after a while."""
        from scipy import sparse  # late: it takes a while to import
        from scipy.sparse.linalg import splu

        pairs, flow = self._conductance
        count = len(self.faces)
        mass = self.areas + 1e-9 / max(count, 1)
        if radius not in self._heat:
            one, other = pairs.T
            rows, columns = np.concatenate([one, other, one, other]), np.concatenate([other, one, one, other])
            laplacian = sparse.coo_array((np.concatenate([-flow, -flow, flow, flow]), (rows, columns)), (count, count))
            matrix = (sparse.diags_array(mass) + radius**2 / 16 * laplacian).tocsc()
            options = {"SymmetricMode": True}
            self._heat[radius] = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
        solve = self._heat[radius].solve
        return solve(mass[:, None] * solve(np.ascontiguousarray(amounts, np.float64)))


def _areas(triangles: Array) -> Array:
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    return np.linalg.norm(cross, axis=1) / 2


def _rows(links: Array, length: Array, count: int) -> tuple[Array, Array, Array]:
    one = np.concatenate([links[:, 0], links[:, 1]])
    other = np.concatenate([links[:, 1], links[:, 0]])
    length = np.concatenate([length, length])
    order = np.lexsort((other, one))
    start = np.concatenate([[0], np.cumsum(np.bincount(one, minlength=count))])
    return start.astype(np.int64), other[order].astype(np.int64), length[order].astype(np.float32)


def surface_of(mesh: Mesh | FeatureSurface) -> FeatureSurface:
    return mesh if isinstance(mesh, FeatureSurface) else FeatureSurface(mesh)


def to_features(values: Array, mesh: Mesh) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(mesh.device)
