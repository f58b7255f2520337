"""Layers: plain modules on plain tensors, each usable with nothing else of ours."""

from geolearn.nn.voxel import SpaceToDepth3d, VoxelResidual

__all__ = ["SpaceToDepth3d", "VoxelResidual"]
