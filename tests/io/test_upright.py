"""Every file that we write stands upright when it is read as its format is usually meant."""

import math

import pytest
import torch
import trimesh

from geolearn.io import load_mesh
from geolearn.io.part_files import save_part_scene
from geolearn.io.upright import customary_up, save_upright, stand_up, turned, upright_turn
from geolearn.structures import Mesh
from geolearn.structures.attributes import MeshAttributes

# A cone: its tip is up, and it has a back.
CONE = Mesh.from_trimesh(trimesh.creation.cone(radius=0.3, height=1.0, sections=12))


def read_upright(path) -> Mesh:
    """As `geolearn render` reads it."""
    return stand_up(load_mesh(path), customary_up(path))


@pytest.mark.parametrize("ending", ["off", "obj", "ply", "stl", "glb", "gltf"])
def test_a_mesh_stands_upright_in_every_format(ending, tmp_path):
    path = tmp_path / f"cone.{ending}"
    save_upright(CONE, path)
    again = read_upright(path)
    assert again.verts[again.verts[:, 2].argmax()].tolist() == pytest.approx([0, 0, 1], abs=1e-6)
    torch.testing.assert_close(again.bounds, CONE.bounds)
    if ending != "stl":  # which merges and reorders
        torch.testing.assert_close(again.verts, CONE.verts)
    assert math.isclose(again.to_trimesh().volume, CONE.to_trimesh().volume, rel_tol=1e-4)  # turned, not mirrored


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("ending", ["ply", "glb"])
def test_whatever_is_up_is_up(axis, sign, ending, tmp_path):
    up = sign * torch.eye(3)[axis]
    lying = turned(CONE, upright_turn(up, "z").T)
    tip = lying.verts[(lying.verts @ up).argmax()]
    assert tip.tolist() == pytest.approx(up.tolist(), abs=1e-6)
    save_upright(lying, tmp_path / f"cone.{ending}", up=up)
    again = read_upright(tmp_path / f"cone.{ending}")
    torch.testing.assert_close(again.verts, CONE.verts, atol=1e-6, rtol=0)


def test_nearly_an_axis_is_that_axis_and_another_direction_is_taken():
    near = torch.tensor([0.1, -0.2, 0.97])
    assert torch.equal(upright_turn(near, "z"), torch.eye(3))
    far = torch.tensor([0.6, 0.0, 0.8])
    turn = upright_turn(far, "z")
    torch.testing.assert_close(turn @ far, torch.tensor([0.0, 0.0, 1.0]))
    torch.testing.assert_close(turn @ turn.T, torch.eye(3), atol=1e-6, rtol=0)
    assert float(torch.linalg.det(turn)) == pytest.approx(1, abs=1e-6)


def test_normals_and_the_origin_turn_along(tmp_path):
    normals = CONE.verts / CONE.verts.norm(dim=1, keepdim=True).clamp(min=1e-6)
    origin = torch.tensor([0.0, 0.0, 1e6], dtype=torch.float64)
    mesh = Mesh(CONE.verts, CONE.faces, origin=origin, attributes=MeshAttributes(normals=normals))
    turn = upright_turn(torch.tensor([0.0, 0.0, 1.0]), "y")
    upright = turned(mesh, turn)
    assert upright.origin.tolist() == [0.0, 1e6, 0.0]
    torch.testing.assert_close(upright.attributes.normals @ turn, normals)
    assert turned(mesh, torch.eye(3)) is mesh


def test_scenes_of_parts_stand_upright(tmp_path):
    save_part_scene({"cone": CONE}, tmp_path / "parts.glb", torch.ones(1, 3))
    torch.testing.assert_close(read_upright(tmp_path / "parts.glb").verts, CONE.verts)
