"""What a fit gained: its start and its end measured alike, the better of them, and whether the fit has converged."""

import math

import torch

from geolearn.fitting.metrics import coverage_iou, draw_coverage
from geolearn.fitting.surface_pictures import visible_normals
from geolearn.fitting.targets import Targets
from geolearn.structures import Cameras, Mesh

RIGHT_ANGLE_DEG = 90.0  # a mean error of normals that weighs as much as outlines that have nothing in common
WORST_VIEW = 0.7  # coverage IoU below which a view is not explained
WORST_LOSS = 0.05  # what the worst view may lose against the start
FOLDED = 0.01  # share of faces


def measure_agreement(mesh: Mesh, targets: Targets, cameras: Cameras) -> dict[str, float]:
    """How well a mesh explains all views, at their own size and without any softness.

    Args:
        cameras: of the targets, as they are now.

    Returns:
        `iou` and `coverage_iou` as `silhouette_iou`, `worst_coverage_iou` of all views, and with normals
        `normal_error_deg`: the mean angle between the normals of the mesh and the pictures, over the pixels that both
        show; 90 where there are none.

    >>> import trimesh
    >>> from geolearn.render import camera_rig, render_views
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> cameras = camera_rig("sphere", count=4, size=16)
    >>> masks = render_views(ball, cameras, shading="silhouette")[:, 0]
    >>> sorted(measure_agreement(ball, Targets(masks, None, "none", cameras), cameras))
    ['coverage_iou', 'iou', 'worst_coverage_iou']
    """
    hard, covered = [], []
    angles, pixels = 0.0, 0
    for number in range(len(cameras)):
        drawn, mask = draw_coverage(mesh, cameras[number]), targets.masks[number, None]
        hard.append(float(coverage_iou((drawn >= 0.5).float(), (mask >= 0.5).float())))
        covered.append(float(coverage_iou(drawn, mask)))
        if targets.kind == "normals":
            found = _normal_angles_deg(mesh, targets.select([number]), cameras[number])
            angles, pixels = angles + float(found.double().sum()), pixels + len(found)
    figures = {
        "iou": sum(hard) / len(hard),
        "coverage_iou": sum(covered) / len(covered),
        "worst_coverage_iou": min(covered),
    }
    if targets.kind == "normals":
        figures["normal_error_deg"] = angles / pixels if pixels else RIGHT_ANGLE_DEG
    return figures


def misfit(figures: dict[str, float]) -> float:
    """One number to compare start and end by: 1 - coverage IoU, and with normals their mean error / 90 degrees more.

    >>> round(misfit({"coverage_iou": 0.9, "normal_error_deg": 9.0}), 3)
    0.2
    """
    return 1 - figures["coverage_iou"] + figures.get("normal_error_deg", 0.0) / RIGHT_ANGLE_DEG


def judge_fit(
    start: dict[str, float], end: dict[str, float], course: tuple[bool, str], *, folded: float
) -> tuple[bool, bool, str]:
    """Whether the start is the better one, whether the fit has converged, and a sentence on what was gained.

    Args:
        start, end: of `measure_agreement`.
        course: whether the loss stood still at the end, and a sentence on it (`standstill`).
        folded: share of folded and degenerate faces at the end.

    Returns:
        The start is better if its `misfit` is less. A fit has converged if the loss stood still, the end beats the
        start, its worst view is explained (coverage IoU at least 0.7, and no more than 0.05 below that of the start),
        and at most 1 % of the faces are folded or degenerate.

    >>> start, end = ({"iou": x, "coverage_iou": x, "worst_coverage_iou": x} for x in (0.9, 0.95))
    >>> judge_fit(start, end, (True, "the loss stood still"), folded=0.0)
    (False, True, 'the loss stood still; silhouette IoU 95.0 % over all views, 90.0 % at the start')
    """
    still, message = course
    if misfit(start) < misfit(end):
        return True, False, f"{message}; the start explains the views better ({_compare(start, end)}), so it is kept"
    doubts = []
    if end["worst_coverage_iou"] < max(WORST_VIEW, start["worst_coverage_iou"] - WORST_LOSS):
        doubts.append(f"the worst view agrees by {_percent(end['worst_coverage_iou'])} only")
    if folded > FOLDED:
        doubts.append(f"{_percent(folded)} of the faces are folded or degenerate")
    if misfit(start) == misfit(end):
        doubts.append("nothing was gained")
    gained = f"silhouette {_compare(end, start, 'over all views', 'at the start')}"
    return False, still and not doubts, "; ".join([message, gained, *doubts])


def _compare(one: dict[str, float], other: dict[str, float], of_one: str = "", of_other: str = "at the end") -> str:
    text = f"IoU {' '.join(filter(None, [_percent(one['coverage_iou']), of_one]))}, "
    text += f"{_percent(other['coverage_iou'])} {of_other}"
    if "normal_error_deg" in one:
        text += f"; normals {one['normal_error_deg']:.1f} degrees off, {other['normal_error_deg']:.1f} {of_other}"
    return text


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


@torch.no_grad()
def _normal_angles_deg(mesh: Mesh, view: Targets, camera: Cameras) -> torch.Tensor:
    """Of one view, at the pixels that show the object alone and see the mesh."""
    if view.pictures is None:
        return torch.zeros(0)
    seen = visible_normals(mesh, camera, (camera.height, camera.width))
    inside = view.full.reshape(-1)[seen.pixel]
    wanted = view.pictures.movedim(1, -1).flatten(0, 2)[seen.pixel[inside]]
    cosine = (seen.normals[inside] * wanted).sum(1).clamp(-1, 1)
    return torch.acos(cosine) * (180 / math.pi)
