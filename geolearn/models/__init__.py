"""One published architecture per file. Models take and return plain tensors."""

from geolearn.models.deformationflownet import DeformationFlowNet, DeformedVolumeNet
from geolearn.models.deformed_meshes import DeformedMesh, attribute_motions, deform_mesh
from geolearn.models.meshlabelnet import MeshLabelNet
from geolearn.models.mvcnn import MVCNN
from geolearn.models.pcadecoder import PCADecoder
from geolearn.models.sdfdecoder import SDFDecoder
from geolearn.models.shapenets3d import ShapeNets3D
from geolearn.models.shapenets3d_classifier import ShapeNets3DClassifier
from geolearn.models.shapenets3d_completion import BeliefCompletion, complete_by_belief
from geolearn.models.surfacelabelnet import SurfaceLabelNet
from geolearn.models.voxelcompletionnet import VoxelCompletionNet
from geolearn.models.voxelvae import VoxelVAE
from geolearn.models.voxnet import MultiResolutionVoxNet, VoxNet
from geolearn.models.voxresnet import VoxResNet
from geolearn.models.weights import MODELS, find_weights, load_model, pretrained_names, save_model

__all__ = [
    "MODELS",
    "MVCNN",
    "BeliefCompletion",
    "DeformationFlowNet",
    "DeformedMesh",
    "DeformedVolumeNet",
    "MeshLabelNet",
    "MultiResolutionVoxNet",
    "PCADecoder",
    "SDFDecoder",
    "ShapeNets3D",
    "ShapeNets3DClassifier",
    "SurfaceLabelNet",
    "VoxNet",
    "VoxResNet",
    "VoxelCompletionNet",
    "VoxelVAE",
    "attribute_motions",
    "complete_by_belief",
    "deform_mesh",
    "find_weights",
    "load_model",
    "pretrained_names",
    "save_model",
]
