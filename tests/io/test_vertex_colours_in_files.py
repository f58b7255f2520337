"""Colours of vertices as other programs read them, and as we read them back."""

import json

import numpy as np
import pytest
import torch
import trimesh

from geolearn.errors import InvalidInputError
from geolearn.io import load_mesh, save_mesh
from geolearn.structures import Mesh

TETRAHEDRON = Mesh(
    torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    torch.tensor([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]]),
)
COLOURS = torch.tensor([[1.0, 0, 0], [0, 0.5, 0], [0, 0, 0.25], [1, 1, 1]])
BYTES = np.array([[255, 0, 0], [0, 128, 0], [0, 0, 64], [255, 255, 255]])


@pytest.mark.parametrize("name, ascii", [("m.ply", False), ("m.ply", True), ("m.obj", False)])
def test_trimesh_reads_them(tmp_path, name, ascii):
    save_mesh(TETRAHEDRON, tmp_path / name, ascii=ascii, vertex_colours=COLOURS)
    there = trimesh.load(tmp_path / name, process=False)
    assert np.abs(there.visual.vertex_colors[:, :3].astype(int) - BYTES).max() <= 1
    back = load_mesh(tmp_path / name)
    assert np.abs(back.attributes.vertex_colours.numpy() * 255 - BYTES).max() <= 0.1
    assert torch.equal(back.verts, TETRAHEDRON.verts)
    assert torch.equal(back.faces, TETRAHEDRON.faces)


@pytest.mark.parametrize("name", ["m.glb", "m.gltf"])
def test_gltf_holds_linear_light(tmp_path, name):
    save_mesh(TETRAHEDRON, tmp_path / name, vertex_colours=COLOURS)
    scene = trimesh.load(tmp_path / name, process=False)
    there = next(iter(scene.geometry.values())).visual.vertex_colors[:, :3] / 255
    srgb = BYTES / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    assert np.abs(there - linear).max() < 0.01
    back = load_mesh(tmp_path / name)
    assert torch.equal(back.verts, TETRAHEDRON.verts)
    assert np.abs(back.attributes.vertex_colours.numpy() * 255 - BYTES).max() <= 1e-3
    if name == "m.gltf":
        document = json.loads((tmp_path / name).read_text())
        accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]]
        assert accessor == {"bufferView": 1, "componentType": 5126, "count": 4, "type": "VEC3"}


def test_colours_that_do_not_fit(tmp_path):
    with pytest.raises(InvalidInputError, match=r"\.stl has no place for them; save as ply, obj"):
        save_mesh(TETRAHEDRON, tmp_path / "m.stl", vertex_colours=COLOURS)
    for wrong in (COLOURS[:3], COLOURS * 255, COLOURS * float("nan")):
        with pytest.raises(InvalidInputError, match=r"expected \(4, 3\) values in \[0, 1\]"):
            save_mesh(TETRAHEDRON, tmp_path / "m.ply", vertex_colours=wrong)
