"""Files in and out: meshes and voxel grids."""

from geolearn.errors import MeshFormatError
from geolearn.io.meshes import load_mesh, save_mesh
from geolearn.io.voxels import load_voxels, save_voxels

__all__ = ["MeshFormatError", "load_mesh", "load_voxels", "save_mesh", "save_voxels"]
