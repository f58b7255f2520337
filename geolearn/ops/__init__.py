"""Pure functions on tensors and records. Numba is imported when a kernel first runs, not here."""

from geolearn.ops.face_adjacency import FaceAdjacency, face_adjacency
from geolearn.ops.face_geometry import face_areas, face_cross, face_normals
from geolearn.ops.foldover import damp_flow, integrate_flow, lattice_jacobian, measure_foldover
from geolearn.ops.lattice import deform_by_lattice
from geolearn.ops.occupancy import occupancy_from_depth, occupancy_from_scan
from geolearn.ops.segments import scatter, segment_csr
from geolearn.ops.surface_samples import SurfaceSamples, sample_surface
from geolearn.ops.topology import adjacent_faces, mesh_edges
from geolearn.ops.unfolding import flawed_faces, unfold
from geolearn.ops.vertex_normals import vertex_normals
from geolearn.ops.voxelization import voxelize

__all__ = [
    "FaceAdjacency",
    "SurfaceSamples",
    "adjacent_faces",
    "damp_flow",
    "deform_by_lattice",
    "face_adjacency",
    "face_areas",
    "face_cross",
    "face_normals",
    "flawed_faces",
    "integrate_flow",
    "lattice_jacobian",
    "measure_foldover",
    "mesh_edges",
    "occupancy_from_depth",
    "occupancy_from_scan",
    "sample_surface",
    "scatter",
    "segment_csr",
    "unfold",
    "vertex_normals",
    "voxelize",
]
