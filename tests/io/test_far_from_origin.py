"""Coordinates far from the origin: kept about an origin of their own, or refused, by one rule for all formats."""

import numpy as np
import pytest
import torch
from mesh_writers import FACES, KINDS, POLYGONS, VERTS, ascii_stl, binary_ply, gltf_document, load, measures, text_of
from seed_files import glb

from geolearn.io import load_mesh, save_mesh
from geolearn.structures import Mesh

FAR = {name: write for name, write in POLYGONS.items() if "." in name} | {"a.stl": ascii_stl}


@pytest.mark.parametrize("name", FAR)
@pytest.mark.parametrize("offset", [[691234.37, 5334567.81, 512.13], [-2.5e7, 0.25, 1e-3], [1e9, 1e9, -1e9]])
def test_far_from_0_the_shape_is_kept_about_an_origin(tmp_path, name, offset, caplog):
    verts = np.array(VERTS, dtype=float) + offset
    mesh = load(tmp_path, name, FAR[name](verts.tolist(), FACES))
    assert mesh.origin is not None
    assert mesh.origin.dtype == torch.float64
    assert "so far from 0 that float32 would bend the shape" in caplog.text
    order = [mesh.world_verts().sub(torch.tensor(v)).norm(dim=1).argmin().item() for v in verts]
    assert torch.allclose(mesh.world_verts()[order], torch.tensor(verts), rtol=0, atol=1e-6)
    assert measures(mesh) == (4, pytest.approx(9, rel=1e-6), pytest.approx(1, rel=1e-6))
    assert mesh.verts.abs().max() < 8
    assert str(tuple(mesh.origin.tolist())) in repr(mesh)
    # It can be had back: saved and read again it lies where it lay.
    for extension in ("off", "obj", "ply", "stl", "glb", "gltf"):
        save_mesh(mesh, tmp_path / f"again.{extension}", ascii=extension == "stl")
        again = load_mesh(tmp_path / f"again.{extension}")
        assert measures(again)[1:] == (pytest.approx(9, rel=1e-6), pytest.approx(1, rel=1e-6))
        assert torch.allclose(again.world_verts().amin(0), torch.tensor(verts).amin(0), rtol=0, atol=1e-6)


def test_binary_stl_refuses_what_it_would_bend(tmp_path):
    mesh = load_mesh(KINDS / "utm_house.obj")
    with pytest.raises(ValueError, match=r"mesh: binary STL holds float32, which would bend a shape about \[691240"):
        save_mesh(mesh, tmp_path / "a.stl")


def test_a_node_that_is_far_away_counts_too(tmp_path):
    document, binary = gltf_document(VERTS, FACES)
    document["nodes"][0]["translation"] = [691234.37, 5334567.81, 512.13]
    mesh = load(tmp_path, "a.glb", glb(document, binary))
    assert measures(mesh) == (4, pytest.approx(9, rel=1e-6), pytest.approx(1, rel=1e-6))
    assert mesh.world_verts()[1].tolist() == pytest.approx([691235.37, 5334567.81, 512.13], abs=1e-6)


@pytest.mark.parametrize("offset", [0, 1, 100, 0.1])
def test_near_0_coordinates_stay_as_they_are(tmp_path, offset):
    verts = np.array(VERTS) + offset
    mesh = load(tmp_path, "a.ply", text_of("ply", verts.tolist(), FACES))
    assert mesh.origin is None
    assert np.array_equal(mesh.verts.numpy(), verts.astype(np.float32))


def test_what_a_file_holds_in_float32_stays_as_it_is(tmp_path):
    verts = (np.array(VERTS) + 5334567.81).astype(np.float32)
    data = binary_ply("<", verts, FACES).replace(b"double", b"float")
    head, body = data[: data.index(b"end_header\n") + 11], data[-4 * 13 :]
    mesh = load(tmp_path, "a.ply", head + verts.astype("<f4").tobytes() + body)
    assert mesh.origin is None
    assert np.array_equal(mesh.verts.numpy(), verts)


@pytest.mark.parametrize("name", ["a.off", "a.obj", "a.ply", "a.stl"])
@pytest.mark.parametrize("offset", [[5334567.81] * 3, [0, 3.4028235e38, 3.4028235e38], [0.1, 1e7, -1e9]])
def test_float32_far_away_comes_back_from_text_to_the_bit(tmp_path, name, offset):
    verts = np.array(offset, np.float32) * np.ones((4, 3), np.float32)
    verts[:, 0] += np.arange(4, dtype=np.float32)
    mesh = Mesh(torch.from_numpy(verts), torch.tensor([[0, 1, 2], [1, 2, 3]]))
    save_mesh(mesh, tmp_path / name, ascii=True)
    again = load_mesh(tmp_path / name)
    assert again.origin is None
    assert np.array_equal(again.verts[again.faces].numpy(), verts[mesh.faces.numpy()])


def test_the_rule_for_an_origin_is_the_largest_move_over_the_longest_side(tmp_path):
    """A third at 2^k: float32 keeps 2^(k - 24), so the move passes 2^-17 of a side of 1 at about k = 8."""
    moved = {}
    for exponent in range(4, 14):
        verts = np.array([[0, 0, 0], [1, 0, 0], [0, 1 / 3, 0]]) + 2.0**exponent
        mesh = load(tmp_path, "a.obj", text_of("obj", verts.tolist(), [[0, 1, 2]]))
        moved[exponent] = np.abs(verts.astype(np.float32) - verts).max()
        assert (mesh.origin is not None) == (moved[exponent] > 2.0**-17)
    assert min(moved.values()) < 2.0**-17 < max(moved.values())
