"""Frozen records that every room shares: `Mesh`, `MeshBatch`, `PointCloud`, `VoxelGrid`, `Cameras`, `Views`."""

from geolearn.structures.attributes import Material, MeshAttributes
from geolearn.structures.cameras import Cameras
from geolearn.structures.mesh import Mesh, MeshBatch
from geolearn.structures.points import PointCloud
from geolearn.structures.views import Views
from geolearn.structures.voxels import VoxelGrid

__all__ = ["Cameras", "Material", "Mesh", "MeshAttributes", "MeshBatch", "PointCloud", "Views", "VoxelGrid"]
