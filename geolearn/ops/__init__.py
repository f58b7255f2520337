"""Pure functions on tensors and records. Numba is imported when a kernel first runs, not here."""

from geolearn.ops.backgrounds import cut_from_background
from geolearn.ops.curvature_features import curvature_features
from geolearn.ops.depth_observation import observe_depth, observe_scan
from geolearn.ops.distances import ClosestPoints, closest_points, contains, signed_distance, winding_number
from geolearn.ops.face_adjacency import FaceAdjacency, face_adjacency
from geolearn.ops.face_features import FEATURE_COLUMNS, face_features
from geolearn.ops.face_geometry import face_areas, face_cross, face_normals
from geolearn.ops.foldover import damp_flow, integrate_flow, lattice_jacobian, measure_foldover
from geolearn.ops.geodesic_distance import geodesic_distance_features
from geolearn.ops.lattice import deform_by_lattice
from geolearn.ops.local_pca import local_pca_features
from geolearn.ops.medial_distance import medial_distance_features
from geolearn.ops.merged_vertices import merge_vertices
from geolearn.ops.occupancy import occupancy_from_depth, occupancy_from_scan
from geolearn.ops.segments import scatter, segment_csr
from geolearn.ops.shape_contexts import shape_context_features
from geolearn.ops.shape_diameter import shape_diameter_features
from geolearn.ops.spin_images import spin_image_features
from geolearn.ops.surface_samples import SurfaceSamples, sample_surface
from geolearn.ops.topology import adjacent_faces, mesh_edges
from geolearn.ops.unfolding import flawed_faces, unfold
from geolearn.ops.vertex_normals import vertex_normals
from geolearn.ops.voxelization import voxelize

__all__ = [
    "FEATURE_COLUMNS",
    "ClosestPoints",
    "FaceAdjacency",
    "SurfaceSamples",
    "adjacent_faces",
    "closest_points",
    "contains",
    "curvature_features",
    "cut_from_background",
    "damp_flow",
    "deform_by_lattice",
    "face_adjacency",
    "face_areas",
    "face_cross",
    "face_features",
    "face_normals",
    "flawed_faces",
    "geodesic_distance_features",
    "integrate_flow",
    "lattice_jacobian",
    "local_pca_features",
    "measure_foldover",
    "medial_distance_features",
    "merge_vertices",
    "mesh_edges",
    "observe_depth",
    "observe_scan",
    "occupancy_from_depth",
    "occupancy_from_scan",
    "sample_surface",
    "scatter",
    "segment_csr",
    "shape_context_features",
    "shape_diameter_features",
    "signed_distance",
    "spin_image_features",
    "unfold",
    "vertex_normals",
    "voxelize",
    "winding_number",
]
