"""Where `fit_mesh` begins: a given mesh or a visual hull, and whether its thin parts need edges of their own."""

from typing import NamedTuple

import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting.camera_refinement import initial_cameras
from geolearn.fitting.fine_hull import fine_hull_mesh
from geolearn.fitting.frame import Frame
from geolearn.fitting.hull import visual_hull_mesh
from geolearn.fitting.mesh_descent import remesh_for_phase
from geolearn.fitting.metrics import silhouette_iou, soundness
from geolearn.fitting.picture_samples import is_in_picture
from geolearn.fitting.schedule import Phase
from geolearn.fitting.targets import Targets
from geolearn.fitting.verdict import measure_agreement, misfit
from geolearn.structures import Cameras, Mesh
from geolearn.typing import Float, Tensor

LOST = 0.015  # of coverage IoU, by the even triangles of the first phase
NARROW = 0.1  # of the area of the masks, in parts of at most two pixels


class MeshStart(NamedTuple):
    """What a fit begins with.

    Attributes:
        mesh: in the world.
        cameras: of the targets, or what `initial_cameras` made of them.
        metrics: of `measure_agreement` and `soundness`.
        thin: whether the first phase would lose thin parts of it, so that edges have to follow its thickness.
    """

    mesh: Mesh
    cameras: Cameras
    metrics: dict[str, float]
    thin: bool


def find_start(targets: Targets, phase: Phase, *, start: Mesh | None = None, refine_cameras: bool = False) -> MeshStart:
    """The given mesh, or the visual hull: without refined cameras a finer one where the shape has thin parts.

    A shape is thin where the even triangles of the first phase lose parts of it (remeshed for it, the start explains
    the views by more than 1.5 % of coverage IoU less), or where that phase halves the pictures and more than 10 % of
    the area of the masks is in parts of at most two pixels, around which a hull is too thick to lose anything. All
    others are fitted by even triangles.

    Args:
        phase: the first.
        start: a mesh to begin with.
        refine_cameras: whether the cameras are uncertain.

    Raises:
        InvalidInputError: as `visual_hull_mesh`, or no camera sees anything of the start.
    """
    cameras = targets.cameras
    if start is not None:
        mesh = start.to("cpu")
        _check_seen(mesh, targets)
    elif refine_cameras:
        mesh, cameras = initial_cameras(targets, torch.Generator().manual_seed(0))
    else:
        mesh = visual_hull_mesh(targets.masks, cameras)
    mesh = Mesh(mesh.verts.detach(), mesh.faces)
    metrics = _measure(mesh, targets, cameras)
    if start is not None or refine_cameras:  # neither need be near the shape yet, so the coarse phases have to move it
        return MeshStart(mesh, cameras, metrics, False)
    halved = min(targets.masks.shape[1:]) >= 2 * min(phase.size)
    narrow = halved and share_of_narrow_parts(targets.masks) > NARROW
    if not narrow and not _loses_thin_parts(mesh, metrics, targets, phase):
        return MeshStart(mesh, cameras, metrics, False)
    finer = fine_hull_mesh(targets.masks, cameras)
    if finer is not None:
        figures = _measure(finer, targets, cameras)
        if misfit(figures) < misfit(metrics):
            return MeshStart(finer, cameras, figures, True)
    return MeshStart(mesh, cameras, metrics, False)


def share_of_narrow_parts(masks: Float[Tensor, "N H W"]) -> float:
    """The share of the masks' area that no window of 3 x 3 pixels fits into.

    >>> lines = torch.zeros(1, 9, 9)
    >>> lines[0, 1:3] = 1  # two pixels wide
    >>> lines[0, 5:8] = 1  # three
    >>> share_of_narrow_parts(lines)
    0.4
    """
    solid = (masks >= 0.5).float()[:, None]
    inner = -torch.nn.functional.max_pool2d(-torch.nn.functional.pad(solid, (1,) * 4), 3, 1)
    wide = torch.nn.functional.max_pool2d(inner, 3, 1, 1) * solid
    return 1 - round(float(wide.sum() / solid.sum().clamp(min=1)), 6)


def _measure(mesh: Mesh, targets: Targets, cameras: Cameras) -> dict[str, float]:
    return measure_agreement(mesh, targets, cameras) | soundness(mesh)


def _loses_thin_parts(mesh: Mesh, metrics: dict[str, float], targets: Targets, phase: Phase) -> bool:
    frame = Frame.around(mesh)
    cameras = frame.cameras(targets.cameras)
    even = remesh_for_phase(frame.into(mesh), phase, cameras)
    return metrics["coverage_iou"] - silhouette_iou(even, targets.masks, cameras)["coverage_iou"] > LOST


def _check_seen(start: Mesh, targets: Targets) -> None:
    """
    Raises:
        InvalidInputError: no camera has a vertex of the start in its picture.
    """
    pixels, depth = targets.cameras.project(start.verts.detach())
    if not bool(is_in_picture(pixels, depth, targets.cameras.height, targets.cameras.width).any()):
        raise InvalidInputError(
            "start: no camera sees any of it: all look past it or away from it. Check the camera convention "
            "(geolearn.render.from_opengl, from_opencv, from_colmap, from_pytorch3d) and where the start lies"
        )
