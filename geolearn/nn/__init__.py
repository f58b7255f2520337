"""Layers: plain modules on plain tensors, each usable with nothing else of ours."""

<<<<<<< HEAD
from geolearn.nn.view_pool import ViewPool
=======
from geolearn.nn.faces import FaceBlock, FaceDiffusion, Standardise
from geolearn.nn.views import ViewPool
>>>>>>> e60cd1c (MeshLabelNet and SurfaceLabelNet: a CNN on 600 features of a face, and learned heat diffusion over the faces of a mesh)
from geolearn.nn.voxel import DepthToSpace3d, SpaceToDepth3d, VoxelResidual

__all__ = ["DepthToSpace3d", "FaceBlock", "FaceDiffusion", "SpaceToDepth3d", "Standardise", "ViewPool", "VoxelResidual"]
