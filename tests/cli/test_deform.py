"""`geolearn deform`: files in and out with weights whose flow is known."""

import re

import pytest
import torch
from known_flows import block, save_shifting_net, shift

from geolearn.cli.deform import _better_flags
from geolearn.cli.main import main
from geolearn.data.attribute_names import ATTRIBUTES
from geolearn.io import load_mesh, save_mesh
from geolearn.models.familiarity import Orientation
from geolearn.ops.quarter_turns import turn_matrix, upright_matrix
from geolearn.training.deformer import Look

NAMES = ATTRIBUTES["chair"]
CELL = 0.5  # of the block in a 16^3 grid


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return str(save_shifting_net(tmp_path_factory.mktemp("weights") / "net.safetensors"))


@pytest.fixture
def off(tmp_path):
    save_mesh(block(), tmp_path / "block.off")
    return tmp_path / "block.off"


def run(*arguments) -> int:
    return main(["deform", *map(str, arguments)])


def moved(path, source) -> torch.Tensor:
    motion = load_mesh(path).verts - load_mesh(source).verts
    torch.testing.assert_close(motion, motion[:1].expand_as(motion), atol=1e-4, rtol=1e-4)
    return motion[0]


def test_one_attribute(off, weights, tmp_path, capsys):
    out = tmp_path / "wide.off"
    assert (
        run(off, "--attribute", "seat width", "--amount", "0.4", "--family", "chair", "--weights", weights, "-o", out)
        == 0
    )
    torch.testing.assert_close(moved(out, off), 0.4 * CELL * shift(1), atol=1e-4, rtol=1e-4)
    assert torch.equal(load_mesh(out).faces, load_mesh(off).faces)
    printed = capsys.readouterr().out
    assert "wide.off: chair, seat width +0.4" in printed
    share = 100 * 0.4 * CELL * float(shift(1).norm()) / 4
    assert f"8 vertices moved by {share:.2f} % of the longest side on average; 0.00 % of the cells" in printed


def test_several_attributes_and_a_file_whose_y_points_up(off, weights, tmp_path):
    mesh = load_mesh(off)
    lying = tmp_path / "block.obj"
    x, y, z = mesh.verts.T
    save_mesh(type(mesh)(torch.stack([x, z, -y], 1), mesh.faces), lying)
    out = tmp_path / "b.obj"
    both = ("--attribute", "seat width", "--amount", "0.3", "--attribute", "leg spread", "--amount", "-0.2")
    assert run(lying, *both, "--family", "chair", "--weights", weights, "-o", out) == 0
    x, y, z = (CELL * (0.3 * shift(1) - 0.2 * shift(NAMES.index("leg spread")))).tolist()
    torch.testing.assert_close(moved(out, lying), torch.tensor([x, z, -y]), atol=1e-4, rtol=1e-4)
    # with z up after all
    assert run(lying, *both, "--family", "chair", "--up", "z", "--weights", weights, "-o", out, "--force") == 0
    assert float(moved(out, lying)[0]) == pytest.approx(x, abs=1e-4)


def test_a_front_that_faces_elsewhere(off, weights, tmp_path):
    out = tmp_path / "b.off"
    assert run(off, "--attribute", "seat width", "--amount", "0.4", "--family", "chair", "--front", "+x",
               "--weights", weights, "-o", out) == 0  # fmt: skip
    x, y, z = (0.4 * CELL * shift(1)).tolist()
    # +x is what the network has as -y, so its x is our y
    torch.testing.assert_close(moved(out, off), torch.tensor([-y, x, z]), atol=1e-4, rtol=1e-4)


def test_no_amount_gives_the_same_bytes(weights, tmp_path):
    source, out = tmp_path / "chair.obj", tmp_path / "same.obj"
    source.write_text("# mine\nv 0 0 0\nv 1.000 0 0\nv 0 2.50 0\nv 0 0 3e0\nf 1 2 3\nf 1 2 4\nf 2 3 4\n")
    assert run(source, "--attribute", "seat width", "--amount", "0", "--weights", weights, "-o", out) == 0
    assert out.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("up, front", [("z", "-y"), ("y", "-y"), ("-x", "+x"), ("-z", "+y")])
def test_a_mesh_that_lies_is_told_the_flags_that_stand_it_up(up, front):
    wanted = upright_matrix(up, front)
    for stands in (Orientation("+y", "-x", 0.5), Orientation("-z", "+x", 0.5)):
        # as the file is read, this turn is still missing
        given = turn_matrix(stands.up, stands.front).T @ wanted
        assert _better_flags(Look({}, "chair", stands), given) == [f"if that is right, pass --up {up} --front {front}"]
    assert _better_flags(Look({}, "chair", None), wanted) == []


def test_pictures_and_page(off, weights, tmp_path, capsys):
    out = tmp_path / "out" / "b.off"
    assert run(off, "--attribute", "seat width", "--amount", "0.9", "--family", "chair", "--sheet", "--turntable",
               "--report", "--weights", weights, "-o", out) == 0  # fmt: skip
    assert sorted(path.name for path in out.parent.iterdir()) == ["b.html", "b.off", "b_sheet.png", "b_turntable.gif"]
    printed = capsys.readouterr().out
    assert "warning: seat width +0.9 is outside the amounts that were learned" in printed
    page = (out.parent / "b.html").read_text()
    assert "outside the amounts that were learned" in page
    assert "seat width -0.9, -0.45, +0, +0.45, +0.9" in page
    assert page.count('"low"') == len(NAMES)
    assert run(off, "--sheet", "--weights", weights, "-o", out) == 2
    error = capsys.readouterr().err
    assert "b.off" in error
    assert "b_sheet.png is there; pass --force" in error
    assert "b.html" not in error  # was not asked for


def test_lists(off, weights, capsys):
    assert run("--list", "--weights", weights) == 0
    assert f"chair: {', '.join(NAMES)}\n" in capsys.readouterr().out
    assert run(off, "--list", "--family", "chair", "--weights", weights) == 0
    printed = capsys.readouterr().out
    assert re.search(r"table: \d+\.\d\d times as far as is usual", printed)
    share = 10 * CELL * float(shift(1).norm()) / 4
    assert re.search(rf"seat width +{share:.2f}\n", printed)


def test_another_format_is_said_to_lose_what_it_cannot_hold(off, weights, tmp_path, capsys):
    source = tmp_path / "block.obj"
    save_mesh(load_mesh(off), source)
    out = tmp_path / "block.ply"
    assert (
        run(
            source, "--attribute", "seat width", "--amount", "0.1", "--family", "chair", "--weights", weights, "-o", out
        )
        == 0
    )
    assert "warning: block.ply holds triangles alone" in capsys.readouterr().out
    assert len(load_mesh(out).faces) == 12


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--attribute", "seat wid", "--amount", "1"], r"attribute of a chair 'seat wid'\. Did you mean 'seat width'"),
        (["--attribute", "seat width"], "expected one amount for each attribute, got 1 and 0"),
        (["--attribute", "seat width", "--amount", "-1"], "above -1 for 'seat width'"),
        (["--attribute", "seat width", "--amount", "1"] * 2, "seat width stands twice; give the sum"),
        ([], "expected at least one; --list shows them"),
    ],
)  # fmt: skip
def test_what_is_refused(off, weights, tmp_path, capsys, arguments, message):
    out = tmp_path / "b.off"
    assert run(off, *arguments, "--family", "chair", "--weights", weights, "-o", out) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not out.exists()


def test_files_that_are_refused(off, weights, tmp_path, capsys):
    asked = ("--attribute", "seat width", "--amount", "0.1", "--weights", weights)
    for arguments, message in [
        ((*asked, "-o", tmp_path / "a.off"), "mesh: expected a file"),
        ((off, *asked), "-o: expected the file to write"),
        ((off, *asked, "-o", off), "is the mesh that is read; give another file"),
        ((off, *asked, "--family", "stool", "-o", tmp_path / "a.off"), "unknown family 'stool'"),
        ((off, *asked[:4], "--weights", "chairs", "-o", tmp_path / "a.off"), "no such file, nor weights of that name"),
    ]:
        assert run(*arguments) == 2
        assert message in capsys.readouterr().err
