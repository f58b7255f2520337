"""Volume rendering against slabs and balls worked out by hand, a plain loop, and float64 gradients."""

import itertools
import math

import numpy as np
import pytest
import torch

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.render import absorption_only, camera_rig, emission_absorption, marching, visual_hull
from geolearn.structures import Cameras, VoxelGrid

R = 8
MODES = ("physical", "paper", "reference")


def along_x(distance: float, size: int = 1, focal: float = 100.0) -> Cameras:
    """A camera on the +X side of the origin that looks along -X; with an odd size its middle ray is the X axis."""
    pose = torch.eye(4)
    pose[:3, :3] = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]])
    pose[2, 3] = distance
    K = torch.tensor([[focal, 0.0, size / 2], [0.0, focal, size / 2], [0.0, 0.0, 1.0]])
    return Cameras(K[None], pose[None], size, size)


def slab(value: float, first: int, last: int) -> torch.Tensor:
    grid = torch.zeros(R, R, R)
    grid[first:last] = value
    return grid


@pytest.mark.parametrize("distance", [0.9, 1.0, 1.234, 7.0])
@pytest.mark.parametrize("first, last", [(0, R), (2, 5), (7, 8), (3, 3)])
def test_hull_of_a_slab_counts_its_planes(distance: float, first: int, last: int) -> None:
    """Samples one voxel apart share each plane's value between them, wherever the camera is: the sum is exact."""
    for mode in MODES:
        image = visual_hull(slab(0.3, first, last), along_x(distance), mode=mode)
        assert float(image) == pytest.approx(1 - math.exp(-0.3 * (last - first)), abs=1e-6)


def test_paper_adds_up_samples_whatever_their_distance() -> None:
    """Twice as many samples are twice the thickness on paper, and the same picture in physics."""
    twice = 1 - math.exp(-2 * 0.1 * 4)
    assert float(visual_hull(slab(0.1, 2, 6), along_x(1.0), mode="paper", step=0.5)) == pytest.approx(twice, abs=1e-6)
    once = 1 - math.exp(-0.1 * 4)
    assert float(visual_hull(slab(0.1, 2, 6), along_x(1.0), step=0.5)) == pytest.approx(once, abs=1e-6)


@pytest.mark.parametrize("step", [0.05, 0.5, 2.0])
def test_hull_of_a_slab_seen_at_an_angle(step: float) -> None:
    """A ray at an angle t to the normal sees n / cos(t) voxels of an n-voxel slab that is wide enough."""
    cameras = along_x(1.0, size=15, focal=60.0)
    image = visual_hull(slab(0.3, 2, 6), cameras, step=step)[0]
    offset = (torch.arange(15) - 7.0) / 60.0
    cosine = 1 / (1 + offset[:, None] ** 2 + offset[None, :] ** 2).sqrt()
    torch.testing.assert_close(image, 1 - torch.exp(-0.3 * 4 / cosine), rtol=0, atol=5e-4 if step < 1 else 0.1)


def test_absorption_of_a_slab_on_the_sampling_planes() -> None:
    """With samples on the planes themselves nothing is interpolated: (1 - a)^n."""
    for distance in (1.0, 2.125):  # whole voxels: the samples fall on the cell centres
        image = absorption_only(slab(0.2, 2, 7), along_x(distance))
        assert float(image) == pytest.approx(1 - 0.8**5, abs=1e-6)
        assert float(absorption_only(slab(0.2, 2, 7), along_x(distance), mode="paper")) == pytest.approx(1 - 0.8**5)
        b = 20 * 0.2 / R
        reference = absorption_only(slab(0.2, 2, 7), along_x(distance), mode="reference")
        assert float(reference) == pytest.approx(1 - (1 - b) ** 5, abs=1e-6)


def test_absorption_of_a_slab_in_the_limit() -> None:
    """Between planes the opacity is linear: two ramps from 0 to a, and n - 1 voxels of a, integrated by hand."""
    a, n = 0.6, 4
    ramp = -((1 - a) * math.log(1 - a) + a) / a  # the integral of log(1 - a u) over u in 0..1
    limit = 1 - math.exp((n - 1) * math.log(1 - a) + 2 * ramp)
    for step, tolerance in ((0.1, 3e-4), (0.01, 3e-6)):
        image = absorption_only(slab(a, 2, 2 + n), along_x(1.1), step=step)
        assert float(image) == pytest.approx(limit, abs=tolerance)


def test_emission_of_two_slabs() -> None:
    """From +X the camera meets cells 5, 6 first: their light, then that of cells 1..3 through them."""
    absorption = slab(0.3, 5, 7) + slab(0.5, 1, 4)
    emission = torch.stack([slab(0.9, 5, 7) + slab(0.2, 1, 4), slab(1.0, 0, R), slab(-3.0, 1, 4)])
    image = emission_absorption(absorption, emission, along_x(1.0))
    assert image.shape == (1, 3, 1, 1)
    front, back = 1 - 0.7**2, 1 - 0.5**3
    expected = [0.9 * front + 0.2 * 0.7**2 * back, front + 0.7**2 * back, -3 * 0.7**2 * back]
    np.testing.assert_allclose(image.flatten().numpy(), expected, rtol=1e-5)

    # As printed, the transmission includes the sample itself.
    printed, passed = np.zeros(3), 1.0
    for a, e in [(0.3, (0.9, 1, 0))] * 2 + [(0.5, (0.2, 1, -3))] * 3:
        passed *= 1 - a
        printed += passed * a * np.array(e)
    paper = emission_absorption(absorption, emission, along_x(1.0), mode="paper")
    np.testing.assert_allclose(paper.flatten().numpy(), printed, rtol=1e-5)

    # The authors' code: opacities scaled to the step, colours averaged by printed weights, times the opacity.
    colour, total, passed = np.zeros(3), 0.0, 1.0
    for a, e in [(0.3, (0.9, 1, 0))] * 2 + [(0.5, (0.2, 1, -3))] * 3:
        b = 4 * a / R
        passed *= 1 - b
        colour, total = colour + passed * b * np.array(e), total + passed * b
    authors = emission_absorption(absorption, emission, along_x(1.0), mode="reference", step=1.0, density=4.0)
    np.testing.assert_allclose(authors.flatten().numpy(), colour / (total + 1e-8) * (1 - passed), rtol=1e-5)


def test_opaque_cells_are_black_on_paper_only() -> None:
    solid, white = torch.zeros(R, R, R), torch.ones(1, R, R, R)
    solid[1:-1, 1:-1, 1:-1] = 1
    assert float(emission_absorption(solid, white, along_x(1.0))) == 1
    assert float(emission_absorption(solid, white, along_x(1.0), mode="paper")) == 0
    assert float(emission_absorption(solid, white, along_x(1.0), mode="reference")) == pytest.approx(1, abs=1e-5)


def test_light_that_is_one_everywhere_shows_the_opacity() -> None:
    generator = torch.Generator().manual_seed(0)
    absorption, rig = torch.rand(R, R, R, generator=generator), camera_rig("sphere", count=3, size=9)
    for step in (1.0, 0.3):
        image = emission_absorption(absorption, torch.ones(1, R, R, R), rig, step=step)[:, 0]
        # the outermost half voxel interpolates the emission to 0 as well
        assert bool((image <= absorption_only(absorption, rig, step=step) + 1e-6).all())
    padded = torch.zeros(R + 2, R + 2, R + 2)
    padded[1:-1, 1:-1, 1:-1] = absorption
    image = emission_absorption(padded, torch.ones(1, R + 2, R + 2, R + 2), rig)[:, 0]
    torch.testing.assert_close(image, absorption_only(padded, rig))


def test_ball_shows_its_chords() -> None:
    """A ball of radius r and optical thickness m per unit: 1 - exp(-m 2 sqrt(r^2 - b^2)) at a distance b of the ray."""
    resolution, radius, thickness = 64, 0.35, 4.0
    centres = (torch.arange(resolution) + 0.5) / resolution - 0.5
    distance = torch.stack(torch.meshgrid(centres, centres, centres, indexing="ij")).norm(dim=0)
    # cells on the surface are filled in part, which a ramp one voxel wide describes well
    filled = (0.5 + (radius - distance) * resolution).clamp(0, 1)
    cameras = camera_rig("sphere", count=5, size=(24, 32))
    image = visual_hull(filled * thickness / resolution, cameras, step=0.5)
    origins, directions = marching.pixel_rays(cameras.K, cameras.world_to_camera, 24, 32)
    impact = torch.linalg.cross(-origins[:, None].expand_as(directions), directions).norm(dim=-1).reshape(5, 24, 32)
    chord = 2 * (radius**2 - impact**2).clamp(min=0).sqrt()
    expected = 1 - torch.exp(-thickness * chord)
    inside = (impact - radius).abs() > 1.5 / resolution  # away from the outline, where the chord has infinite slope
    torch.testing.assert_close(image[inside], expected[inside], rtol=0, atol=4e-3)
    assert float(expected.max()) > 0.9
    assert float((image - expected).abs().max()) < 0.15


def test_every_mode_equals_a_loop() -> None:
    """The definition, one sample, corner and channel at a time."""
    generator = torch.Generator().manual_seed(1)
    size, step, origin, voxel = 4, 0.7, (-0.3, -0.5, -0.6), 0.25
    absorption = torch.rand(size, size, size, generator=generator)
    emission = torch.rand(2, size, size, size, generator=generator)
    rig = camera_rig("sphere", count=3, size=(3, 5), distance=1.3)

    def value(grid: np.ndarray, u: np.ndarray) -> float:
        total, low = 0.0, np.floor(u).astype(int)
        for corner in itertools.product((0, 1), repeat=3):
            cell = low + corner
            if (cell >= 0).all() and (cell < size).all():
                total += float(np.prod(1 - np.abs(u - cell))) * grid[tuple(cell)]
        return total

    expected = {name: np.zeros((3, 3, 5)) for name in ("hull", "absorption", "emission", "printed", "authors")}
    for n, row, column in np.ndindex(3, 3, 5):
        K, pose = rig.K[n].double().numpy(), rig.world_to_camera[n].double().numpy()
        direction = pose[:3, :3].T @ np.linalg.inv(K) @ [column + 0.5, row + 0.5, 1.0]
        direction /= np.linalg.norm(direction)
        centre = -pose[:3, :3].T @ pose[:3, 3]
        thickness, passed, printed, b_passed, colour, weight = 0.0, 1.0, 1.0, 1.0, 0.0, 0.0
        for s in range(50):
            u = (centre + (s + 0.5) * step * voxel * direction - origin) / voxel - 0.5
            v, e = value(absorption.numpy(), u), value(emission[0].numpy(), u)
            thickness += v * step
            a = 1 - (1 - v) ** step
            expected["emission"][n, row, column] += passed * a * e
            passed *= 1 - a
            printed *= 1 - v
            expected["printed"][n, row, column] += printed * v * e
            b = min(5 * v * step / size, 1 - 1e-5)
            b_passed *= 1 - b
            colour, weight = colour + b_passed * b * e, weight + b_passed * b
        expected["hull"][n, row, column] = 1 - math.exp(-thickness)
        expected["absorption"][n, row, column] = 1 - passed
        expected["authors"][n, row, column] = colour / (weight + 1e-8) * (1 - b_passed)
    where = {"step": step, "origin": origin, "voxel_size": voxel}
    actual = {
        "hull": visual_hull(absorption, rig, **where),
        "absorption": absorption_only(absorption, rig, **where),
        "emission": emission_absorption(absorption, emission, rig, **where)[:, 0],
        "printed": emission_absorption(absorption, emission, rig, mode="paper", **where)[:, 0],
        "authors": emission_absorption(absorption, emission, rig, mode="reference", density=5.0, **where)[:, 0],
    }
    for name, image in actual.items():
        assert expected[name].max() > 0.1, name
        np.testing.assert_allclose(image.numpy(), expected[name], atol=2e-5, err_msg=name)


@pytest.mark.parametrize("size", [(64, 64), (40, 72), (72, 40)])
def test_a_lit_cell_is_where_the_camera_projects_it(size: tuple[int, int]) -> None:
    grid = torch.zeros(16, 16, 16)
    cell = (12, 3, 9)
    grid[cell] = 1.0
    world = (torch.tensor([cell]) + 0.5) / 16 - 0.5
    rig = camera_rig("sphere", count=6, size=size)
    image = visual_hull(grid, rig, step=0.25)
    pixels = rig.project(world)[0][:, 0]
    y, x = torch.meshgrid(torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5, indexing="ij")
    total = image.sum((1, 2))
    found = torch.stack([(image * x).sum((1, 2)) / total, (image * y).sum((1, 2)) / total], dim=1)
    torch.testing.assert_close(found, pixels, rtol=0, atol=0.15)


def test_batches_pairs_and_records_agree() -> None:
    generator = torch.Generator().manual_seed(2)
    grids, light = torch.rand(3, 1, R, R, R, generator=generator), torch.rand(3, 2, R, R, R, generator=generator)
    rig = camera_rig("sphere", count=3, size=(5, 6))
    batch, pairs = emission_absorption(grids, light, rig), emission_absorption(grids, light, rig, paired=True)
    assert batch.shape == (3, 3, 2, 5, 6)
    for b in range(3):
        single = emission_absorption(grids[b, 0], light[b], rig)
        torch.testing.assert_close(batch[b], single)
        torch.testing.assert_close(pairs[b], single[b])
    record = VoxelGrid(grids[0, 0], torch.full((3,), -0.5), 1 / R)
    torch.testing.assert_close(absorption_only(record, rig), absorption_only(grids, rig)[0])
    # Moving the grid and the camera together changes nothing.
    shift = torch.tensor([0.3, -0.2, 0.5])
    pose = rig.world_to_camera.clone()
    pose[:, :3, 3] -= pose[:, :3, :3] @ shift
    moved = VoxelGrid(grids[0, 0], shift - 0.5, 1 / R)
    torch.testing.assert_close(
        absorption_only(moved, Cameras(rig.K, pose, 5, 6)), absorption_only(record, rig), atol=1e-4, rtol=0
    )
    # Doubling everything as well: opacity is per voxel, and lengths only say where the voxels are.
    pose = rig.world_to_camera.clone()
    pose[:, :3, 3] *= 2
    doubled = VoxelGrid(grids[0, 0], torch.full((3,), -1.0), 2 / R)
    torch.testing.assert_close(
        absorption_only(doubled, Cameras(rig.K, pose, 5, 6)), absorption_only(record, rig), atol=1e-4, rtol=0
    )


def test_types_and_layouts() -> None:
    rig = camera_rig("ring", count=2, size=5)
    grid = torch.rand(R, R, R, generator=torch.Generator().manual_seed(3))
    assert visual_hull(grid.double(), rig).dtype == torch.float64
    torch.testing.assert_close(visual_hull(grid.double(), rig).float(), visual_hull(grid, rig), atol=1e-5, rtol=0)
    strided = torch.stack([grid, grid], dim=-1)[..., 0]
    torch.testing.assert_close(visual_hull(strided, rig), visual_hull(grid, rig))
    torch.testing.assert_close(visual_hull(grid > 0.5, rig), visual_hull((grid > 0.5).float(), rig))
    assert visual_hull(grid[None, None][:0], rig).shape == (0, 2, 5, 5)
    assert visual_hull(grid, rig[:0]).shape == (0, 5, 5)
    one = visual_hull(torch.full((1, 1, 1), 0.7), along_x(3.0))  # a single cell, seen from straight ahead
    assert float(one) == pytest.approx(1 - math.exp(-0.7), abs=1e-6)


def test_camera_inside_sees_what_lies_ahead() -> None:
    """In the middle of cells 0..7 looking along -X: cells 0..3, sampled at their centres."""
    assert float(absorption_only(slab(0.2, 0, R), along_x(0.0))) == pytest.approx(1 - 0.8**4, abs=1e-6)
    assert float(absorption_only(slab(0.2, 4, R), along_x(-0.125))) == 0


def test_camera_that_looks_away_sees_nothing_and_teaches_nothing() -> None:
    grid = torch.full((R, R, R), 0.5, requires_grad=True)
    light = torch.ones(1, R, R, R, requires_grad=True)
    pose = along_x(-3.0).world_to_camera.requires_grad_()
    cameras = Cameras(along_x(-3.0, size=3).K, pose, 3, 3)
    for mode in MODES:
        images = [
            visual_hull(grid, cameras, mode=mode),
            absorption_only(grid, cameras, mode=mode),
            emission_absorption(grid, light, cameras, mode=mode),
        ]
        assert all(bool((image == 0).all()) for image in images)
        for gradient in torch.autograd.grad(sum(image.sum() for image in images), [grid, light, pose]):
            assert bool((gradient == 0).all())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_gradients_of_empty_and_solid_grids_are_finite(mode: str, fill: float) -> None:
    grid = torch.full((R, R, R), fill, requires_grad=True)
    light = torch.full((2, R, R, R), fill, requires_grad=True)
    rig = camera_rig("ring", count=2, size=6)
    pose = rig.world_to_camera.requires_grad_()
    rig = Cameras(rig.K, pose, 6, 6)
    for step in (1.0, 0.5):
        total = (
            visual_hull(grid, rig, mode=mode, step=step).sum() + absorption_only(grid, rig, mode=mode, step=step).sum()
        )
        total = total + emission_absorption(grid, light, rig, mode=mode, step=step).sum()
        for gradient in torch.autograd.grad(total, [grid, light, pose]):
            assert bool(torch.isfinite(gradient).all())


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize(
    "values, options, message",
    [
        (torch.full((R, R, R), math.nan), {}, "values: expected finite values >= 0, got nan"),
        (torch.full((R, R, R), math.inf), {}, "values: expected finite values >= 0, got inf"),
        (torch.full((R, R, R), -0.1), {}, r"got -0.1..-0.1; pass a network's output through"),
        (torch.zeros(R, R, 4), {}, r"expected \(R, R, R\) or \(B, 1, R, R, R\)"),
        (torch.zeros(0, 0, 0), {}, "with R > 0"),
        (torch.zeros(2, 3, R, R, R), {}, r"got \(2, 3, 8, 8, 8\)"),
        (torch.zeros(R, R, R), {"step": 0.0}, "step: expected a finite number of voxels > 0"),
        (torch.zeros(R, R, R), {"step": math.nan}, "step: expected a finite number of voxels > 0"),
        (torch.zeros(R, R, R), {"voxel_size": -1.0}, "voxel_size: expected a finite length > 0"),
        (torch.zeros(3, 1, R, R, R), {"paired": True}, "expected 3, one per grid"),
        (VoxelGrid(torch.zeros(R, R, R)), {"voxel_size": 1.0}, "the VoxelGrid has its own"),
    ],
)
def test_refusals(values, options: dict, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        visual_hull(values, along_x(1.0), **options)


def test_counts_must_add_up() -> None:
    with pytest.raises(InvalidInputError, match=r"add up to the 3 samples .* got 4"):
        marching.composite(torch.zeros(3), torch.zeros(3, 1), torch.tensor([1, 3]))


@pytest.mark.usefixtures("as_installed")
def test_refusals_of_opacities_light_and_modes() -> None:
    grid, light = torch.zeros(R, R, R), torch.zeros(3, R, R, R)
    with pytest.raises(InvalidInputError, match=r"expected values in 0..1, got 0..1.5"):
        absorption_only(torch.linspace(0, 1.5, R**3).reshape(R, R, R), along_x(1.0))
    with pytest.raises(InvalidInputError, match=r"emission: expected \(C, R, R, R\)"):
        emission_absorption(grid, light[None], along_x(1.0))
    with pytest.raises(InvalidInputError, match=r"emission: expected \(C, R, R, R\)"):
        emission_absorption(grid[None, None], light[None, :, :4, :4, :4], along_x(1.0))
    with pytest.raises(InvalidInputError, match="emission: some values are NaN"):
        emission_absorption(grid, light * math.nan, along_x(1.0))
    for function in (
        visual_hull,
        absorption_only,
        lambda *a, **k: emission_absorption(a[0], light, a[1], step=1.0, **k),
    ):
        with pytest.raises(UnknownNameError, match=r"mode 'fysical'. Did you mean 'physical'"):
            function(grid, along_x(1.0), mode="fysical")
