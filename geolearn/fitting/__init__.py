"""Fitting shapes to images: argmin over a mesh, a grid or the code of a decoder; completion of what depth maps show."""

from geolearn.fitting.completion import Completion, complete_depth, complete_observation, complete_scan
from geolearn.fitting.grid_fit import fit_grid
from geolearn.fitting.hull import object_box, visual_hull_mesh
from geolearn.fitting.latent_fit import fit_latent
from geolearn.fitting.mesh_fit import fit_mesh
from geolearn.fitting.metrics import silhouette_iou, soundness, surface_agreement
from geolearn.fitting.next_view import NextViewSettings, choose_next_view, expected_entropy, fuse_observations
from geolearn.fitting.parametrisation import SmoothParametrisation
from geolearn.fitting.result import FitResult, Step
from geolearn.fitting.schedule import Phase, coarse_to_fine
from geolearn.fitting.uniform_adam import UniformAdam
from geolearn.fitting.vertex_colours import vertex_colours

__all__ = [
    "Completion",
    "FitResult",
    "NextViewSettings",
    "Phase",
    "SmoothParametrisation",
    "Step",
    "UniformAdam",
    "choose_next_view",
    "coarse_to_fine",
    "complete_depth",
    "complete_observation",
    "complete_scan",
    "expected_entropy",
    "fit_grid",
    "fit_latent",
    "fit_mesh",
    "fuse_observations",
    "object_box",
    "silhouette_iou",
    "soundness",
    "surface_agreement",
    "vertex_colours",
    "visual_hull_mesh",
]
