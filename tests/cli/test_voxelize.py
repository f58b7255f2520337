"""`geolearn voxelize`: what it fills, and what it says of a shape that encloses nothing."""

from pathlib import Path

import torch

from geolearn.cli.main import main
from geolearn.io import load_mesh, load_voxels, save_mesh
from geolearn.structures import Mesh

KINDS = Path(__file__).resolve().parent.parent / "io" / "kinds"


def cells(tmp_path, name: str, *options: str) -> int:
    out = tmp_path / "out.npz"
    assert main(["voxelize", str(KINDS / name), "--resolution", "30", "-o", str(out), *options]) == 0
    return int(load_voxels(out).occupancy.sum())


def test_flood_fills_hollows_and_winding_does_not(tmp_path, capsys):
    """A 6^3 box around a 4^3 hollow, five cells to a unit: 20 cells a side are hollow, the outer two are surface."""
    assert cells(tmp_path, "hollow_box.obj") == 30**3
    assert cells(tmp_path, "hollow_box.obj", "--fill", "winding") == 30**3 - 18**3 == 21168
    assert "no cell" not in capsys.readouterr().out


def test_an_open_box_says_that_it_encloses_nothing(tmp_path, capsys):
    """Five sides of a box are surface, and through the missing one the outside comes in."""
    assert cells(tmp_path, "open_box.obj") == 30**3 - 28 * 28 * 29
    out = capsys.readouterr().out
    assert "Solid added no cell: the surface is open (4 edges have one face), so it encloses nothing" in out
    assert "--fill winding closes holes" in out
    assert cells(tmp_path, "open_box.obj", "--fill", "winding") == 30**3
    assert "no cell" not in capsys.readouterr().out
    assert cells(tmp_path, "open_box.obj", "--mode", "surface") == 30**3 - 28 * 28 * 29
    assert "no cell" not in capsys.readouterr().out


def test_a_closed_shape_thinner_than_a_cell_says_so(tmp_path, capsys):
    plate = Mesh.from_trimesh(load_mesh(KINDS / "hollow_box.obj").to_trimesh().split()[0])
    save_mesh(Mesh(plate.verts * torch.tensor([1, 1, 0.001]), plate.faces), tmp_path / "plate.off")
    assert main(["voxelize", str(tmp_path / "plate.off"), "--resolution", "8", "-o", str(tmp_path / "a.npy")]) == 0
    assert "Solid added no cell: what the surface encloses is thinner than 8 cells" in capsys.readouterr().out


def test_where_a_shape_far_from_0_lies_is_said(tmp_path, capsys):
    cells(tmp_path, "utm_house.obj")
    assert "The grid lies about (691240, 5334568, " in capsys.readouterr().out
