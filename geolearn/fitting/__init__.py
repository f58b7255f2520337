"""Fitting shapes to images: argmin over a mesh, a grid or the code of a decoder."""

from geolearn.fitting.grid_fit import fit_grid
from geolearn.fitting.hull import object_box, visual_hull_mesh
from geolearn.fitting.latent_fit import fit_latent
from geolearn.fitting.mesh_fit import fit_mesh
from geolearn.fitting.metrics import silhouette_iou, soundness, surface_agreement
from geolearn.fitting.parametrisation import SmoothParametrisation
from geolearn.fitting.result import FitResult, Step
from geolearn.fitting.schedule import Phase, coarse_to_fine
from geolearn.fitting.uniform_adam import UniformAdam
from geolearn.fitting.vertex_colours import vertex_colours

__all__ = [
    "FitResult",
    "Phase",
    "SmoothParametrisation",
    "Step",
    "UniformAdam",
    "coarse_to_fine",
    "fit_grid",
    "fit_latent",
    "fit_mesh",
    "object_box",
    "silhouette_iou",
    "soundness",
    "surface_agreement",
    "vertex_colours",
    "visual_hull_mesh",
]
