"""Learning: methods, recipes, runs, tests and benchmarks."""

from geolearn.training import methods as _methods  # noqa: F401 (registers them)
from geolearn.training.method import METHODS, Figure, GradientMethod, Method, Outcome, Phase, Prediction
from geolearn.training.predictor import Predictor, load_predictor
from geolearn.training.recipes import RECIPES, GradientRecipe, Recipe
from geolearn.training.runs import Run, make_run, train
from geolearn.training.shape_index import Neighbour, ShapeIndex
from geolearn.training.testing import evaluate
from geolearn.training.transforms import Transforms

__all__ = [
    "METHODS",
    "RECIPES",
    "Figure",
    "GradientMethod",
    "GradientRecipe",
    "Method",
    "Neighbour",
    "Outcome",
    "Phase",
    "Prediction",
    "Predictor",
    "Recipe",
    "Run",
    "ShapeIndex",
    "Transforms",
    "evaluate",
    "load_predictor",
    "make_run",
    "train",
]
