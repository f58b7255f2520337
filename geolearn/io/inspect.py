"""What `geolearn info` says about one mesh or voxel grid: the defects that loading accepts, counted."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components

from geolearn.io.meshes import load_mesh
from geolearn.io.points import POINT_FORMATS, POINTS_ALONE, load_points
from geolearn.io.surface import NoFacesError
from geolearn.io.welding import merge_identical
from geolearn.structures import Mesh, PointCloud, VoxelGrid
from geolearn.typing import Array, PathLike


def describe_mesh(mesh: Mesh) -> dict[str, Any]:
    """Counts and measures of a mesh, as plain numbers (JSON can hold them).

    Keys:
        vertices, faces; bounds: [[x, y, z], [x, y, z]] of the vertices in use, or None.
        duplicate_vertices: vertices beyond the first at the same position.
        unused_vertices: vertices of no face.
        degenerate_faces: faces that repeat a vertex, or whose height is below a millionth of their longest edge.
        components: pieces that share no vertex (a position that occurs twice is two vertices).
        boundary_edges, non_manifold_edges: edges of one face, and of more than two. Faces that repeat a vertex
            have no part in edges.
        watertight: at least one edge, and every edge has exactly two faces.
        consistent_orientation: no two faces run along an edge in the same direction.
        area; volume: signed, positive where faces are counter-clockwise from outside; None unless watertight and
            consistently oriented.
        origin: where the coordinates count from, if not from 0.
        attributes: which there are; materials, groups: their number and the first ten names.
    """
    verts = mesh.verts.detach().cpu().double().numpy()
    faces = mesh.faces.cpu().numpy()
    used = np.unique(faces)
    triangles = verts[faces]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    double_area = np.linalg.norm(normals, axis=1)
    edge_lengths = np.linalg.norm(triangles - np.roll(triangles, 1, axis=1), axis=2)
    repeats = (faces == np.roll(faces, 1, axis=1)).any(axis=1)
    degenerate = repeats | (double_area <= 1e-6 * edge_lengths.max(axis=1, initial=0) ** 2)

    faces_per_edge, same_direction = _edges(faces[~repeats], len(verts))
    watertight = len(faces_per_edge) > 0 and bool((faces_per_edge == 2).all())
    oriented = not same_direction
    volume = float((normals * triangles[:, 0]).sum() / 6)
    facts = {
        "vertices": len(verts),
        "faces": len(faces),
        "bounds": mesh.bounds.tolist() if len(faces) else None,
        "duplicate_vertices": len(verts) - len(merge_identical(mesh.verts.detach().cpu().numpy())[0]),
        "unused_vertices": len(verts) - len(used),
        "degenerate_faces": int(degenerate.sum()),
        "components": _pieces(faces, used),
        "boundary_edges": int((faces_per_edge == 1).sum()),
        "non_manifold_edges": int((faces_per_edge > 2).sum()),
        "watertight": watertight,
        "consistent_orientation": oriented,
        "area": float(double_area.sum() / 2),
        "volume": volume if watertight and oriented else None,
    }
    if mesh.origin is not None:
        facts["origin"] = mesh.origin.tolist()
    if mesh.attributes is not None:
        facts["attributes"] = mesh.attributes.names()
        for kind, values in (
            ("materials", [material.name for material in mesh.attributes.materials]),
            ("groups", list(mesh.attributes.groups)),
        ):
            if values:
                facts[kind] = [len(values), *values[:10]]
    return facts


def describe_points(cloud: PointCloud) -> dict[str, Any]:
    """Counts of a point cloud, as plain numbers (JSON can hold them).

    Keys:
        points; bounds: [[x, y, z], [x, y, z]]; normals, colours: whether there are some; origin: as for meshes.
    """
    points = cloud.points.detach().cpu()
    facts = {
        "points": len(points),
        "bounds": [points.amin(0).tolist(), points.amax(0).tolist()] if len(points) else None,
        "normals": cloud.normals is not None,
        "colours": cloud.colours is not None,
    }
    return facts if cloud.origin is None else facts | {"origin": cloud.origin.tolist()}


def describe_shape(path: PathLike) -> dict[str, Any]:
    """`describe_mesh` of a mesh file, or `describe_points` of one that holds points alone.

    Raises:
        FileNotFoundError: there is no such file.
        MeshFormatError: neither, or damaged.
    """
    if Path(path).suffix.lower().lstrip(".") in POINTS_ALONE:
        return describe_points(load_points(path))
    try:
        return describe_mesh(load_mesh(path))
    except NoFacesError:
        if Path(path).suffix.lower().lstrip(".") not in POINT_FORMATS:
            raise
        return describe_points(load_points(path))


def _edges(faces: Array, num_verts: int) -> tuple[Array, bool]:
    """The number of faces at every undirected edge, and whether any directed edge occurs twice."""
    begin, end = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    low, high = np.minimum(begin, end), np.maximum(begin, end)
    _, faces_per_edge = np.unique(low * num_verts + high, return_counts=True)
    directed = np.unique(begin * num_verts + end)
    return faces_per_edge, len(directed) < len(begin)


def _pieces(faces: Array, used: Array) -> int:
    """The number of connected components of the vertices in use."""
    if not len(faces):
        return 0
    number = np.searchsorted(used, faces)
    begin, end = number[:, [0, 1]].reshape(-1), number[:, [1, 2]].reshape(-1)
    graph = sparse.coo_array((np.ones(len(begin), dtype=bool), (begin, end)), shape=(len(used), len(used)))
    return int(connected_components(graph, directed=False, return_labels=False))


def describe_voxels(grid: VoxelGrid) -> dict[str, Any]:
    """Counts and measures of a voxel grid, as plain numbers (JSON can hold them).

    Keys:
        resolution; values: "bool" or "float32"; origin; voxel_size.
        value_range: [lowest, highest] value (0 and 1 for occupancy).
        occupied, occupied_fraction: cells with `grid.occupancy`.
        bounds: corners of the box around the occupied cells in the world, or None where there are none.
        components, largest_component: pieces connected through faces of cells, and the cells of the largest.
        cavities: empty pieces that do not reach the border of the grid.
    """
    values, occupancy = grid.values.detach().cpu(), grid.occupancy.cpu().numpy()
    occupied = int(occupancy.sum())
    sizes = _piece_sizes(occupancy)
    empty = _piece_sizes(np.pad(~occupancy, 1, constant_values=True))
    bounds = None
    if occupied:
        low, high = np.array([(axis.min(), axis.max() + 1) for axis in np.nonzero(occupancy)]).T
        bounds = [(grid.origin.cpu().double().numpy() + corner * grid.voxel_size).tolist() for corner in (low, high)]
    return {
        "resolution": grid.resolution,
        "values": str(values.dtype).removeprefix("torch."),
        "origin": grid.origin.tolist(),
        "voxel_size": grid.voxel_size,
        "value_range": [float(values.min()), float(values.max())],
        "occupied": occupied,
        "occupied_fraction": occupied / occupancy.size,
        "bounds": bounds,
        "components": len(sizes),
        "largest_component": int(sizes.max(initial=0)),
        "cavities": len(empty) - 1,
    }


def _piece_sizes(cells: Array) -> Array:
    """The number of cells in every piece that is connected through faces."""
    labels = np.empty(cells.shape, dtype=np.int32)
    ndimage.label(cells, output=labels)
    return np.bincount(labels.reshape(-1))[1:]
