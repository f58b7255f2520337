"""Layers: plain modules on plain tensors, each usable with nothing else of ours."""

from geolearn.nn.contrastive_divergence import CDSettings, cd_gradients, contrastive_divergence, descent
from geolearn.nn.conv_rbm import ConvRBM
from geolearn.nn.faces import FaceBlock, FaceDiffusion, Standardise
from geolearn.nn.labelled_rbm import LabelledRBM
from geolearn.nn.partition_function import annealed_log_partition, log_partition
from geolearn.nn.persistent_chain import PersistentChain, fast_persistent_gradients
from geolearn.nn.rbm import RBM, DenseRBM
from geolearn.nn.unet import UNet2d, VoxelUNet
from geolearn.nn.view_pool import ViewPool
from geolearn.nn.voxel import DepthToSpace3d, SpaceToDepth3d, VoxelResidual
from geolearn.nn.wake_sleep import wake_sleep_gradients
from geolearn.nn.window_conv import WindowConv3d

__all__ = [
    "RBM",
    "CDSettings",
    "ConvRBM",
    "DenseRBM",
    "DepthToSpace3d",
    "FaceBlock",
    "FaceDiffusion",
    "LabelledRBM",
    "PersistentChain",
    "SpaceToDepth3d",
    "Standardise",
    "UNet2d",
    "ViewPool",
    "VoxelResidual",
    "VoxelUNet",
    "WindowConv3d",
    "annealed_log_partition",
    "cd_gradients",
    "contrastive_divergence",
    "descent",
    "fast_persistent_gradients",
    "log_partition",
    "wake_sleep_gradients",
]
