"""Files in and out: meshes, points, voxel grids, and pictures with cameras."""

from geolearn.errors import MeshFormatError
from geolearn.io.depth import load_depth, save_depth
from geolearn.io.depth_scenes import load_depth_camera, save_depth_camera
from geolearn.io.meshes import load_mesh, save_mesh
from geolearn.io.moved_vertices import save_moved
from geolearn.io.points import load_points
from geolearn.io.view_files import load_views, save_views
from geolearn.io.voxels import load_voxels, save_voxels

__all__ = [
    "MeshFormatError",
    "load_depth",
    "load_depth_camera",
    "load_mesh",
    "load_points",
    "load_views",
    "load_voxels",
    "save_depth",
    "save_depth_camera",
    "save_mesh",
    "save_moved",
    "save_views",
    "save_voxels",
]
