"""Thin parts live through a fit, and fits without thin parts are what they were."""

import pytest
import torch
import trimesh

from geolearn.fitting import Phase, fit_mesh, silhouette_iou, visual_hull_mesh
from geolearn.fitting.edge_sizes import GROWTH, thin_edge_lengths
from geolearn.fitting.fine_hull import fine_hull_mesh
from geolearn.fitting.mesh_start import find_start, share_of_narrow_parts
from geolearn.fitting.targets import targets_from
from geolearn.ops import mesh_edges
from geolearn.ops.isosurface import isosurface
from geolearn.ops.remeshing import is_closed
from geolearn.render import camera_rig, render_views
from geolearn.structures import Mesh, Views

PHASES = (Phase((32, 32), 4, 500, 15, 0.02), Phase((64, 64), 4, 1000, 20, 0.01))


def frame(width=0.05):
    """The twelve edges of a box as struts."""
    bars = []
    for axis in range(3):
        for i in (-0.45, 0.45):
            for j in (-0.45, 0.45):
                sides, centre = [width] * 3, [i, j]
                sides[axis] = 0.9 + width
                centre.insert(axis, 0.0)
                bars.append(trimesh.creation.box(sides, trimesh.transformations.translation_matrix(centre)))
    return Mesh.from_trimesh(trimesh.util.concatenate(bars))


def egg(size=24):
    x, y, z = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, size)] * 3, indexing="ij"))
    return isosurface(0.9 - (x**2 + 2 * y**2 + 3 * (z - 0.3 * x**2) ** 2).sqrt(), 0.0).normalised()


def views_of(mesh, count=8, size=64):
    cameras = camera_rig("sphere", count=count, size=size)
    masks = torch.nn.functional.avg_pool2d(render_views(mesh, cameras, size * 8, "silhouette"), 8)[:, 0]
    return Views(masks[:, None], cameras, masks)


@pytest.fixture(scope="module")
def struts():
    return views_of(frame())


def test_struts_live(struts):
    targets = targets_from(struts, "none")
    coarse = silhouette_iou(visual_hull_mesh(targets.masks, targets.cameras), targets.masks, targets.cameras)
    result = fit_mesh(struts, images="none", schedule=PHASES)
    assert share_of_narrow_parts(targets.masks) > 0.1
    assert [len(result.history), result.history[-1].total] == [20, 20]  # the last phase alone
    assert result.start_metrics["coverage_iou"] > coarse["coverage_iou"] + 0.1
    assert result.metrics["coverage_iou"] > result.start_metrics["coverage_iou"] > 0.85
    assert result.metrics["folded"] + result.metrics["degenerate"] < 0.005
    assert result.metrics["watertight"] == 1


def test_an_egg_has_no_thin_parts():
    targets = targets_from(views_of(egg(), 6, 32), "none")
    start = find_start(targets, PHASES[0])
    assert not start.thin
    assert share_of_narrow_parts(targets.masks) < 0.05
    assert torch.equal(start.mesh.verts, visual_hull_mesh(targets.masks, targets.cameras).verts)


def test_the_fine_hull_is_that_of_the_whole_grid():
    """Blocks that are left out hold nothing: a ball is where it is, and closed."""
    shape = egg()
    views = views_of(shape, 16, 64)
    hull = fine_hull_mesh(views.masks, views.cameras)
    assert is_closed(hull)
    assert float((hull.bounds - shape.bounds).abs().max()) < 0.03
    assert silhouette_iou(hull, views.masks, views.cameras)["coverage_iou"] > 0.97


def test_no_hull_where_nothing_is_in_all_masks():
    views = views_of(egg(), 6, 32)
    masks = views.masks.clone()
    corners = torch.nonzero(masks[0] > 0.5)
    masks[0] = 0
    masks[0, corners[0, 0], corners[0, 1]] = masks[0, corners[-1, 0], corners[-1, 1]] = 1
    masks[1] = masks[0].flip(1)
    assert fine_hull_mesh(masks, views.cameras) is None


class TestEdgeLengths:
    def test_a_third_of_the_thickness_and_no_sudden_changes(self):
        thin = trimesh.creation.box((1.0, 0.06, 0.06), trimesh.transformations.translation_matrix((0.7, 0, 0)))
        both = trimesh.boolean.union([trimesh.creation.box((0.6,) * 3), thin], engine="manifold").subdivide_to_size(
            0.05
        )
        mesh = Mesh.from_trimesh(both)
        lengths = thin_edge_lengths(mesh, 0.15, 0.005)
        strut, block = mesh.verts[:, 0] > 0.5, mesh.verts[:, 0] < 0.0
        assert float(lengths[strut].median()) == pytest.approx(0.02, rel=0.2)
        assert float(lengths[block].max()) == pytest.approx(0.15)
        edges = mesh_edges(mesh.faces)
        apart = (mesh.verts[edges[:, 0]] - mesh.verts[edges[:, 1]]).norm(dim=1)
        change = (lengths[edges[:, 0]] - lengths[edges[:, 1]]).abs()
        assert float((change - GROWTH * apart).max()) < 1e-4

    def test_none_is_shorter_than_the_shortest_nor_asks_for_too_many(self, monkeypatch):
        mesh = frame()
        assert float(thin_edge_lengths(mesh, 0.1, 0.03).min()) == pytest.approx(0.03)
        assert float(thin_edge_lengths(mesh, 0.02, 0.03).max()) == pytest.approx(0.02)
        monkeypatch.setattr("geolearn.fitting.edge_sizes.MOST_FACES", 100)
        assert float(thin_edge_lengths(mesh, 0.1, 0.01).min()) > 0.02
