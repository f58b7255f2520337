"""A fit from the command line: what is written, what a page holds, breaks and what bad input gets."""

import json
import re
from dataclasses import replace

import pytest
import torch

from geolearn.cli.main import main
from geolearn.fitting import Phase, Step, fit_latent, fit_mesh, mesh_fit
from geolearn.fitting import run as fit_run
from geolearn.fitting.run import FitSettings, convert_to_mesh, run_fit
from geolearn.fitting.sheets import silhouette_errors, turntable, up_of
from geolearn.io import load_mesh, save_views
from geolearn.io.upright import stand_up
from geolearn.models import PCADecoder, save_model
from geolearn.ops.isosurface import isosurface, voxel_surface
from geolearn.render import camera_rig, render_views
from geolearn.structures import Cameras, Mesh, Views, VoxelGrid

Image = pytest.importorskip("PIL.Image")
QUICK = (Phase((24, 24), 2, 400, 12, 0.02), Phase((24, 24), 2, 600, 12, 0.01))
WRITTEN = (
    "mesh.glb", "mesh.obj", "mesh.ply", "before_after.png", "errors.png", "loss.png", "turntable.gif", "report.html",
    "result.json", "checkpoint.npz",
)  # fmt: skip


@pytest.fixture
def quickly(monkeypatch):
    for module in (mesh_fit, fit_run):
        monkeypatch.setattr(module, "coarse_to_fine", lambda size: QUICK)


def egg():
    x, y, z = (torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, 24)] * 3, indexing="ij"))).unbind(0)
    return isosurface(0.9 - (x**2 + 2 * y**2 + 3 * z**2).sqrt(), 0.0).normalised()


def some_views(count=8, colour=(0.9, 0.2, 0.1)):
    cameras = camera_rig("sphere", count=count, size=24)
    masks = torch.nn.functional.avg_pool2d(render_views(egg(), cameras, 96, "silhouette"), 4)
    return Views(masks * torch.tensor(colour)[:, None, None], cameras, masks[:, 0])


def test_everything_is_written(quickly, tmp_path, capsys):
    save_views(some_views(9), tmp_path / "scene")
    out = tmp_path / "out"
    assert main(["fit", str(tmp_path / "scene" / "transforms.json"), "-o", str(out), "--hold-out", "4"]) == 0
    printed = capsys.readouterr().out
    assert f"report: {out / 'report.html'}" in printed
    assert sorted(file.name for file in out.iterdir()) == sorted(WRITTEN)
    record = json.loads((out / "result.json").read_text())
    assert record["views"] == 7
    assert record["held_out"]["views"] == 2
    assert record["held_out"]["iou"] > 0.8
    assert record["metrics"]["watertight"] == 1
    assert record["start_metrics"]["coverage_iou"] < record["metrics"]["coverage_iou"]
    assert "at the start" in printed
    assert record["settings"]["hold_out"] == 4
    assert len(record["history"]) == record["steps"] == 24
    assert len(record["view_coverage_iou"]) == 7
    # The cameras' world has Z up, and so has the PLY; the others stand upright in formats that have Y up.
    meshes = [load_mesh(out / "mesh.ply"), *(stand_up(load_mesh(out / f"mesh.{name}"), "y") for name in ("glb", "obj"))]
    assert all(torch.equal(mesh.verts, meshes[0].verts) for mesh in meshes)
    assert b"uchar red" in (out / "mesh.ply").read_bytes()[:400]  # pictures in colour
    page = (out / "report.html").read_text()
    assert "<th>at the start</th>" in page
    assert ("has not converged" in page) == (not record["converged"])
    assert ("NOT converged" in printed) == (not record["converged"])
    assert not re.search(r"(src|href)=.(?!data:)|https?://|import\(", page)  # nothing comes from elsewhere


def test_up_of_cameras():
    assert torch.allclose(up_of(camera_rig("ring", count=5)), torch.tensor([0.0, 0, 1]), atol=1e-5)
    upside_down = camera_rig("ring", count=5).world_to_camera.clone()
    upside_down[:, :2] *= -1
    assert up_of(replace(camera_rig("ring", count=5), world_to_camera=upside_down))[2] < -0.99


def test_errors_are_coloured_by_kind():
    """A mesh that is too small leaves red, one that is too large shows blue."""
    views = some_views(2)
    mesh = egg()
    small, _ = silhouette_errors(views.masks, views.cameras, Mesh(mesh.verts * 0.7, mesh.faces))
    large, agreement = silhouette_errors(views.masks, views.cameras, Mesh(mesh.verts * 1.2, mesh.faces))
    exact, best = silhouette_errors(views.masks, views.cameras, mesh)
    assert int(((small[:, 0] - small[:, 2]) > 0.3).sum()) > 20
    assert int(((large[:, 2] - large[:, 0]) > 0.3).sum()) > 20
    assert float((exact[:, 0] - exact[:, 2]).abs().max()) < 0.2
    assert min(best) > 0.97 > max(agreement)


def test_a_turntable_shows_the_mesh_upright():
    verts = egg().verts * torch.tensor([0.2, 0.2, 1.0])  # a stick along Z
    frames = turntable(Mesh(verts, egg().faces), torch.tensor([0.0, 0, 1]), frames=3, size=32)
    rows, columns = (frames[1, 0] < 0.89).nonzero().unbind(1)
    assert rows.max() - rows.min() > 2 * (columns.max() - columns.min())


def stop_at(number):
    def progress(step: Step) -> None:
        if step.number == number:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize(
    "number", [pytest.param(4, marks=pytest.mark.slow), 11, pytest.param(17, marks=pytest.mark.slow)]
)
def test_a_resumed_fit_ends_where_an_unbroken_one_does(quickly, tmp_path, number):
    views = some_views()
    whole = fit_mesh(views, checkpoint=tmp_path / "whole.npz")
    broken = fit_mesh(views, checkpoint=tmp_path / "broken.npz", progress=stop_at(number))
    assert len(broken.history) == number + 1
    steps: list[Step] = []
    resumed = fit_mesh(views, checkpoint=tmp_path / "broken.npz", resume=True, progress=steps.append)
    assert steps[0].number == number + 1  # a fit that began anew would end at the same bits as well
    assert torch.equal(resumed.shape.verts, whole.shape.verts)
    assert torch.equal(resumed.shape.faces, whole.shape.faces)
    assert [step.loss for step in resumed.history] == [step.loss for step in whole.history]
    steps.clear()
    again = fit_mesh(views, checkpoint=tmp_path / "broken.npz", resume=True, progress=steps.append)
    assert steps == []  # there is nothing left to do
    assert torch.equal(again.shape.verts, whole.shape.verts)
    with pytest.raises(Exception, match="belongs to a fit of other views or settings"):
        fit_mesh(views, checkpoint=tmp_path / "broken.npz", resume=True, picture_weight=2.0)


def test_an_interrupted_fit_is_written_and_says_so(quickly, tmp_path):
    record = run_fit(some_views(), tmp_path / "out", FitSettings(), progress=stop_at(6))
    assert record["message"].startswith("interrupted after 7 of 24 steps; ")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted(WRITTEN)
    assert "This fit has not converged: interrupted" in (tmp_path / "out" / "report.html").read_text()


def test_a_fit_that_is_there_is_not_replaced_unasked(quickly, tmp_path, capsys):
    save_views(some_views(), tmp_path / "scene")
    out = tmp_path / "out"
    out.mkdir()
    (out / "checkpoint.npz").write_bytes(b"damaged")
    assert main(["fit", str(tmp_path / "scene"), "-o", str(out)]) == 2
    assert "pass --resume to go on, --force to begin anew" in capsys.readouterr().err
    assert main(["fit", str(tmp_path / "scene"), "-o", str(out), "--resume"]) == 2
    assert "checkpoint.npz: damaged" in capsys.readouterr().err
    assert main(["fit", str(tmp_path / "scene"), "-o", str(tmp_path / "new"), "--resume"]) == 2
    assert "begin without --resume" in capsys.readouterr().err
    assert main(["fit", str(tmp_path / "scene"), "-o", str(out), "--force"]) == 0


def test_refined_cameras_are_in_the_record(quickly, tmp_path):
    views = some_views()
    record = run_fit(views, tmp_path, FitSettings(refine_cameras=True, colours=False))
    poses = torch.tensor(record["refined_cameras"]["world_to_camera"])
    assert not torch.equal(poses, views.cameras.world_to_camera)
    assert torch.allclose(poses, views.cameras.world_to_camera, atol=0.3)
    assert 0 < max(record["refined_cameras"]["turned_degrees"]) < 5
    page = (tmp_path / "report.html").read_text()
    assert "cameras were turned by" in page
    assert record["settings"]["refine_cameras"] is True


@pytest.fixture
def boxes(tmp_path):
    """A decoder of boxes whose sides the code stretches, and views of one whose code is known."""
    corners = torch.cartesian_prod(*[torch.tensor([-0.3, 0.3])] * 3)
    sides = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = torch.tensor([[side[0], side[k], side[k + 1]] for side in sides for k in (1, 2)])
    grown = torch.tensor([[1.0, 1, 1], [1.3, 1, 1], [0.7, 1, 1], [1, 1.3, 1], [1, 0.7, 1], [1, 1, 1.3]])
    decoder = PCADecoder.from_meshes([Mesh(corners * scale, faces) for scale in grown], 3)
    save_model(decoder, tmp_path / "run" / "model.safetensors")
    code = torch.tensor([0.8, -1.0, 0.5])
    truth = Mesh(decoder.verts(code[None])[0], faces)
    cameras = camera_rig("sphere", count=3, size=48)
    masks = render_views(truth, cameras, shading="silhouette")
    save_views(Views(masks, cameras, masks[:, 0]), tmp_path / "scene")
    return code


def test_by_a_decoder_the_code_is_found_and_kept(boxes, tmp_path, capsys):
    out = tmp_path / "out"
    scene, run = str(tmp_path / "scene"), str(tmp_path / "run")
    assert main(["fit", scene, "-o", str(out), "--decoder", run]) == 0
    assert sorted(file.name for file in out.iterdir()) == sorted(set(WRITTEN) - {"checkpoint.npz"})
    record = json.loads((out / "result.json").read_text())
    assert (torch.tensor(record["code"]) - boxes).abs().max() < 0.3
    assert record["metrics"]["iou"] > 0.94
    assert record["metrics"]["watertight"] == 1
    assert record["settings"]["decoder"] == run
    assert "size of the code" in (out / "report.html").read_text()
    assert main(["fit", scene, "-o", str(out), "--decoder", run]) == 2
    assert "pass --resume to go on, --force to begin anew" in capsys.readouterr().err
    for more in (["--resume"], ["--force", "--refine-cameras"]):
        assert main(["fit", scene, "-o", str(out), "--decoder", run, *more]) == 2
        assert "leave resume and refine_cameras out" in capsys.readouterr().err


def test_a_decoder_of_grids_gives_a_surface():
    class Ball(torch.nn.Module):
        """One number says how large the ball is."""

        code_size = 1

        def forward(self, codes):
            axis = (torch.arange(24) + 0.5) / 24 - 0.5
            radius = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).norm(dim=0)
            size = (0.25 + 0.05 * codes)[:, :, None, None, None]
            return torch.sigmoid((size - radius) * 96)

    ball, cameras = Ball(), camera_rig("sphere", count=3, size=48)
    masks = render_views(
        voxel_surface(VoxelGrid(ball(torch.ones(1, 1))[0, 0], torch.full((3,), -0.5), 1 / 24)), cameras
    )
    masks = (masks > 0).float()
    views = Views(masks, cameras, masks[:, 0])
    result = convert_to_mesh(fit_latent(ball, views), ball)
    assert float((result.shape.verts.norm(dim=1) - 0.3).abs().max()) < 1 / 24  # a cell
    assert float((result.start.verts.norm(dim=1) - 0.25).abs().max()) < 0.05
    assert result.metrics["watertight"] == 1
    assert result.metrics["level"] < 0.5
    assert result.metrics["iou"] > 0.93


@pytest.mark.parametrize(
    "decoder, message",
    [
        ("voxnet-modelnet10", "holds a voxnet, which looks at voxels; expected a decoder"),
        ("voxelvae-chair", "Did you mean 'voxelvae-chairs'"),
    ],
)
def test_weights_that_decode_nothing(tmp_path, capsys, decoder, message):
    save_views(some_views(), tmp_path / "scene")
    assert main(["fit", str(tmp_path / "scene"), "-o", str(tmp_path / "out"), "--decoder", decoder]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def turned_away(views):
    pose = views.cameras.world_to_camera.clone()
    pose[:, :3] = torch.diag(torch.tensor([-1.0, 1, -1])) @ pose[:, :3]
    return replace(views, cameras=Cameras(views.cameras.K, pose, 24, 24))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda v: replace(v, masks=torch.zeros_like(v.masks)), "all masks are empty"),
        (lambda v: replace(v, masks=torch.ones_like(v.masks)), "all masks are full.* alpha channel"),
        (turned_away, "no point in space is inside all masks.*camera convention"),
        (lambda v: v[:1], "1 view leave the depth of the object open; add one from another side"),
        (lambda v: Views(torch.rand(8, 3, 24, 24), v.cameras), "no masks, and the background has no single colour"),
    ],
)
def test_bad_scenes_get_one_line(tmp_path, capsys, change, message):
    save_views(change(some_views()), tmp_path / "scene")
    assert main(["fit", str(tmp_path / "scene"), "-o", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr().err
    assert re.search(message, printed), printed
    assert printed.count("\n") == 1


def test_pictures_of_another_size_than_the_cameras_say(tmp_path, capsys):
    save_views(some_views(), tmp_path / "scene")
    file = tmp_path / "scene" / "images" / "0003.png"
    Image.open(file).resize((20, 24)).save(file)
    assert main(["fit", str(tmp_path / "scene"), "-o", str(tmp_path / "out")]) == 2
    assert re.search(r"frames\[3\].*0003.png is 20 x 24 px, but 24 x 24 in the scene file", capsys.readouterr().err)


def test_without_alpha_the_background_is_taken_with_a_warning(quickly, tmp_path):
    views = some_views()
    save_views(Views(views.images, views.cameras), tmp_path / "scene")
    with pytest.warns(UserWarning, match="views have no masks"):
        assert main(["fit", str(tmp_path / "scene"), "-o", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "result.json").read_text())["metrics"]["iou"] > 0.8
