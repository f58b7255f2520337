"""Embedded shapes: parametric families with part labels and semantic attributes, any number, from a seed.

from geolearn.data import procedural
chair = procedural.make_shape("chair", seed=7)
taller = procedural.deformation(chair, "back height", 0.4)                       # 40 % more back
motion = procedural.flow(chair, "back height", 0.4, points)                      # of any point of space
key, label, shape = procedural.sample("train", 0)
"""

from geolearn.data.procedural import airplanes, cars, lamps, seating, storage, tables, tools, vessels  # noqa: F401
from geolearn.data.procedural.families import FAMILIES
from geolearn.data.procedural.shape import SPLITS, Shape, deformation, flow, limits, make_shape, sample

CLASSES: tuple[str, ...] = tuple(FAMILIES)

__all__ = ["CLASSES", "SPLITS", "Shape", "deformation", "flow", "limits", "make_shape", "sample"]
