"""One published architecture per file. Models take and return plain tensors."""

from geolearn.models.mvcnn import MVCNN
from geolearn.models.voxnet import MultiResolutionVoxNet, VoxNet
from geolearn.models.voxresnet import VoxResNet
from geolearn.models.weights import MODELS, load_model, pretrained_names, save_model

__all__ = [
    "MODELS",
    "MVCNN",
    "MultiResolutionVoxNet",
    "VoxNet",
    "VoxResNet",
    "load_model",
    "pretrained_names",
    "save_model",
]
