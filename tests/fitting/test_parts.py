"""The parts of a fit, one by one: parametrisation, optimiser, frame, hull, schedule, pictures, metrics."""

import math

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting import SmoothParametrisation, UniformAdam, coarse_to_fine, object_box, visual_hull_mesh
from geolearn.fitting.frame import Frame, pixel_side
from geolearn.fitting.metrics import silhouette_iou, soundness, surface_agreement
from geolearn.fitting.surface_pictures import headlight, visible_normals
from geolearn.fitting.targets import targets_from
from geolearn.ops import mesh_edges
from geolearn.ops.isosurface import isosurface
from geolearn.ops.remeshing import remesh
from geolearn.render import camera_rig, render_views
from geolearn.structures import Mesh, Views


def ball(radius=0.4, size=16):
    places = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, size)] * 3, indexing="ij"))
    mesh = isosurface(0.8 - places.norm(dim=0), 0.0)
    verts = (mesh.verts - (size - 1) / 2) * (2 / (size - 1)) * (radius / 0.8)
    return remesh(Mesh(verts, mesh.faces), radius / 6)


class TestParametrisation:
    def test_solves_its_system(self):
        mesh = ball()
        count = len(mesh.verts)
        matrix = torch.eye(count)
        for a, b in mesh_edges(mesh.faces).tolist():
            matrix[a, a] += 7
            matrix[b, b] += 7
            matrix[a, b] -= 7
            matrix[b, a] -= 7
        parametrisation = SmoothParametrisation(mesh.faces, count, 7.0)
        coordinates = parametrisation.encode(mesh.verts)
        torch.testing.assert_close(coordinates, matrix @ mesh.verts, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(parametrisation.decode(coordinates), mesh.verts, rtol=1e-4, atol=1e-5)
        coordinates.requires_grad_()
        weights = torch.randn(count, 3, generator=torch.Generator().manual_seed(0))
        (parametrisation.decode(coordinates) * weights).sum().backward()
        torch.testing.assert_close(coordinates.grad, torch.linalg.solve(matrix, weights), rtol=1e-3, atol=1e-5)

    def test_identity_without_smoothness_and_bad_values(self):
        mesh = ball()
        parametrisation = SmoothParametrisation(mesh.faces, len(mesh.verts), 0.0)
        assert torch.equal(parametrisation.encode(mesh.verts), mesh.verts)
        with pytest.raises(InvalidInputError, match="lambda >= 0"):
            SmoothParametrisation(mesh.faces, len(mesh.verts), -1.0)

    def test_a_vertex_without_faces_stays(self):
        faces = torch.tensor([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])
        parametrisation = SmoothParametrisation(faces, 6)
        right = torch.ones(6, 3)
        torch.testing.assert_close(parametrisation.decode(right), right)


class TestUniformAdam:
    def test_first_steps_by_hand(self):
        x = torch.tensor([1.0, 1.0], requires_grad=True)
        optimiser = UniformAdam([x], lr=0.1, betas=(0.5, 0.5))
        x.grad = torch.tensor([4.0, -1.0])
        optimiser.step()  # one step is scaled by the largest gradient
        assert x.tolist() == pytest.approx([0.9, 1.025])
        x.grad = torch.tensor([0.0, 0.0])
        optimiser.step()  # m^ = (4, -1) * 0.25 / 0.75, s^ = 16 * 0.25 / 0.75
        assert x[0].item() == pytest.approx(0.9 - 0.1 * (4 / 3) / math.sqrt(16 / 3))

    def test_zero_gradient_moves_nothing_and_closure_is_called(self):
        x = torch.ones(2, requires_grad=True)
        x.grad = torch.zeros(2)
        assert UniformAdam([x], lr=0.1).step(lambda: torch.tensor(5.0)) == 5
        assert x.tolist() == [1, 1]


class TestHull:
    @pytest.mark.parametrize("height, width", [(48, 48), (40, 60)])
    def test_box_and_hull_hold_the_ball_and_little_more(self, height, width):
        mesh = Mesh(ball().verts * torch.tensor([1.0, 0.5, 0.8]) + torch.tensor([0.05, 0.0, -0.1]), ball().faces)
        cameras = camera_rig("sphere", count=20, size=(height, width))
        masks = render_views(mesh, cameras, shading="silhouette")[:, 0]
        box, pixel = object_box(masks, cameras), pixel_side(cameras, height)
        gap = (mesh.bounds - box) * torch.tensor([[1.0], [-1.0]])
        assert float(gap.min()) > -pixel
        assert float(gap.max()) < 3 * pixel
        hull = visual_hull_mesh(masks, cameras, 40)
        report = soundness(hull)
        assert report["watertight"] == 1
        agreement = silhouette_iou(hull, masks, cameras)
        assert agreement["iou"] > 0.85

    def test_a_wrong_view_among_many_is_overruled(self):
        cameras = camera_rig("sphere", count=12, size=32)
        masks = render_views(ball(), cameras, shading="silhouette")[:, 0]
        masks[3] = masks[3].roll(16, 1)  # across the border, so that the box still holds
        assert soundness(visual_hull_mesh(masks, cameras, 24))["watertight"] == 1

    def test_one_view_leaves_depth_open(self):
        cameras = camera_rig("ring", count=1, size=32)
        masks = render_views(ball(), cameras, shading="silhouette")[:, 0]
        with pytest.raises(InvalidInputError, match="depth of the object open"):
            object_box(masks, cameras)


class TestFrame:
    def test_there_and_back_and_the_same_pictures(self):
        mesh = Mesh(ball().verts * 9 + torch.tensor([4.0, 5, 6]), ball().faces)
        frame = Frame.around(mesh)
        inside = frame.into(mesh)
        assert float((inside.bounds[1] - inside.bounds[0]).max()) == pytest.approx(1)
        torch.testing.assert_close(frame.out_of(inside).verts, mesh.verts)
        cameras = camera_rig("sphere", count=5, size=32, distance=40.0)
        pixels = [c.project(m.verts)[0] for c, m in ((cameras, mesh), (frame.cameras(cameras), inside))]
        torch.testing.assert_close(*pixels, rtol=1e-4, atol=1e-3)


class TestTargets:
    def test_schedule_ends_at_the_images_or_their_limit(self):
        assert [phase.size for phase in coarse_to_fine((64, 64))] == [(64, 64)] * 3
        assert [phase.size for phase in coarse_to_fine((1024, 2048))] == [(64, 128), (128, 256), (256, 512)]
        assert coarse_to_fine((1, 5))[0].size == (1, 5)

    def test_averaging_keeps_area_and_unit_normals_of_the_object(self):
        cameras = camera_rig("ring", count=3, size=32)
        mesh = ball()
        views = Views(
            render_views(mesh, cameras, shading="normals"),
            cameras,
            render_views(mesh, cameras, shading="silhouette")[:, 0],
        )
        targets = targets_from(views, "auto")
        assert targets.kind == "normals"
        small = targets.at((16, 16))
        assert small.masks.mean().item() == pytest.approx(targets.masks.mean().item())
        lengths = small.pictures.norm(dim=1)[small.full]
        torch.testing.assert_close(lengths, torch.ones_like(lengths))
        assert (
            targets_from(Views(views.masks[:, None].expand(-1, 3, -1, -1), cameras, views.masks), "auto").kind == "none"
        )


class TestSurfacePictures:
    def test_normals_are_those_of_render_views(self):
        cameras = camera_rig("sphere", count=4, size=(24, 36))
        picture = render_views(ball(), cameras, shading="normals") * 2 - 1
        seen = visible_normals(ball(), cameras, (24, 36))
        expected = picture.movedim(1, -1).reshape(-1, 3)[seen.pixel]
        torch.testing.assert_close(seen.normals, expected, atol=2e-3, rtol=0)
        shading = render_views(ball(), cameras, shading="smooth").reshape(-1)[seen.pixel]
        torch.testing.assert_close(0.3 + 0.6 * seen.cosine.abs(), shading, atol=2e-3, rtol=0)

    def test_headlight_finds_its_light(self):
        cosine = torch.linspace(-1, -0.2, 20)
        torch.testing.assert_close(headlight(cosine, 0.2 + 0.5 * cosine.abs()), 0.2 + 0.5 * cosine.abs())
        assert headlight(cosine, 1 - 0.5 * cosine.abs()).std().item() == pytest.approx(0, abs=1e-6)

    def test_gradient_turns_normals_towards_their_target(self):
        mesh, cameras = ball(), camera_rig("ring", count=1, size=24)
        verts = (mesh.verts * torch.tensor([1.0, 1.0, 0.6])).requires_grad_()
        target = visible_normals(mesh, cameras, (24, 24))
        wanted = torch.zeros(24 * 24, 3).index_copy(0, target.pixel, target.normals)
        losses = []
        for step in range(2):
            moved = Mesh(verts if step == 0 else verts - 1e-2 * verts.grad, mesh.faces)
            seen = visible_normals(moved, cameras, (24, 24))
            loss = (seen.normals - wanted[seen.pixel]).square().sum(1).mean()
            if step == 0:
                loss.backward()
            losses.append(loss.item())
        assert losses[1] < losses[0]


class TestMetrics:
    def test_silhouette_iou_of_a_mesh_with_itself_and_with_half_of_it(self):
        cameras = camera_rig("ring", count=3, size=32)
        masks = torch.nn.functional.avg_pool2d(render_views(ball(), cameras, 256, "silhouette")[:, 0], 8)
        assert silhouette_iou(ball(), masks, cameras) == {"iou": 1, "coverage_iou": 1}
        smaller = Mesh(ball().verts * 0.5, ball().faces)
        assert silhouette_iou(smaller, masks, cameras)["coverage_iou"] == pytest.approx(0.24, abs=0.02)

    def test_agreement_of_two_spheres_is_the_gap_between_them(self):
        one, other = ball(0.4), ball(0.42)
        diagonal = float((other.bounds[1] - other.bounds[0]).norm())
        found = surface_agreement(one, other, samples=20000, generator=torch.Generator().manual_seed(0))
        assert found["chamfer"] == pytest.approx(0.02 / diagonal, rel=0.15)
        assert surface_agreement(one, one, samples=20000)["f_score"] > 0.99

    def test_soundness_counts_what_is_wrong(self):
        mesh = ball()
        assert soundness(mesh) == {"watertight": 1, "folded": 0, "degenerate": 0, "faces": len(mesh.faces)}
        faces = mesh.faces.clone()
        faces[0] = faces[0].flip(0)
        assert soundness(Mesh(mesh.verts, faces))["watertight"] == 0
        assert soundness(Mesh(mesh.verts, faces))["folded"] == pytest.approx(1 / len(faces))
        verts = mesh.verts.clone()
        verts[mesh.faces[0, 0]] = verts[mesh.faces[0, 1]]
        assert soundness(Mesh(verts, mesh.faces))["degenerate"] == pytest.approx(2 / len(faces))
        assert soundness(Mesh(mesh.verts, mesh.faces[1:]))["watertight"] == 0
