"""Representations of grids here; of meshes against the operators they name."""

import pytest
import torch
import trimesh

from geolearn import ops
from geolearn.data import RenderViews, SamplePoints, Voxelize, pack, resize_columns, unpack
from geolearn.data.representations import resize_grid
from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.ops.isosurface import smooth_surface
from geolearn.render import camera_rig, render_views
from geolearn.structures import Mesh, VoxelGrid

CUBE = Mesh.from_trimesh(trimesh.creation.box(bounds=[[0, 0, 0], [1, 1, 1]]))


def random_grid(size: int) -> VoxelGrid:
    values = torch.rand(size, size, size, generator=torch.Generator().manual_seed(size)) < 0.5
    return VoxelGrid(values, torch.tensor([-0.5, 0.0, 2.0]), 0.1)


@pytest.mark.parametrize("size, target", [(30, 32), (5, 8), (8, 5), (7, 7), (1, 4), (4, 1), (33, 40)])
def test_a_resized_grid_keeps_its_cells_where_they_are(size, target):
    grid = random_grid(size)
    resized = resize_grid(grid, target)
    assert resized.resolution == target
    before = {tuple(point) for point in grid.points().mul(1000).round().tolist()}
    after = {tuple(point) for point in resized.points().mul(1000).round().tolist()}
    assert after == before if target >= size else after < before
    if after == before:
        assert Voxelize(target)(grid).values.equal(resized.values)
    else:
        with pytest.raises(
            InvalidInputError, match=f"a grid of {size} cells a side has occupied .* the middle {target};"
        ):
            Voxelize(target)(grid)


@pytest.mark.parametrize("size, target", [(30, 32), (5, 8), (8, 5), (7, 4)])
def test_packed_columns_resize_alike(size, target):
    grid = random_grid(size)
    packed = unpack(resize_columns(pack(grid.values[None]), target))[0, 0]
    assert torch.equal(resize_grid(grid, target).values.float(), packed)


def test_voxelize_is_the_operator():
    for representation in (Voxelize(12), Voxelize(12, mode="surface", padding=2)):
        expected = ops.voxelize(CUBE, 12, mode=representation.mode, padding=representation.padding)
        assert torch.equal(representation(CUBE).values, expected.values)
    assert Voxelize(12, padding=2)(CUBE).values.sum() == 8**3
    assert Voxelize(12, padding=2, mode="surface")(CUBE).values.sum() == 8**3 - 6**3


def test_points_are_the_same_every_time_and_on_the_surface():
    points = SamplePoints(200)(CUBE)
    assert torch.equal(points, SamplePoints(200)(CUBE))
    assert not torch.equal(points, SamplePoints(200, seed=1)(CUBE))
    assert points.shape == (200, 3)
    assert torch.allclose((points - 0.5).abs().amax(1), torch.full((200,), 0.5), atol=1e-6)


def blob(seed: int) -> Mesh:
    """A bumpy ball whose box is exactly the cube [-0.5, 0.5]^3."""
    ball = trimesh.creation.icosphere(subdivisions=2)
    directions = torch.from_numpy(ball.vertices).float()
    waves = torch.randn(3, 3, generator=torch.Generator().manual_seed(seed))
    verts = directions * (1 + 0.4 * torch.sin(3 * directions @ waves).sum(1, keepdim=True) / 3)
    low, high = verts.amin(0), verts.amax(0)
    return Mesh((verts - low) / (high - low) - 0.5, torch.from_numpy(ball.faces).long())


def test_grids_are_shown_by_their_smooth_surface():
    render, grid = RenderViews("ring", 24, count=3, fit="sphere"), random_grid(6)
    assert torch.equal(render.pixels(grid), render.pixels(smooth_surface(grid)))
    nothing = VoxelGrid(torch.zeros(6, 6, 6, dtype=torch.bool))
    assert float(RenderViews("ring", 8, background=1.0)(nothing).min()) == 1


def test_antialiased_pixels_are_averages():
    fine, coarse = RenderViews("ring", 48, "depth", count=2), RenderViews("ring", 16, "depth", count=2, antialias=3)
    averages = fine(blob(0)).view(2, 1, 16, 3, 16, 3).mean((3, 5))
    assert torch.allclose(coarse(blob(0)), averages, atol=1e-5)


@pytest.mark.parametrize("shading", ["smooth", "flat", "normals", "silhouette"])
def test_views_are_the_renderer_in_eight_bits(shading):
    render = RenderViews("ring", 24, shading, count=3, elevation_rad=0.2, background=0.4)
    images = render(blob(0))
    expected = render_views(
        blob(0), camera_rig("ring", size=24, count=3, elevation_rad=0.2), None, shading, background=0.4
    )
    assert (tuple(images.shape), images.dtype) == (render.shape, torch.float32)
    assert images.shape == expected.shape
    assert float((images - expected).abs().max()) <= 0.5 / 255 + 1e-7
    pixels = render.pixels(blob(0))
    assert pixels.dtype == render.pixel_dtype == torch.uint8
    assert torch.equal(images, (pixels.double() / 255).float())
    assert len(pixels.unique()) > (10 if shading != "silhouette" else 1)


def test_depth_stays_as_it_is():
    render = RenderViews("ring", 24, "depth", count=2)
    assert torch.equal(render(blob(0)), render_views(blob(0), camera_rig("ring", size=24, count=2), shading="depth"))
    assert render.pixel_dtype == render.pixels(blob(0)).dtype == torch.float32
    assert float(render(blob(0)).max()) > 1.5


@pytest.mark.parametrize("fit", ["cube", "sphere"])
def test_where_a_shape_lies_and_how_large_it_is_does_not_matter(fit):
    render, mesh = RenderViews("mvcnn12", 32, fit=fit), blob(1)
    elsewhere = Mesh(mesh.verts * 8 + torch.tensor([64.0, -32.0, 16.0]), mesh.faces)  # exact in float32
    assert torch.equal(render(elsewhere), render(mesh))


def test_the_cameras_know_nothing_of_the_content():
    """Two shapes in one cube look as each does alone, the nearer one in front: nothing was moved to fit them."""
    render, one, two = RenderViews("mvcnn12", 48, "depth"), blob(2), blob(3)
    both = Mesh(torch.cat([one.verts, two.verts]), torch.cat([one.faces, two.faces + len(one.verts)]))
    alone = torch.stack([render(one), render(two)])
    nearest = torch.where(alone > 0, alone, torch.inf).amin(0)
    together = render(both)
    assert torch.equal(torch.where(nearest.isfinite(), nearest, 0.0), together)
    assert len(render.cameras()) == 12
    assert 0.05 < float((together > 0).float().mean()) < 0.5


@pytest.mark.parametrize("fit, radius", [("cube", 0.75**0.5), ("sphere", 0.75**0.5)])
def test_a_cube_is_the_largest_shape_of_either_fit(fit, radius):
    assert torch.equal(RenderViews("ring", 32, fit=fit)(CUBE), RenderViews("ring", 32)(CUBE))
    plate = Mesh.from_trimesh(trimesh.creation.box(extents=[1, 0.2, 0.1]))
    cube, sphere = (float(RenderViews("ring", 64, "silhouette", fit=name)(plate).mean()) for name in ("cube", "sphere"))
    grown = radius / (0.5 * (1 + 0.2**2 + 0.1**2) ** 0.5)
    assert sphere / cube == pytest.approx(grown**2, rel=0.1)  # about: what is nearer also grows by perspective


def test_a_mesh_may_stay_as_it_is():
    as_it_is = RenderViews("ring", 32, fit="none")
    assert torch.equal(as_it_is(blob(1)), RenderViews("ring", 32)(blob(1)))
    far = Mesh(blob(1).verts + torch.tensor([0.0, 0.0, 5.0]), blob(1).faces)
    assert float(as_it_is(far).max()) == 0


def test_a_point_of_a_mesh_is_drawn_without_trouble():
    point = Mesh(torch.ones(3, 3), torch.tensor([[0, 1, 2]]))
    assert float(RenderViews("ring", 8, fit="sphere")(point).max()) == 0


def test_the_repr_says_everything():
    assert repr(RenderViews("mvcnn80", 112, fit="sphere")) == (
        "RenderViews(rig='mvcnn80', size=112, shading='smooth', count=None, elevation_rad=None, "
        "fov_rad=0.6981317007977318, distance=None, ambient=0.3, diffuse=0.6, background=0.0, fit='sphere', "
        "antialias=1)"
    )
    assert repr(Voxelize(32, padding=1)) == "Voxelize(resolution=32, mode='solid', padding=1)"
    assert Voxelize(32) == Voxelize(32)


@pytest.mark.usefixtures("as_installed")
def test_refuses_nonsense():
    with pytest.raises(InvalidInputError, match="room for at least one cell"):
        Voxelize(4, padding=2)
    with pytest.raises(InvalidInputError, match="at least 1 point"):
        SamplePoints(0)
    with pytest.raises(InvalidInputError, match="no surface to sample"):
        SamplePoints(5)(random_grid(4))
    with pytest.raises(InvalidInputError, match="antialias: expected at least 1 sample a side, got 0"):
        RenderViews("ring", 8, antialias=0)
    with pytest.raises(UnknownNameError, match="Did you mean 'mvcnn12'"):
        RenderViews("mvcnn13")
    with pytest.raises(UnknownNameError, match=r"unknown shading 'smoth'\. Did you mean 'smooth'"):
        RenderViews(shading="smoth")
    with pytest.raises(InvalidInputError, match="at least 1 pixel"):
        RenderViews(size=0)
    with pytest.raises(InvalidInputError, match="background in"):
        RenderViews(background=1.5)
    with pytest.raises(InvalidInputError, match="count: mvcnn12 has a fixed number"):
        RenderViews(count=3)


def test_an_unknown_fit_is_refused(as_installed):
    with pytest.raises(UnknownNameError, match=r"unknown fit 'cub'\. Did you mean 'cube'"):
        RenderViews(fit="cub")
