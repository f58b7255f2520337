"""Frozen records that every room shares: `Mesh`, `MeshBatch`, `VoxelGrid`, `Cameras`, `Views`."""

from geolearn.structures.cameras import Cameras
from geolearn.structures.mesh import Mesh, MeshBatch
from geolearn.structures.views import Views
from geolearn.structures.voxels import VoxelGrid

__all__ = ["Cameras", "Mesh", "MeshBatch", "Views", "VoxelGrid"]
