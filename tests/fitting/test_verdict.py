"""Start and end of a fit are measured alike, the better one is returned, and the verdict says what was gained."""

import math

import pytest
import torch

from geolearn.fitting import Phase, fit_mesh, silhouette_iou
from geolearn.fitting.targets import targets_from
from geolearn.fitting.verdict import judge_fit, measure_agreement, misfit
from geolearn.ops.isosurface import isosurface
from geolearn.render import camera_rig, render_views
from geolearn.structures import Mesh, Views

STILL = (True, "the loss stood still")


def ball(radius=0.4, size=24):
    places = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, size)] * 3, indexing="ij"))
    mesh = isosurface(0.8 - places.norm(dim=0), 0.0)
    return Mesh((mesh.verts - (size - 1) / 2) * (2 / (size - 1)) * (radius / 0.8), mesh.faces)


def views_of(mesh, count=6, size=32, shading="silhouette"):
    cameras = camera_rig("sphere", count=count, size=size)
    masks = torch.nn.functional.avg_pool2d(render_views(mesh, cameras, size * 8, "silhouette"), 8)[:, 0]
    return Views(render_views(mesh, cameras, shading=shading), cameras, masks)


def figures(coverage, worst=None, **more):
    return {"iou": coverage, "coverage_iou": coverage, "worst_coverage_iou": worst or coverage} | more


def test_measures_are_those_of_silhouette_iou_and_the_worst_of_its_views():
    views = views_of(ball())
    views.masks[2] = views.masks[2].roll(3, 1)
    targets, smaller = targets_from(views, "none"), Mesh(ball().verts * 0.9, ball().faces)
    found = measure_agreement(smaller, targets, views.cameras)
    expected = silhouette_iou(smaller, views.masks, views.cameras)
    assert {name: found[name] for name in expected} == expected
    worst = silhouette_iou(smaller, views.masks[2:3], views.cameras[2])["coverage_iou"]
    assert found["worst_coverage_iou"] == worst < found["coverage_iou"]
    assert "normal_error_deg" not in found


def test_normals_of_a_turned_picture_are_off_by_its_angle():
    views = views_of(ball(), shading="normals")
    turn = math.radians(20)
    normals = 2 * views.images - 1
    x, y = normals[:, 0], normals[:, 1]
    turned = torch.stack([math.cos(turn) * x - math.sin(turn) * y, math.sin(turn) * x + math.cos(turn) * y], 1)
    pictures = (torch.cat([turned, normals[:, 2:]], 1) + 1) / 2
    right = measure_agreement(ball(), targets_from(views, "normals"), views.cameras)["normal_error_deg"]
    wrong = targets_from(Views(pictures.clamp(0, 1), views.cameras, views.masks), "normals")
    off = measure_agreement(ball(), wrong, views.cameras)["normal_error_deg"]
    assert right < 2
    slant = normals[:, :2].norm(dim=1)[views.masks >= 0.99]  # a normal turns by 2 asin(|xy| sin(turn / 2))
    expected = torch.rad2deg(2 * torch.asin(slant * math.sin(turn / 2))).mean()
    assert off == pytest.approx(float(expected), abs=1.0)


def test_the_verdict_asks_for_more_than_a_flat_loss():
    start = figures(0.9)
    assert judge_fit(start, figures(0.95), STILL, folded=0.0)[:2] == (False, True)
    assert not judge_fit(start, figures(0.95), (False, "still falling"), folded=0.0)[1]
    kept, converged, message = judge_fit(start, figures(0.85), STILL, folded=0.0)
    assert (kept, converged) == (True, False)
    assert "the start explains the views better (IoU 90.0 %, 85.0 % at the end), so it is kept" in message
    for end, folded, reason in (
        (figures(0.95, 0.6), 0.0, "the worst view agrees by 60.0 % only"),
        (figures(0.95, 0.8), 0.0, "the worst view agrees by 80.0 % only"),  # 90 % at the start
        (figures(0.95), 0.02, "2.0 % of the faces are folded"),
        (figures(0.9), 0.0, "nothing was gained"),
    ):
        kept, converged, message = judge_fit(start, end, STILL, folded=folded)
        assert (kept, converged) == (False, False)
        assert reason in message


def test_normals_count_beside_outlines():
    start, end = figures(0.96, normal_error_deg=20.0), figures(0.95, normal_error_deg=5.0)
    assert misfit(end) < misfit(start)
    kept, converged, message = judge_fit(start, end, STILL, folded=0.0)
    assert not kept
    assert converged
    assert "normals 5.0 degrees off, 20.0 at the start" in message


def test_a_fit_that_makes_it_worse_returns_its_start():
    shape = ball()
    rough = [Phase((8, 8), 1, 40, steps=25, rate=0.05)]
    result = fit_mesh(views_of(shape), start=shape, schedule=rough)
    assert torch.equal(result.shape.verts, shape.verts)
    assert result.metrics["coverage_iou"] == result.start_metrics["coverage_iou"] > 0.97
    assert not result.converged
    assert "so it is kept" in result.message


def test_a_fit_that_gains_says_from_where_to_where():
    start = Mesh(ball().verts * 0.8, ball().faces)
    result = fit_mesh(views_of(ball()), start=start, schedule=[Phase((32, 32), 2, 600, steps=40, rate=0.02)])
    assert result.metrics["coverage_iou"] > 0.85
    text = "silhouette IoU {:.1f} % over all views, {:.1f} % at the start".format(
        100 * result.metrics["coverage_iou"], 100 * result.start_metrics["coverage_iou"]
    )
    assert text in result.message
