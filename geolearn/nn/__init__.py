"""Layers: plain modules on plain tensors, each usable with nothing else of ours."""

from geolearn.nn.unet import UNet2d, VoxelUNet
from geolearn.nn.view_pool import ViewPool
from geolearn.nn.voxel import DepthToSpace3d, SpaceToDepth3d, VoxelResidual

__all__ = ["DepthToSpace3d", "SpaceToDepth3d", "UNet2d", "ViewPool", "VoxelResidual", "VoxelUNet"]
