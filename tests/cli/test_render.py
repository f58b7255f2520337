"""`geolearn render`: the pictures that are written, read back."""

import math

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from geolearn.cli.main import main
from geolearn.data import RenderViews
from geolearn.io import load_mesh, load_views, save_mesh
from geolearn.render import camera_rig
from geolearn.structures import Mesh


@pytest.fixture
def tower(tmp_path):
    """A slab, off centre and large, with a tall spike near its +X, +Y corner: tells up, left and right apart."""
    parts = [
        trimesh.creation.box(bounds=[[0, 0, 0], [4, 4, 1]]),
        trimesh.creation.box(bounds=[[3, 3, 1], [3.5, 3.5, 4]]),
    ]
    path = tmp_path / "tower.off"
    save_mesh(Mesh.from_trimesh(trimesh.util.concatenate(parts)), path)
    return path


def test_what_is_written_is_what_the_representation_gives(tower, tmp_path, capsys):
    out = tmp_path / "views"
    assert main(["render", str(tower), "--size", "40", "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "12 pictures of tower.off, 24 faces, z up" in printed
    views = load_views(out)
    expected = RenderViews(size=40)(load_mesh(tower))
    assert torch.equal(views.images, expected)
    assert torch.equal(views.masks, (expected[:, 0] > 0).float())
    rig = camera_rig("mvcnn12", size=40)
    assert torch.allclose(views.cameras.K, rig.K, atol=1e-4)
    assert torch.allclose(views.cameras.world_to_camera, rig.world_to_camera, atol=1e-6)
    with Image.open(out / "sheet.png") as image:
        sheet = np.asarray(image)
    assert sheet.shape == (3 * 42 + 2, 4 * 42 + 2)
    assert np.array_equal(sheet[44:84, 86:126], np.round(expected[6, 0].numpy() * 255))
    assert not (out / "turntable.gif").exists()


def test_it_is_upright_and_not_mirrored(tower, tmp_path):
    """From -Y, a little above, the spike at +X stands at the top right."""
    assert main(["render", str(tower), "--size", "64", "--shading", "silhouette", "-o", str(tmp_path / "v")]) == 0
    front = load_views(tmp_path / "v").images[9, 0]  # azimuth 270 degrees
    rows, columns = front.nonzero().unbind(1)
    top = rows == rows.min()
    assert float(columns[top].float().mean()) > float(columns.float().mean()) + 5
    widths = (front > 0).sum(1)
    assert int(widths[rows.min()]) < 0.3 * int(widths.max())  # the spike above, the slab below


@pytest.mark.parametrize("ending, up", [(".obj", "y"), (".off", "z")])
def test_the_up_axis_is_guessed_or_told(ending, up, tower, tmp_path, capsys):
    mesh = load_mesh(tower)
    lying = Mesh(mesh.verts[:, [0, 2, 1]] * torch.tensor([1.0, 1.0, -1.0]), mesh.faces) if up == "y" else mesh
    path = tmp_path / f"file{ending}"
    save_mesh(lying, path)
    assert main(["render", str(path), "--size", "32", "-o", str(tmp_path / "guessed")]) == 0
    assert f"{up} up (--up changes it)" in capsys.readouterr().out
    assert main(["render", str(path), "--size", "32", "--up", up, "-o", str(tmp_path / "told")]) == 0
    assert "changes it" not in capsys.readouterr().out
    expected = RenderViews(size=32)(mesh)
    for name in ("guessed", "told"):
        assert float((load_views(tmp_path / name).images - expected).abs().mean()) < 1e-3
    assert main(["render", str(path), "--size", "32", "--up", "x", "-o", str(tmp_path / "else")]) == 0
    assert float((load_views(tmp_path / "else").images - expected).abs().mean()) > 1e-2


def test_rigs_turntables_and_other_shadings(tower, tmp_path):
    out = tmp_path / "a"
    command = [
        "render",
        str(tower),
        "--rig",
        "ring",
        "--count",
        "3",
        "--elevation",
        "50",
        "--size",
        "24",
        "--turntable",
    ]
    assert main([*command, "--shading", "normals", "--background", "1", "-o", str(out)]) == 0
    views = load_views(out)
    assert views.images.shape == (3, 3, 24, 24)
    rig = camera_rig("ring", size=24, count=3, elevation_rad=math.radians(50))
    assert torch.allclose(views.cameras.world_to_camera, rig.world_to_camera, atol=1e-6)
    with Image.open(out / "turntable.gif") as gif:
        assert (gif.n_frames, gif.info["loop"], gif.size) == (60, 0, (24, 24))
        gif.seek(20)
        second = np.asarray(gif.convert("RGB")) / 255
    assert (
        np.abs(second - views.images[1].movedim(0, -1).numpy()).mean() < 0.02
    )  # 20 of 60 frames: the ring's 120 degrees


def test_depth_is_white_where_it_is_near(tower, tmp_path):
    assert main(["render", str(tower), "--size", "32", "--shading", "depth", "-o", str(tmp_path / "d")]) == 0
    depth = RenderViews(size=32, shading="depth")(load_mesh(tower))
    picture, seen = load_views(tmp_path / "d").images, depth > 0
    assert float(picture[seen].max()) == 1
    assert float(picture[seen].min()) == pytest.approx(0.2, abs=1e-6)
    assert not picture[~seen].any()
    order = depth[seen].argsort()
    assert bool((picture[seen][order].diff() <= 0).all())


def test_keep_scale_and_fit(tmp_path):
    path = tmp_path / "bar.off"
    save_mesh(Mesh.from_trimesh(trimesh.creation.box(extents=[0.5, 0.1, 0.1])), path)
    seen = {}
    for name, option in {"cube": [], "kept": ["--keep-scale"], "sphere": ["--fit", "sphere"]}.items():
        assert main(["render", str(path), *option, "--size", "48", "-o", str(tmp_path / name)]) == 0
        seen[name] = float(load_views(tmp_path / name).masks.mean())
    assert seen["kept"] == pytest.approx(seen["cube"] / 4, rel=0.2)
    assert seen["sphere"] > 2 * seen["cube"]  # almost sqrt(3) times as long


def test_nothing_is_replaced_without_being_told(tower, tmp_path, capsys):
    out = tmp_path / "views"
    assert main(["render", str(tower), "--size", "16", "-o", str(out)]) == 0
    before = (out / "sheet.png").read_bytes()
    capsys.readouterr()
    assert main(["render", str(tower), "--size", "20", "-o", str(out)]) == 2
    assert f"geolearn: {out} holds transforms.json, sheet.png, images; pass --force" in capsys.readouterr().err
    assert (out / "sheet.png").read_bytes() == before
    assert main(["render", str(tower), "--size", "20", "-o", str(out), "--force"]) == 0
    assert load_views(out).images.shape[-1] == 20


def test_several_meshes_have_a_folder_each(tower, tmp_path, capsys):
    other = tmp_path / "other" / "tower.off"
    other.parent.mkdir()
    other.write_bytes(tower.read_bytes())
    plate = tmp_path / "plate.off"
    save_mesh(Mesh.from_trimesh(trimesh.creation.box(extents=[3, 2, 1])), plate)
    out = tmp_path / "all"
    assert main(["render", str(tower), str(plate), "--size", "16", "-o", str(out)]) == 0
    assert torch.equal(load_views(out / "plate").images, RenderViews(size=16)(load_mesh(plate)))
    assert torch.equal(load_views(out / "tower").images, RenderViews(size=16)(load_mesh(tower)))
    capsys.readouterr()
    assert main(["render", str(tower), str(other), "-o", str(tmp_path / "x")]) == 2
    assert "meshes: tower would share a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["missing.off"], "missing.off: no such file"),
        ([], "meshes: expected at least one file"),
        (["{tower}", "--size", "0"], "size: expected at least 1 pixel"),
        (["{tower}", "--count", "5"], "count: mvcnn12 has a fixed number of cameras"),
        (["{tower}", "--elevation", "20"], "only 'ring' takes it"),
        (["{tower}", "--background", "2"], "background in [0, 1]"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(arguments, message, tower, tmp_path, capsys):
    out = tmp_path / "views"
    assert main(["render", *(text.replace("{tower}", str(tower)) for text in arguments), "-o", str(out)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("geolearn: ")
    assert message in err
    assert not out.exists()


def test_help_teaches(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["render", "--help"])
    out = capsys.readouterr().out
    assert "geolearn render bunny.obj --turntable" in out
    assert "Degrees above the horizon" in out
