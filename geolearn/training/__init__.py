"""Learning: methods, recipes, runs, tests and benchmarks."""

from geolearn.training import methods as _methods  # noqa: F401 (registers them)
from geolearn.training.predictor import Predictor, load_predictor

__all__ = ["Predictor", "load_predictor"]
