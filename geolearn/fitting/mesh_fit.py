"""`fit_mesh`: a triangle mesh from masks and cameras, with normals or shading where there are any."""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting.camera_offsets import align_to_given
from geolearn.fitting.checkpoint import Checkpoint
from geolearn.fitting.frame import Frame
from geolearn.fitting.mesh_descent import MeshDescent
from geolearn.fitting.mesh_start import find_start
from geolearn.fitting.metrics import soundness
from geolearn.fitting.own_frame import own_frame
from geolearn.fitting.pace import standstill
from geolearn.fitting.result import FitResult, Step
from geolearn.fitting.schedule import Phase, coarse_to_fine, fine_only
from geolearn.fitting.targets import ImageKind, Targets, targets_from
from geolearn.fitting.verdict import judge_fit, measure_agreement
from geolearn.structures import Cameras, Mesh, Views
from geolearn.typing import PathLike


def fit_mesh(
    views: Views,
    *,
    images: ImageKind = "auto",
    start: Mesh | None = None,
    schedule: Sequence[Phase] | None = None,
    views_per_step: int = 8,
    picture_weight: float = 1.0,
    refine_cameras: bool = False,
    checkpoint: PathLike | None = None,
    resume: bool = False,
    progress: Callable[[Step], None] | None = None,
    generator: torch.Generator | None = None,
) -> FitResult:
    """The mesh whose silhouettes, and pictures where there are any, are those of the views.

        argmin over v of  mean over views |S(v) - mask|  +  picture_weight * mean over pixels |P(v) - picture|

    It starts from the visual hull (`find_start`), moves vertices through `SmoothParametrisation` by `UniformAdam`
    and remeshes at the beginning of every phase of the schedule, from coarse to fine. Every step sees a few of the
    views, in a new random order in every pass, so time and memory per step do not depend on the number of views.
    Silhouettes alone cannot show concavities; with normals they appear, but deep ones come out too shallow, and sharp
    corners are rounded by about the edge length of the last phase. Faces that a phase leaves folded or without area are
    smoothed away (`unfold`). Where even triangles would lose thin parts in the first phase, the hull is a finer one,
    edges follow the thickness of the shape, and there is only the last phase (`fine_only`).

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
        refine_cameras: whether poses are uncertain, by a few degrees, and move with the fit (`CameraOffsets`). Pictures
            do not say how the world lies; it is chosen so that the refined cameras are closest to the given ones.
            Needs two views.
        checkpoint: a file that holds the state of the fit, written every half minute, at an interrupt and at the end.
        resume: go on from the checkpoint if it is there; the end is the same as without a break.
        progress: called after every step.
        generator: source of randomness; by default one with seed 0, so that the same views give the same mesh.

    Returns:
        The mesh in the world of the cameras, and the refined cameras if they were to be; `metrics` are those of
        `measure_agreement` over all views, of `soundness`, and `seconds`; `start_metrics` the same of the start. Where
        the start explains the views better than the end, it is returned, and the message says so. A KeyboardInterrupt
        ends the fit early; the result is what there is then, or the mesh of the phase before if that fits better, and
        says so. `converged`: see `judge_fit`.

    Raises:
        InvalidInputError: views that show nothing or everywhere something, cameras and masks that do not fit together,
            too few views, an empty start, options out of range, or a checkpoint of another fit.
        UnknownNameError: no such kind of images.

    >>> import trimesh
    >>> from geolearn.render import camera_rig, render_views
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> cameras = camera_rig("sphere", count=4, size=16)
    >>> masks = render_views(ball, cameras, shading="silhouette")
    >>> views = Views(masks, cameras, masks[:, 0])
    >>> result = fit_mesh(views, start=ball, schedule=[Phase((16, 16), 1, None, steps=2, rate=0.01)])
    >>> len(result.history), result.metrics["iou"] > 0.8
    (2, True)
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
    if not phases:
        raise InvalidInputError("schedule: expected at least one phase, got none")
    in_world = targets.cameras
    own = own_frame(in_world, start)
    if own is not None:
        targets = replace(targets, cameras=own.cameras(in_world))
        start = None if start is None else own.into(start)
    given = targets.cameras
    if refine_cameras and len(given) < 2:
        raise InvalidInputError(f"refine_cameras: expected at least two views that show something, got {len(given)}")
    world, cameras, begun, thin = find_start(targets, phases[0], start=start, refine_cameras=refine_cameras)
    targets = replace(targets, cameras=cameras)
    if thin:
        phases = fine_only(phases)
    frame = Frame.around(world)
    descent = MeshDescent(
        frame.into(world),
        replace(targets, cameras=frame.cameras(targets.cameras)),
        phases,
        views_per_step=views_per_step,
        picture_weight=picture_weight,
        generator=generator,
        refine_cameras=refine_cameras,
        thin=thin,
        spent=time.perf_counter() - began,
    )
    settings = (phases, views_per_step, picture_weight, targets.kind, refine_cameras)
    keeper = None if checkpoint is None else Checkpoint(checkpoint, _digest(targets, world, settings, generator))
    if keeper is not None and resume and keeper.exists():
        descent.restore(keeper.load(descent.state()))

    def after_step(step: Step) -> None:
        if keeper is not None:
            keeper.save_now_and_then(descent.state)
        if progress is not None:
            progress(step)

    stopped = False
    try:
        descent.run(after_step)
    except KeyboardInterrupt:
        stopped = True
    if keeper is not None:
        keeper.save(descent.state())
    if stopped:
        descent.keep_the_better()
    mesh, cameras = _into_world(descent.mesh, descent.cameras, given, frame, moved=refine_cameras)
    metrics = measure_agreement(mesh, targets, cameras) | soundness(mesh)
    course = _describe_course(descent.history, phases, stopped)
    flawed = metrics["folded"] + metrics["degenerate"]
    kept_start, converged, message = judge_fit(begun, metrics, course, folded=flawed)
    if kept_start:
        at_start = frame.into(world), frame.cameras(targets.cameras)
        mesh, cameras = _into_world(*at_start, given, frame, moved=True) if refine_cameras else (world, given)
        metrics = dict(begun)
    metrics["seconds"] = descent.seconds()
    result = FitResult(
        mesh,
        None,
        tuple(descent.history),
        metrics,
        converged,
        message,
        targets=replace(targets, cameras=given),
        start=world,
        start_metrics=begun,
        cameras=cameras if refine_cameras else None,
    )
    return result if own is None else own.world_result(result, in_world)


def _into_world(mesh: Mesh, cameras: Cameras, given: Cameras, frame: Frame, *, moved: bool) -> tuple[Mesh, Cameras]:
    """Mesh and cameras of the frame, in the world of the given cameras, which they are unless they were moved."""
    if not moved:
        return frame.out_of(mesh), given
    mesh, cameras = align_to_given(mesh, cameras, frame.cameras(given))
    return frame.out_of(mesh), frame.world_cameras(cameras)


def _digest(targets: Targets, start: Mesh, settings: tuple[object, ...], generator: torch.Generator) -> str:
    """Names a fit: its views, its start, its settings and its seed."""
    digest = hashlib.sha256(repr(settings).encode() + generator.get_state().numpy().tobytes())
    cameras = targets.cameras
    for values in (targets.masks, targets.pictures, cameras.K, cameras.world_to_camera, start.verts, start.faces):
        if values is not None:
            digest.update(values.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _describe_course(history: list[Step], phases: Sequence[Phase], stopped: bool) -> tuple[bool, str]:
    """Whether the loss of the last phase stood still, and a sentence on it."""
    if stopped:
        return False, f"interrupted after {len(history)} of {sum(phase.steps for phase in phases)} steps"
    return standstill([step.loss for step in history if step.phase == len(phases) - 1])
