"""`fit_mesh`: a triangle mesh from masks and cameras, with normals or shading where there are any."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting.frame import Frame, pixel_side
from geolearn.fitting.hull import visual_hull_mesh
from geolearn.fitting.metrics import coverage_iou, silhouette_iou, soundness
from geolearn.fitting.parametrisation import SmoothParametrisation
from geolearn.fitting.result import FitResult, Step
from geolearn.fitting.schedule import Phase, coarse_to_fine
from geolearn.fitting.surface_pictures import headlight, visible_normals
from geolearn.fitting.targets import Targets, targets_from
from geolearn.fitting.uniform_adam import UniformAdam
from geolearn.losses import silhouette_l1_loss
from geolearn.ops.remeshing import EQUILATERAL, is_closed, remesh, surface_area
from geolearn.render import render_silhouette
from geolearn.structures import Cameras, Mesh, Views
from geolearn.typing import Tensor

LAST_RATE = 0.05  # of a phase, as a part of its first
STILL = 0.02  # a fit stands still when the last tenth of its steps gains less than this part of the loss


def fit_mesh(
    views: Views,
    *,
    images: str = "auto",
    start: Mesh | None = None,
    schedule: Sequence[Phase] | None = None,
    views_per_step: int = 8,
    picture_weight: float = 1.0,
    progress: Callable[[Step], None] | None = None,
    generator: torch.Generator | None = None,
) -> FitResult:
    """The mesh whose silhouettes, and pictures where there are any, are those of the views.

        argmin over v of  mean over views |S(v) - mask|  +  picture_weight * mean over pixels |P(v) - picture|

    It starts from the visual hull (`visual_hull_mesh`), moves vertices through `SmoothParametrisation` by `UniformAdam`
    and remeshes at the beginning of every phase of the schedule, from coarse to fine. Every step sees a few of the
    views, in an order drawn anew in every pass over them, so time and memory per step do not depend on their number.
    Silhouettes alone cannot show concavities; with normals they appear, but deep ones come out too shallow, and sharp
    corners are rounded by about the edge length of the last phase.

    Args:
        views: at least two from different sides (one is enough with `start`), with masks; where there are none,
            pictures before a background of one colour.
        images: what the pictures show: "normals" (as `render_views(shading="normals")`), "shading" (a headlight on a
            surface of one colour: ambient + diffuse |cos|, whose two numbers are found), "none": only masks count, or
            "auto": "normals" if they look like it, otherwise "none".
        start: a mesh to begin with, in the world of the cameras. One that is not closed keeps its topology.
        schedule: phases; by default those of `coarse_to_fine` for the size of the images.
        views_per_step: how many views a step draws.
        picture_weight: see above.
        progress: called after every step.
        generator: source of randomness; by default one with seed 0, so that the same views give the same mesh.

    Returns:
        The mesh in the world of the cameras; `metrics` are those of `silhouette_iou` over all views, of `soundness`,
        and `seconds`. A KeyboardInterrupt ends the fit early; the result is what there is then, and says so.

    Raises:
        InvalidInputError: views that show nothing or everywhere something, cameras and masks that do not fit together,
            too few views, an empty start, or options out of range.
        UnknownNameError: no such kind of images.
    """
    began = time.perf_counter()
    if views_per_step < 1 or not 0 <= picture_weight < math.inf:
        raise InvalidInputError(
            "views_per_step, picture_weight: expected at least 1 and a weight >= 0, got "
            f"{views_per_step} and {picture_weight}"
        )
    if start is not None and len(start.faces) == 0:
        raise InvalidInputError("start: expected a mesh with faces, got one without")
    generator = generator or torch.Generator().manual_seed(0)
    targets = targets_from(views, images)
    phases = coarse_to_fine((views.cameras.height, views.cameras.width)) if schedule is None else tuple(schedule)
    world = visual_hull_mesh(targets.masks, targets.cameras) if start is None else start.to("cpu")
    frame = Frame.around(world)
    mesh = frame.into(Mesh(world.verts.detach(), world.faces))
    framed = replace(targets, cameras=frame.cameras(targets.cameras))
    history: list[Step] = []
    total, stopped = sum(phase.steps for phase in phases), False
    try:
        for number, phase in enumerate(phases):
            scaled = framed.at(phase.size)
            mesh = _remeshed(mesh, phase, scaled.cameras)
            parametrisation = SmoothParametrisation(mesh.faces, len(mesh.verts), phase.smoothness)
            coordinates = parametrisation.encode(mesh.verts).requires_grad_()
            optimiser = UniformAdam([coordinates], phase.rate)
            for step, chosen in enumerate(_turns(len(scaled.masks), views_per_step, phase.steps, generator)):
                optimiser.param_groups[0]["lr"] = phase.rate * _decay(step / phase.steps)
                optimiser.zero_grad()
                mesh = replace(mesh, verts=parametrisation.decode(coordinates))
                loss, iou = _loss(mesh, scaled.chosen(chosen), phase, picture_weight)
                loss.backward()
                optimiser.step()
                seconds = time.perf_counter() - began
                history.append(Step(len(history), total, loss.item(), iou, number, seconds))
                if progress is not None:
                    progress(history[-1])
            mesh = replace(mesh, verts=parametrisation.decode(coordinates))
    except KeyboardInterrupt:
        stopped = True
    mesh = frame.out_of(replace(mesh, verts=mesh.verts.detach()))
    metrics = silhouette_iou(mesh, targets.masks, targets.cameras) | soundness(mesh)
    metrics["seconds"] = time.perf_counter() - began
    converged, message = _verdict(history, phases, stopped)
    return FitResult(mesh, None, tuple(history), metrics, converged, message)


def _loss(mesh: Mesh, targets: Targets, phase: Phase, picture_weight: float) -> tuple[Tensor, float]:
    """The loss of some views, and the IoU of the areas that their silhouettes cover."""
    height, width = phase.size
    drawn_size = (height * phase.oversampling, width * phase.oversampling)
    sigma = phase.sigma * (2 / min(drawn_size)) ** 2
    silhouettes = render_silhouette(mesh, targets.cameras, drawn_size, sigma=sigma)
    silhouettes = torch.nn.functional.avg_pool2d(silhouettes, phase.oversampling)
    loss = silhouette_l1_loss(silhouettes, targets.masks)
    if picture_weight > 0:
        loss = loss + picture_weight * _picture_loss(mesh, targets, phase.size)
    return loss, coverage_iou(silhouettes.detach(), targets.masks)


def _picture_loss(mesh: Mesh, targets: Targets, size: tuple[int, int]) -> Tensor:
    """Mean over all pixels of |P - picture|, which is 0 where not both show the object alone."""
    if targets.pictures is None:
        return mesh.verts.sum() * 0
    seen = visible_normals(mesh, targets.cameras, size)
    inside = targets.full.reshape(-1)[seen.pixel]
    pictures = targets.pictures.movedim(1, -1).flatten(0, 2)[seen.pixel[inside]]
    if targets.kind == "normals":
        difference = seen.normals[inside] - pictures
    else:
        difference = (headlight(seen.cosine[inside], pictures[:, 0]) - pictures[:, 0])[:, None]
    return difference.abs().mean(1).sum() / targets.masks.numel()


def _remeshed(mesh: Mesh, phase: Phase, cameras: Cameras) -> Mesh:
    """With as many faces as the phase asks for, if the mesh is closed."""
    mesh = replace(mesh, verts=mesh.verts.detach())
    if phase.faces is None or not is_closed(mesh):
        return mesh
    edge = (surface_area(mesh) / phase.faces / EQUILATERAL) ** 0.5
    return remesh(mesh, max(edge, pixel_side(cameras, phase.size[0]) / 2))


def _turns(count: int, size: int, steps: int, generator: torch.Generator) -> Iterator[list[int]]:
    """`size` views for every step, nearly all of them before any comes again."""
    size = min(size, count)
    waiting: list[int] = []
    for _ in range(steps):
        if len(waiting) < size:
            waiting = torch.randperm(count, generator=generator).tolist()
        yield waiting[:size]
        waiting = waiting[size:]


def _decay(share: float) -> float:
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * share)) / 2


def _verdict(history: list[Step], phases: Sequence[Phase], stopped: bool) -> tuple[bool, str]:
    """Whether the loss of the last phase stood still, and a sentence on it."""
    if stopped:
        return False, f"interrupted after {len(history)} of {sum(phase.steps for phase in phases)} steps"
    losses = [step.loss for step in history if step.phase == len(phases) - 1]
    tenth = max(1, len(losses) // 10)
    if len(losses) < 2 * tenth + 1:
        return False, f"{len(losses)} steps in the last phase are too few to tell"
    before, after = (sum(part) / tenth for part in (losses[-2 * tenth : -tenth], losses[-tenth:]))
    gain = (before - after) / before if before > 0 else 0.0
    text = f"the last {tenth} steps lowered the loss by {100 * gain:.1f} %"
    return gain < STILL, text if gain < STILL else text + "; give the last phase of the schedule more steps"
