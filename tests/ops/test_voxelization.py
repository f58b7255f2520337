"""`voxelize`: where the grid lies, what it marks, and what must not change the result."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from geolearn.errors import InvalidInputError
from geolearn.ops import voxelize
from geolearn.structures import Mesh


def box(low, high) -> Mesh:
    shape = trimesh.creation.box(bounds=[low, high])
    return Mesh.from_trimesh(shape)


def ball(subdivisions=3, radius=1.0, centre=(0.0, 0.0, 0.0)) -> Mesh:
    shape = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return Mesh(torch.tensor(shape.vertices + centre).float(), torch.tensor(np.asarray(shape.faces)))


def join(*meshes: Mesh) -> Mesh:
    offsets = np.cumsum([0] + [len(mesh.verts) for mesh in meshes])
    faces = [mesh.faces + int(offset) for mesh, offset in zip(meshes, offsets, strict=False)]
    return Mesh(torch.cat([mesh.verts for mesh in meshes]), torch.cat(faces))


def slow_surface(mesh: Mesh, grid) -> np.ndarray:
    """Every cell against every face, all 13 axes in float64: the definition, in the frame that the grid reports."""
    corners = (mesh.verts.double() - grid.origin.double()).numpy()[mesh.faces.numpy()] / grid.voxel_size
    edges = np.roll(corners, -1, axis=1) - corners
    box_axes = np.broadcast_to(np.eye(3), (len(corners), 3, 3))
    cross = np.cross(edges[:, :, None], np.eye(3)).reshape(-1, 9, 3)
    axes = np.concatenate([box_axes, np.cross(edges[:, :1], edges[:, 1:2]), cross], axis=1)
    spans = np.einsum("fak,fck->fac", axes, corners)
    low, high = spans.min(-1), spans.max(-1)
    values = np.zeros((grid.resolution,) * 3, bool)
    for cell in product(range(grid.resolution), repeat=3):
        at = axes @ np.array(cell, float)
        below, above = at + np.minimum(axes, 0).sum(-1), at + np.maximum(axes, 0).sum(-1)
        values[cell] = ((low <= above) & (below <= high)).all(-1).any()
    return values


@pytest.mark.parametrize("seed", range(3))
def test_surface_equals_a_loop_over_cells_and_faces(seed):
    rng = np.random.default_rng(seed)
    small = rng.uniform(-1, 1, (12, 1, 3)) + rng.normal(0, 0.1, (12, 3, 3))
    soup = np.concatenate([small, rng.uniform(-1, 1, (3, 3, 3)), np.repeat(rng.uniform(-1, 1, (2, 1, 3)), 3, 1)])
    mesh = Mesh(torch.tensor(soup).float().reshape(-1, 3), torch.arange(soup.size // 3).reshape(-1, 3))
    for options in ({}, {"padding": 2}, {"bounds": [[-0.5, -0.6, -0.7], [0.5, 0.3, 0.2]]}):
        grid = voxelize(mesh, 11, mode="surface", **options)
        np.testing.assert_array_equal(grid.values.numpy(), slow_surface(mesh, grid))


@pytest.mark.parametrize("centre", [(0, 0, 0), (0.5, 0.5, 0.5), (3, -200, 1e4)])
@pytest.mark.parametrize("resolution, padding", [(32, 0), (32, 4), (30, 3), (7, 3), (64, 31)])
def test_the_longest_side_fills_the_cells_between_the_padding(centre, resolution, padding):
    half = np.array([0.5, 0.25, 0.1])
    mesh = box(centre - half, centre + half)
    for mode in ("surface", "solid"):
        grid = voxelize(mesh, resolution, mode=mode, padding=padding)
        filled = grid.values.nonzero()
        assert filled[:, 0].min() == padding
        assert filled[:, 0].max() == resolution - 1 - padding
        assert filled.min() >= padding
        assert filled.max() < resolution - padding
    tolerance = 1e-6 * resolution / (resolution - 2 * padding) if max(centre) < 1 else 1e-2
    assert grid.voxel_size == pytest.approx(1 / (resolution - 2 * padding), rel=tolerance)
    middle = grid.origin + resolution * grid.voxel_size / 2
    torch.testing.assert_close(middle, torch.tensor(centre, dtype=torch.float32), rtol=1e-6, atol=2e-6)


def test_bounds_place_the_grid_exactly():
    grid = voxelize(box([1, 1, 1], [2, 2, 2]), 16, bounds=[[0, 0, 0], [4, 2, 4]], padding=0)
    assert grid.voxel_size == 0.25
    assert grid.origin.tolist() == [0, -1, 0]  # centred: two units of y more than the box has


def test_a_box_on_cell_boundaries_touches_the_cells_around_it():
    """Closed cubes: the layer of cells outside each side meets it, edges and corners included."""
    grid = voxelize(box([2, 2, 2], [6, 5, 6]), 8, mode="surface", bounds=[[0, 0, 0], [8, 8, 8]])
    expected = torch.zeros(8, 8, 8, dtype=torch.bool)
    expected[1:7, 1:6, 1:7] = True
    expected[3:5, 3:4, 3:5] = False
    assert torch.equal(grid.values, expected)
    solid = voxelize(box([2, 2, 2], [6, 5, 6]), 8, bounds=[[0, 0, 0], [8, 8, 8]])
    expected[3:5, 3:4, 3:5] = True
    assert torch.equal(solid.values, expected)


def test_a_box_between_cell_boundaries_marks_what_it_overlaps():
    grid = voxelize(box([1.5, 2.25, 0.5], [6.5, 5.5, 7.5]), 8, bounds=[[0, 0, 0], [8, 8, 8]])
    expected = torch.zeros(8, 8, 8, dtype=torch.bool)
    expected[1:7, 2:6, 0:8] = True
    assert torch.equal(grid.values, expected)


def test_the_volume_of_a_solid_ball_converges_from_above():
    volume = 4 / 3 * np.pi
    errors = []
    for resolution in (16, 32, 64, 128):
        grid = voxelize(ball(5), resolution)
        errors.append(float(grid.values.sum()) * grid.voxel_size**3 / volume - 1)
    assert all(error > 0 for error in errors)
    for coarse, fine in pairwise(errors):
        assert fine == pytest.approx(coarse / 2, rel=0.1)  # half the cell, half the excess: a layer of cells


@pytest.mark.parametrize("fill", ["flood", "winding"])
def test_quarter_turns_commute(fill):
    """Coordinates on a dyadic lattice turn without rounding."""
    verts = (ball(2).verts * torch.tensor([1.0, 0.7, 0.4]) * 64).round() / 64 + torch.tensor([0.0, 0.25, 0.125])
    mesh = Mesh(verts, ball(2).faces)
    options = {"bounds": [[-2, -2, -2], [2, 2, 2]], "fill": fill}
    grid = voxelize(mesh, 32, **options).values
    about_z = replace(mesh, verts=torch.stack([-verts[:, 1], verts[:, 0], verts[:, 2]], 1))
    assert torch.equal(voxelize(about_z, 32, **options).values, grid.rot90(1, (0, 1)))
    about_x = replace(mesh, verts=torch.stack([verts[:, 0], -verts[:, 2], verts[:, 1]], 1))
    assert torch.equal(voxelize(about_x, 32, **options).values, grid.rot90(1, (1, 2)))


@given(shift=st.tuples(*[st.integers(-5, 5)] * 3), mode=st.sampled_from(["surface", "solid"]))
@settings(max_examples=20, deadline=None)
def test_shifting_by_whole_cells_shifts_the_grid(shift, mode):
    verts = (ball(1).verts * 128).round() / 128
    mesh = Mesh(verts, ball(1).faces)
    moved = replace(mesh, verts=verts + torch.tensor(shift) / 8)
    options = {"mode": mode, "bounds": [[-2, -2, -2], [2, 2, 2]]}
    expected = voxelize(mesh, 32, **options).values.roll(shift, (0, 1, 2))
    assert torch.equal(voxelize(moved, 32, **options).values, expected)


@pytest.mark.parametrize("fill", ["flood", "winding"])
def test_order_and_numbering_change_nothing(fill):
    mesh = ball(3)
    generator = torch.Generator().manual_seed(0)
    order, numbering = torch.randperm(len(mesh.faces), generator=generator), torch.randperm(len(mesh.verts))
    shuffled = Mesh(mesh.verts[numbering], numbering.argsort()[mesh.faces][order].roll(1, 1))
    assert torch.equal(voxelize(shuffled, 24, fill=fill).values, voxelize(mesh, 24, fill=fill).values)


def test_an_open_box_stays_a_shell_under_flood_and_is_filled_by_winding():
    shape = box([0, 0, 0], [1, 1, 1])
    top = (shape.verts[shape.faces][..., 2] == 1).all(1)
    open_box = replace(shape, faces=shape.faces[~top])
    surface = voxelize(open_box, 16, mode="surface").values
    assert torch.equal(voxelize(open_box, 16).values, surface)
    filled = voxelize(open_box, 16, fill="winding").values
    assert filled[:, :, :8].all()  # w at the middle of an open cube is 5/6
    assert not surface[1:-1, 1:-1, 1:-1].any()


def test_a_hole_smaller_than_a_cell_does_not_leak():
    cap = (ball(4).triangles().mean(1)[:, 2] > 0.995).nonzero()[:3, 0]  # three of 5120 triangles
    kept = torch.ones(5120, dtype=torch.bool)
    kept[cap] = False
    punctured = replace(ball(4), faces=ball(4).faces[kept])
    assert torch.equal(voxelize(punctured, 16).values, voxelize(ball(4), 16).values)


def test_flood_fills_parts_that_cross_and_are_flipped():
    """A CAD-like shape: three boxes run through each other, one inside out, one without its hidden lid."""
    seat, leg, back = box([0, 0, 4], [8, 8, 5]), box([1, 1, 0], [2, 2, 4.5]), box([0, 7, 4.5], [8, 8, 12])
    lidless = replace(leg, faces=leg.faces[~(leg.triangles()[..., 2] == 4.5).all(1)])
    chair = join(seat, replace(back, faces=back.faces.flip(1)), lidless)
    parts = [voxelize(part, 48, bounds=[[-1, -1, -1], [13, 13, 13]]).values for part in (seat, leg, back)]
    solid = voxelize(chair, 48, bounds=[[-1, -1, -1], [13, 13, 13]]).values
    assert torch.equal(solid, parts[0] | parts[1] | parts[2])


def test_both_fills_agree_on_closed_meshes_and_differ_on_cavities():
    def grid(mesh, **options):
        return voxelize(mesh, 40, bounds=[[-1, -1, -1], [1, 1, 1]], **options).values

    full, inner = ball(3), ball(3, 0.5)
    assert torch.equal(grid(full, fill="winding"), grid(full))
    hollow = join(full, replace(inner, faces=inner.faces.flip(1)))
    assert torch.equal(grid(hollow), grid(full))
    cavity = grid(full) & ~grid(hollow, fill="winding")
    assert torch.equal(cavity, grid(inner) & ~grid(inner, mode="surface"))


@pytest.mark.parametrize("fill", ["flood", "winding"])
def test_what_bounds_cut_off_still_encloses(fill):
    """Half a ball outside the grid: the inside of the cut cells is known from the part that is not seen."""
    mesh = ball(3, 1.0, (0.1, 0.2, 0.3))
    whole = voxelize(mesh, 64, bounds=[[-2, -2, -2], [2, 2, 2]], fill=fill).values
    half = voxelize(mesh, 32, bounds=[[0, -1, -1], [2, 1, 1]], fill=fill).values
    assert torch.equal(half, whole[32:64, 16:48, 16:48])


def test_a_vertex_that_no_face_uses_and_degenerate_faces_do_not_matter():
    mesh = ball(2)
    faces = torch.cat([mesh.faces, mesh.faces[:5, [0, 0, 1]], mesh.faces[:5, [2, 2, 2]]])
    more = Mesh(torch.cat([mesh.verts, torch.tensor([[50.0, 0, 0]])]), faces)
    assert torch.equal(voxelize(more, 20).values, voxelize(mesh, 20).values)


def test_meshes_of_no_extent_and_of_one_triangle():
    point = Mesh(torch.tensor([[3.0, 4.0, 5.0]]), torch.tensor([[0, 0, 0]]))
    assert voxelize(point, 8).values.sum() == 8  # the middle of an even grid is a corner of eight cells
    assert voxelize(point, 7).values.sum() == 1
    flat = Mesh(torch.tensor([[0.5, 0.5, 4.5], [8.75, 0.5, 4.5], [0.5, 8.75, 4.5]]), torch.tensor([[0, 1, 2]]))
    for mode in ("surface", "solid"):
        grid = voxelize(flat, 9, mode=mode, bounds=[[0, 0, 0], [9, 9, 9]]).values
        x, y, z = torch.meshgrid(*[torch.arange(9)] * 3, indexing="ij")
        assert torch.equal(grid, (x + y <= 9) & (z == 4))  # the long side is x + y = 9.25


def test_an_empty_mesh_needs_bounds():
    empty = Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64), name="nothing")
    with pytest.raises(InvalidInputError, match=r"mesh: 'nothing' has no faces.*give bounds"):
        voxelize(empty, 8)
    for options in ({"mode": "surface"}, {}, {"fill": "winding"}):
        assert not voxelize(empty, 8, bounds=[[0, 0, 0], [1, 1, 1]], **options).values.any()


def test_strided_and_differentiable_vertices_are_read_as_they_are():
    verts = torch.rand(3, 40, generator=torch.Generator().manual_seed(0)).T.requires_grad_()
    faces = torch.arange(39).reshape(3, 13).T
    expected = voxelize(Mesh(verts.detach().contiguous(), faces.contiguous()), 16)
    grid = voxelize(Mesh(verts, faces), 16)
    assert torch.equal(grid.values, expected.values)
    assert not grid.origin.requires_grad


@pytest.mark.parametrize(
    "options, message",
    [
        ({"resolution": 0}, r"resolution: expected 1\.\.512 cells per axis, got 0"),
        ({"resolution": 513}, r"resolution: expected 1\.\.512 cells per axis, got 513"),
        ({"padding": 4}, r"padding: expected 0\.\.3 cells per side for resolution 8, got 4"),
        ({"padding": -1}, r"padding: expected 0\.\.3 cells"),
        ({"bounds": [[0, 0, 0], [0, 0, 0]]}, r"bounds: expected a lowest and a highest corner"),
        ({"bounds": [[0, 0, 2], [1, 1, 1]]}, r"bounds: expected a lowest and a highest corner"),
        ({"bounds": [0, 0, 1]}, r"bounds: expected shape"),
        ({"bounds": [[0, 0, 0], [1e-3, 1e-3, 1e-3]]}, r"bounds: a flood fill needs a grid around the whole mesh"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    arguments = {"resolution": 8, **options}
    with pytest.raises(InvalidInputError, match=message):
        voxelize(ball(1), **arguments)


@pytest.mark.usefixtures("as_installed")
def test_an_unknown_mode_or_fill_is_refused():
    with pytest.raises(InvalidInputError, match=r"mode: expected 'solid' or 'surface', got 'shell'"):
        voxelize(ball(1), 8, mode="shell")
    with pytest.raises(InvalidInputError, match=r"fill: expected 'flood' or 'winding', got 'holes'"):
        voxelize(ball(1), 8, fill="holes")


def test_importing_the_ops_loads_no_compiler():
    code = "import sys, geolearn.ops; print('numba' in sys.modules, 'trimesh' in sys.modules, 'scipy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False"] * 3


def test_the_real_meshes(unpacked):
    """Watertight shapes of the labeled PSB: both fills agree but for pockets narrower than a cell."""
    folder = unpacked("lpsb.tar.xz") / "LabeledDB_new"
    for name in ("Chair/101.off", "Cup/21.off", "Human/1.off"):
        mesh = Mesh.from_trimesh(trimesh.load(folder / name, process=False))
        flood, winding = voxelize(mesh, 64).values, voxelize(mesh, 64, fill="winding").values
        assert not (winding & ~flood).any(), name
        assert int((flood & ~winding).sum()) <= 0.002 * int(flood.sum()), name
        assert voxelize(mesh, 64, mode="surface").values.sum() < 0.8 * flood.sum(), name
