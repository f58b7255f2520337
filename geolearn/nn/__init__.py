"""Layers: plain modules on plain tensors, each usable with nothing else of ours."""

from geolearn.nn.view_pool import ViewPool
from geolearn.nn.voxel import DepthToSpace3d, SpaceToDepth3d, VoxelResidual

__all__ = ["DepthToSpace3d", "SpaceToDepth3d", "ViewPool", "VoxelResidual"]
