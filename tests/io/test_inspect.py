"""What `geolearn info` counts, on shapes small enough to count by hand."""

import json

import numpy as np
import pytest
import torch
from seed_files import tetrahedron

from geolearn.io import load_mesh
from geolearn.io.inspect import describe_mesh, describe_voxels
from geolearn.structures import Mesh, VoxelGrid


def mesh(verts, faces) -> Mesh:
    return Mesh(torch.tensor(verts, dtype=torch.float32).reshape(-1, 3), torch.tensor(faces).reshape(-1, 3).long())


def test_a_tetrahedron_by_hand():
    """Corners 0, x, y and (1/4, 1/2, 1): base 1/2, height 1, so volume 1/6."""
    facts = describe_mesh(tetrahedron())
    assert json.loads(json.dumps(facts)) == facts
    area = facts.pop("area")
    assert facts == {
        "vertices": 4,
        "faces": 4,
        "bounds": [[0, 0, 0], [1, 1, 1]],
        "duplicate_vertices": 0,
        "unused_vertices": 0,
        "degenerate_faces": 0,
        "components": 1,
        "boundary_edges": 0,
        "non_manifold_edges": 0,
        "watertight": True,
        "consistent_orientation": True,
        "volume": pytest.approx(1 / 6, rel=1e-12),
    }
    assert area == pytest.approx(tetrahedron().to_trimesh().area, rel=1e-12)


def test_inside_out_has_negative_volume_wherever_it_is():
    good = tetrahedron()
    flipped = Mesh(4 * good.verts + 2**20, good.faces[:, [0, 2, 1]])  # whole numbers: exact in float32
    assert describe_mesh(flipped)["volume"] == pytest.approx(-64 / 6, rel=1e-14)


def test_one_face_turned_over():
    good = tetrahedron()
    faces = good.faces.clone()
    faces[2] = faces[2].flip(0)
    facts = describe_mesh(Mesh(good.verts, faces))
    assert (facts["watertight"], facts["consistent_orientation"], facts["volume"]) == (True, False, None)


def test_an_open_and_a_branching_surface():
    fin = mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]], [[0, 1, 2], [1, 0, 3], [0, 1, 4]])
    facts = describe_mesh(fin)
    assert (facts["boundary_edges"], facts["non_manifold_edges"]) == (6, 1)
    assert (facts["watertight"], facts["consistent_orientation"], facts["volume"]) == (False, False, None)
    assert facts["area"] == pytest.approx(1.5)


def test_duplicates_unused_degenerate_and_components():
    verts = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [-0.0, 0, 0], [2, 0, 0], [9, 9, 9], [3, 3, 3], [4, 3, 3], [3, 4, 3]]
    faces = [[0, 1, 2], [3, 3, 1], [0, 1, 4], [6, 7, 8]]
    facts = describe_mesh(mesh(verts, faces))
    assert facts["duplicate_vertices"] == 1  # vertex 3 stands on vertex 0
    assert facts["unused_vertices"] == 1  # vertex 5
    assert facts["bounds"] == [[0, 0, 0], [4, 4, 3]]
    assert facts["degenerate_faces"] == 2  # a repeated corner; three corners on a line
    assert facts["components"] == 2
    assert facts["boundary_edges"] == 7  # 3 + 3 of the triangle and of the line, one of them shared, and 3
    assert facts["area"] == pytest.approx(1.0)


def test_a_needle_is_degenerate_and_a_thin_triangle_is_not():
    needle = mesh([[0, 0, 0], [1, 0, 0], [0.5, 1e-7, 0], [0.5, 1e-5, 0]], [[0, 1, 2], [0, 1, 3]])
    assert describe_mesh(needle)["degenerate_faces"] == 1


def test_an_edge_of_three_hundred_faces_does_not_fall_apart():
    faces = [[0, 1, 2]] * 256 + [[0, 2, 1]] * 256
    facts = describe_mesh(mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], faces))
    assert (facts["components"], facts["non_manifold_edges"]) == (1, 3)


def test_an_empty_mesh():
    facts = describe_mesh(mesh([], []))
    assert facts["bounds"] is None
    assert (facts["vertices"], facts["components"], facts["watertight"], facts["area"]) == (0, 0, False, 0)


@pytest.mark.parametrize("name", ["spot", "teapot", "suzanne"])
def test_trimesh_measures_the_same(unpacked, name):
    shape = load_mesh(unpacked("meshes_and_softras.tar.xz") / "meshes" / f"{name}.obj")
    facts, oracle = describe_mesh(shape), shape.to_trimesh()
    assert facts["watertight"] == oracle.is_watertight
    if not facts["non_manifold_edges"]:  # at the edges of three faces trimesh does not look
        assert facts["consistent_orientation"] == oracle.is_winding_consistent
    assert facts["area"] == pytest.approx(oracle.area, rel=1e-9)
    assert facts["components"] == oracle.body_count
    if oracle.is_volume:
        assert facts["volume"] == pytest.approx(oracle.volume, rel=1e-9)
    assert facts["duplicate_vertices"] == len(oracle.vertices) - len(np.unique(oracle.vertices, axis=0))


def test_voxels_by_hand():
    """A hollow 3 x 3 x 3 box, one cell apart, in a 6-cube whose cells are half a unit wide."""
    values = torch.zeros(6, 6, 6, dtype=torch.bool)
    values[1:4, 1:4, 1:4] = True
    values[2, 2, 2] = False
    values[4, 4, 4] = True  # touches the box in a corner only
    facts = describe_voxels(VoxelGrid(values, torch.tensor([-1.0, 0.0, 2.0]), 0.5))
    assert json.loads(json.dumps(facts)) == facts
    assert facts == {
        "resolution": 6,
        "values": "bool",
        "origin": [-1, 0, 2],
        "voxel_size": 0.5,
        "value_range": [0, 1],
        "occupied": 27,
        "occupied_fraction": 27 / 216,
        "bounds": [[-0.5, 0.5, 2.5], [1.5, 2.5, 4.5]],
        "components": 2,
        "largest_component": 26,
        "cavities": 1,
    }


@pytest.mark.parametrize("value, occupied", [(0.0, 0), (0.5, 0), (0.75, 8)])
def test_float_voxels_count_above_one_half(value, occupied):
    facts = describe_voxels(VoxelGrid(torch.full((2, 2, 2), value)))
    assert (facts["values"], facts["occupied"], facts["value_range"]) == ("float32", occupied, [value, value])
    assert (facts["bounds"] is None, facts["components"], facts["cavities"]) == (not occupied, bool(occupied), 0)
