"""Deforming by names: amounts go to their own attribute, strange meshes and amounts are said, weights are checked."""

import math
from dataclasses import replace

import pytest
import torch
from known_flows import block, save_shifting_net, shift, shifting_net

from geolearn.data.attribute_names import ATTRIBUTES
from geolearn.errors import CheckpointError, InvalidInputError, UnknownNameError
from geolearn.models import DeformationFlowNet, VoxNet, save_model
from geolearn.models.deformed_meshes import voxelize_shape
from geolearn.ops.quarter_turns import turn_matrix
from geolearn.structures import Mesh
from geolearn.training.deformer import Deformer, amount_warnings, describe_foldover, load_deformer

CELL = 0.5
CHAIRS = len(ATTRIBUTES["chair"])


def deformer() -> Deformer:
    return Deformer(shifting_net(), ("chair", "table"))


def moved_by(mesh: Mesh, other: Mesh) -> torch.Tensor:
    """The motion that all vertices share."""
    motion = other.verts - mesh.verts
    torch.testing.assert_close(motion, motion[:1].expand_as(motion), atol=1e-5, rtol=1e-5)
    return motion[0]


def test_amounts_go_to_the_attribute_of_that_family():
    mesh, tool = block(), deformer()
    for family, first in (("chair", 0), ("table", CHAIRS)):  # both have a leg spread
        number = first + ATTRIBUTES[family].index("leg spread")
        moved = tool.deform(mesh, family, {"leg spread": 0.4}).mesh
        torch.testing.assert_close(moved_by(mesh, moved), 0.4 * CELL * shift(number), atol=1e-5, rtol=1e-5)
        assert moved.faces is mesh.faces


def test_several_attributes_add_up():
    mesh, tool = block(), deformer()
    moved = tool.deform(mesh, "chair", {"seat width": 0.2, "back height": -0.3}).mesh
    expected = CELL * (0.2 * shift(1) - 0.3 * shift(ATTRIBUTES["chair"].index("back height")))
    torch.testing.assert_close(moved_by(mesh, moved), expected, atol=1e-5, rtol=1e-5)


def test_motions_are_those_of_an_amount_of_one():
    mesh, tool = block(), deformer()
    motions = tool.motions(mesh, "table", ["height", "top depth"])
    for motion, name in zip(motions, ("height", "top depth"), strict=True):
        expected = CELL * shift(CHAIRS + ATTRIBUTES["table"].index(name))
        torch.testing.assert_close(motion, expected.expand_as(motion), atol=1e-5, rtol=1e-5)


def test_no_amount_is_the_mesh_itself():
    mesh = block()
    for amounts in ({}, {"seat width": 0.0}):
        assert deformer().deform(mesh, "chair", amounts).mesh is mesh


def test_integrated_lengths_go_in_as_logarithms_and_slopes_as_they_are():
    mesh, tool = block(), deformer()
    names = ATTRIBUTES["chair"]
    moved = tool.deform(mesh, "chair", {"seat depth": 0.5, "back recline": 0.1}, prevent="integrate").mesh
    expected = CELL * (math.log(1.5) * shift(names.index("seat depth")) + 0.1 * shift(names.index("back recline")))
    torch.testing.assert_close(moved_by(mesh, moved), expected, atol=1e-4, rtol=1e-4)


def test_several_components_move_as_one_space():
    one = block()
    two = Mesh(torch.cat([one.verts, one.verts / 4 + 5]), torch.cat([one.faces, one.faces + 8]))
    moved = deformer().deform(two, "chair", {"seat height": 0.3}).mesh
    size = float((two.bounds[1] - two.bounds[0]).max()) / 8
    torch.testing.assert_close(moved_by(two, moved), 0.3 * size * shift(0), atol=1e-5, rtol=1e-5)


def test_what_is_refused():
    tool = deformer()
    with pytest.raises(UnknownNameError, match=r"unknown family 'chairs'\. Did you mean 'chair'"):
        tool.attributes("chairs")
    with pytest.raises(
        UnknownNameError, match=r"unknown attribute of a chair 'back hight'\. Did you mean 'back height'"
    ):
        tool.intention("chair", {"back hight": 0.1})
    with pytest.raises(InvalidInputError, match=r"above -1 for 'seat width', which takes away all of it, got -1"):
        tool.intention("chair", {"seat width": -1.0})
    with pytest.raises(InvalidInputError, match="got nan"):
        tool.intention("chair", {"back recline": math.nan})
    assert tool.intention("chair", {"back recline": -1.5})[ATTRIBUTES["chair"].index("back recline")] == -1.5


def hook(turn: torch.Tensor | None = None) -> Mesh:
    """Boxes that look different from every side, turned."""
    one, parts = block(), []
    for low, high in (((0, 0, 0), (4, 4, 1)), ((0, 3, 0), (4, 4, 8)), ((0, 0, 0), (1, 1, 5))):
        low, high = torch.tensor(low).float(), torch.tensor(high).float()
        parts.append(low + one.verts / torch.tensor([2.0, 3, 4]) * (high - low))
    faces = torch.cat([one.faces + 8 * n for n in range(3)])
    verts = torch.cat(parts)
    return Mesh(verts if turn is None else verts @ turn.T, faces)


def familiar(mesh: Mesh) -> Deformer:
    """Knows chairs that look like this mesh, and tables that look like nothing."""
    tool = deformer()
    with torch.no_grad():
        code = tool.net.code(voxelize_shape(tool.net, mesh).values[None, None].float())[0]
        tool.net.kind_means.copy_(torch.stack([code, code + 10]))
        tool.net.kind_spreads.fill_(0.01)
    return Deformer(tool.net, tool.families)


def test_a_known_shape_is_its_family_and_raises_no_warning():
    look = familiar(hook()).look(hook())
    assert look.family == "chair"
    assert look.distances["chair"] < 1e-3 < 100 < look.distances["table"]
    assert look.turned is None
    assert look.warnings == []


def test_the_family_is_one_that_has_what_is_asked():
    tool = familiar(hook())
    assert tool.look(hook(), None, ["leg spread"]).family == "chair"  # both have it
    assert tool.look(hook(), None, ["top length", "leg spread"]).family == "table"
    with pytest.raises(UnknownNameError, match=r"unknown attribute 'top lenght'\. Did you mean 'top length'"):
        tool.look(hook(), None, ["top lenght"])
    with pytest.raises(InvalidInputError, match="no family has 'back height' and 'top length'"):
        tool.look(hook(), None, ["back height", "top length"])


@pytest.mark.parametrize("up, front", [("+y", "+z"), ("+z", "+x"), ("-z", "-y")])
def test_a_shape_that_lies_is_told_how_to_stand(up, front):
    lying = hook(turn_matrix(up, front).T)  # turned by the matrix itself it stands
    look = familiar(hook()).look(lying, "chair")
    assert (look.turned.up, look.turned.front) == (up, front)
    assert any(f"turned so that {up} is up and {front} the front" in warning for warning in look.warnings)


def test_a_strange_shape_is_said_to_be_strange_by_how_much():
    tool = familiar(hook())
    look = tool.look(hook(), "table")
    assert any(
        f"this mesh is {look.distances['table']:.1f} times as far from the tables" in one for one in look.warnings
    )
    with pytest.raises(UnknownNameError, match="unknown family 'lamp'"):
        tool.look(hook(), "lamp")


def test_amounts_outside_those_that_were_learned():
    (warning,) = amount_warnings({"seat width": 0.5, "back height": -0.7})
    assert "back height -0.7 is outside the amounts that were learned, -0.5 to 0.5" in warning


def test_foldover_in_words():
    net = shifting_net()
    with torch.no_grad():  # every other voxel goes three cells up, in halves as `motion` is 2
        bias = net.trunk.unet.end.bias.view(-1, 3, 8)
        bias.zero_()
        bias[0, 2, ::2] = 1.5
    tool = Deformer(net, ("chair", "table"))
    plain = tool.deform(block(), "chair", {"seat height": 1.0})
    assert plain.foldover.share == pytest.approx(4 / 9)  # of 9 layers of cells at the block, those above a raised voxel
    assert describe_foldover(plain).startswith(
        f"{100 * plain.foldover.share:.2f} % of the cells at the shape are folded"
    )
    damped = tool.deform(block(), "chair", {"seat height": 1.0}, prevent="damp")
    assert damped.foldover.share == 0
    assert f"(before that was prevented: {100 * plain.foldover.share:.2f} %" in describe_foldover(damped)


def test_saved_weights_deform_as_the_network_did(tmp_path):
    tool = load_deformer(save_shifting_net(tmp_path / "net.safetensors"))
    assert tool.families == ("chair", "table")
    moved = tool.deform(block(), "chair", {"seat height": 0.4}).mesh
    assert torch.equal(moved.verts, deformer().deform(block(), "chair", {"seat height": 0.4}).mesh.verts)


def test_other_weights_are_refused(tmp_path):
    save_model(VoxNet(2), tmp_path / "voxnet.safetensors", classes=["a", "b"])
    with pytest.raises(CheckpointError, match="expected weights of a DeformationFlowNet with linear mixing, got those"):
        load_deformer(tmp_path / "voxnet.safetensors")
    middle = DeformationFlowNet(4, 16, mixing="middle", widths=(4, 8), kinds=1)
    save_model(middle, tmp_path / "middle.safetensors", classes=["mug"])
    with pytest.raises(CheckpointError, match="with linear mixing"):
        load_deformer(tmp_path / "middle.safetensors")
    with pytest.raises(InvalidInputError, match="kinds: expected 2 names"):
        Deformer(shifting_net(), ("chair",))


def test_labels_and_name_stay():
    mesh = replace(block(), face_labels=torch.arange(12))
    moved = deformer().deform(mesh, "chair", {"seat width": 0.2}).mesh
    assert torch.equal(moved.face_labels, mesh.face_labels)
    assert moved.name == "block"
