"""Layers: plain modules on plain tensors, each usable with nothing else of ours."""

from geolearn.nn.faces import FaceBlock, FaceDiffusion, Standardise
from geolearn.nn.unet import UNet2d, VoxelUNet
from geolearn.nn.view_pool import ViewPool
from geolearn.nn.voxel import DepthToSpace3d, SpaceToDepth3d, VoxelResidual

__all__ = [
    "DepthToSpace3d",
    "FaceBlock",
    "FaceDiffusion",
    "SpaceToDepth3d",
    "Standardise",
    "UNet2d",
    "ViewPool",
    "VoxelResidual",
    "VoxelUNet",
]
