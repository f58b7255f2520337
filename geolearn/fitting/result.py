"""What a fit returns: the shape, the course of the fit, and whether it converged."""

from dataclasses import dataclass
from typing import NamedTuple

from geolearn.fitting.targets import Targets
from geolearn.structures import Cameras, Mesh, VoxelGrid
from geolearn.typing import Tensor


class Step(NamedTuple):
    """One step of a fit.

    Attributes:
        number: 0, 1, ...; total: how many there will be.
        loss: of the views of this step, with all its terms.
        iou: `coverage_iou` of the silhouettes of these views, at the size of the phase.
        phase: of the schedule.
        seconds: since the start of the fit.

    >>> step = Step(number=0, total=100, loss=0.2, iou=0.7, phase=0, seconds=0.1)
    >>> f"{step.number + 1} of {step.total}: IoU {step.iou}"
    '1 of 100: IoU 0.7'
    """

    number: int
    total: int
    loss: float
    iou: float
    phase: int
    seconds: float


@dataclass(frozen=True, eq=False)
class FitResult:
    """The outcome of `fit_mesh`, `fit_grid` or `fit_latent`.

    Attributes:
        shape: a mesh or a grid, in the world of the cameras.
        code: of the decoder, where one was used.
        history: an entry per step.
        metrics: numbers by name; see the function that made the result.
        converged: whether the loss stood still at the end, and for a mesh what `judge_fit` asks for; `message` says by
            how much the loss still fell, or what stopped it, and what was gained.
        targets: what the shape was fitted to: the views that show something, with their cameras as they were given.
        start: the mesh that the fit began with, in the world of the cameras; `start_metrics` are its numbers, where
            they were measured.
        cameras: of the views that show something, where they were refined.

    >>> import torch
    >>> mesh = Mesh(torch.eye(3), torch.tensor([[0, 1, 2]]))
    >>> cameras = Cameras(torch.eye(3)[None], torch.eye(4)[None], 2, 2)
    >>> targets = Targets(torch.ones(1, 2, 2), None, "none", cameras)
    >>> result = FitResult(mesh, None, (), {"iou": 0.9}, True, "the loss stood still", targets)
    >>> result
    FitResult(Mesh('', 3 verts, 1 faces), 0 steps, converged: the loss stood still)
    >>> result.converged, result.metrics["iou"]
    (True, 0.9)
    """

    shape: Mesh | VoxelGrid
    code: Tensor | None
    history: tuple[Step, ...]
    metrics: dict[str, float]
    converged: bool
    message: str
    targets: Targets
    start: Mesh | None = None
    cameras: Cameras | None = None
    start_metrics: dict[str, float] | None = None

    def __repr__(self) -> str:
        state = "converged" if self.converged else "NOT converged"
        return f"FitResult({self.shape!r}, {len(self.history)} steps, {state}: {self.message})"
