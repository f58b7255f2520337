"""One published architecture per file. Models take and return plain tensors."""

from geolearn.models.mvcnn import MVCNN
from geolearn.models.pcadecoder import PCADecoder
from geolearn.models.sdfdecoder import SDFDecoder
from geolearn.models.shapenets3d import ShapeNets3D
from geolearn.models.shapenets3d_classifier import ShapeNets3DClassifier
from geolearn.models.shapenets3d_completion import BeliefCompletion, complete_by_belief
from geolearn.models.voxelvae import VoxelVAE
from geolearn.models.voxnet import MultiResolutionVoxNet, VoxNet
from geolearn.models.voxresnet import VoxResNet
from geolearn.models.weights import MODELS, load_model, pretrained_names, save_model

__all__ = [
    "MODELS",
    "MVCNN",
    "BeliefCompletion",
    "MultiResolutionVoxNet",
    "PCADecoder",
    "SDFDecoder",
    "ShapeNets3D",
    "ShapeNets3DClassifier",
    "VoxNet",
    "VoxResNet",
    "VoxelVAE",
    "complete_by_belief",
    "load_model",
    "pretrained_names",
    "save_model",
]
