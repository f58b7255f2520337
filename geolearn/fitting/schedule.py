"""Coarse to fine: which picture size, edge length, blur and rate in which phase of a fit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from geolearn.errors import InvalidInputError

COARSEST = 64  # pixels across the shorter side
DRAWN = 256  # the side silhouettes are drawn at, up to four times that of the targets
PHASES = ((2500, 80, 0.02, 19.0), (5000, 150, 0.01, 19.0), (10000, 150, 0.01, 5.0))  # faces, steps, rate, smoothness
FINE_RATE, FINE_STEPS = 0.2, 100  # of `fine_only`: a part of the rate, and at most so many steps


@dataclass(frozen=True)
class Phase:
    """One phase of a fit, at one topology.

    Attributes:
        size: height and width of the targets, to which the views are averaged down.
        oversampling: silhouettes are drawn this many times larger and averaged, as a sensor averages over its pixels.
        faces: how many the mesh is remeshed to, though never to edges below half a pixel; None: keep the mesh.
        steps: how many.
        rate: the largest step of a vertex, in units of the object's longest side.
        sigma: softness of drawn silhouettes, in squared drawn pixels.
        smoothness: lambda of the parametrisation.

    >>> phase = Phase(size=(64, 64), oversampling=4, faces=2500, steps=80, rate=0.02)
    >>> phase.sigma, phase.smoothness
    (0.05, 19.0)
    """

    size: tuple[int, int]
    oversampling: int
    faces: int | None
    steps: int
    rate: float
    sigma: float = 0.05
    smoothness: float = 19.0

    def __post_init__(self) -> None:
        sound = min(self.size) >= 1 and self.oversampling >= 1 and self.steps >= 1
        if not sound or min(self.rate, self.sigma) <= 0 or self.smoothness < 0 or (self.faces or 4) < 4:
            raise InvalidInputError(
                f"schedule: expected positive sizes, steps, rate and sigma and at least 4 faces, got {self}"
            )


def fine_only(phases: Sequence[Phase]) -> tuple[Phase, ...]:
    """The last phase of a schedule alone, for a start that the phases before would make coarser than it is.

    Steps are a fifth as large, and silhouettes are drawn at twice the size of the pictures or more: with one sample per
    pixel, parts of few pixels come out wrong by a part of a pixel.

    >>> phase = fine_only(coarse_to_fine((256, 256)))[0]
    >>> phase.size, phase.oversampling, round(phase.rate, 4), phase.steps
    ((256, 256), 2, 0.002, 100)
    """
    last = phases[-1]
    rate, steps = FINE_RATE * last.rate, min(last.steps, FINE_STEPS)
    return (replace(last, oversampling=max(2, last.oversampling), rate=rate, steps=steps),)


def coarse_to_fine(size: tuple[int, int]) -> tuple[Phase, ...]:
    """The default schedule for images of a size: the shape first on small pictures, then details on large ones.

    Args:
        size: height and width of the images.

    >>> [phase.size for phase in coarse_to_fine((256, 512))]
    [(64, 128), (128, 256), (256, 512)]
    """
    shorter = min(size)
    phases = []
    for number, (faces, steps, rate, smoothness) in enumerate(PHASES):
        side = min(shorter, COARSEST * 2**number)
        height, width = (max(1, round(length * side / shorter)) for length in size)
        oversampling = min(4, max(1, DRAWN // side))
        phases.append(Phase((height, width), oversampling, faces, steps, rate, smoothness=smoothness))
    return tuple(phases)
