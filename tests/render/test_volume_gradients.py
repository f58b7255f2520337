"""Gradients of volume rendering against float64, plain PyTorch and finite differences."""

import numpy as np
import pytest
import torch

from geolearn.render import camera_rig, emission_absorption, marching, visual_hull
from geolearn.structures import Cameras


def small_scene(seed: int = 4, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Grids (B, 2, 3, 3, 3), K and poses of two cameras in float64, all ready for gradients."""
    generator = torch.Generator().manual_seed(seed)
    grids = torch.rand(batch, 2, 3, 3, 3, generator=generator, dtype=torch.float64) * 0.9
    grids[0, 0, 1, 1, 1] = 1.0  # an opaque cell, where a product rule that divides by 1 - a fails
    rig = camera_rig("sphere", count=batch, size=(2, 3), distance=1.1)
    K, pose = rig.K.double(), rig.world_to_camera.double()
    pose[:, :3, 3] += 0.05 * torch.rand(batch, 3, generator=generator, dtype=torch.float64)
    return grids.requires_grad_(), K.requires_grad_(), pose.requires_grad_()


@pytest.mark.parametrize("inclusive", [False, True])
def test_gradcheck_from_grid_and_camera_to_image(inclusive: bool) -> None:
    grids, K, pose = small_scene()

    def render(grids: torch.Tensor, K: torch.Tensor, pose: torch.Tensor) -> tuple[torch.Tensor, ...]:
        origins, directions = marching.pixel_rays(K, pose, 2, 3)
        samples = marching.sample_along_rays(grids, (origins + 0.5) * 3 - 0.5, directions, 0.6)
        alphas, light = samples.values[:, 0], samples.values[:, 1:]
        image, weight = marching.composite(alphas, light, samples.count, inclusive=inclusive)
        return image, weight, 1 - torch.exp(-samples.sum_per_ray())

    assert float(render(grids, K, pose)[0].detach().std()) > 0.01
    assert torch.autograd.gradcheck(render, (grids, K, pose), eps=1e-6, atol=1e-7, rtol=1e-5)


def test_public_gradients_equal_float64() -> None:
    """What a user gets from float32 `Cameras` and grids, against the plain torch path in float64."""
    grids, K, pose = small_scene()
    K32, pose32 = K.detach().float().requires_grad_(), pose.detach().float().requires_grad_()
    grids32 = grids.detach().float().requires_grad_()
    image = emission_absorption(grids32[:, :1], grids32[:, 1:], Cameras(K32, pose32, 2, 3), paired=True)
    upstream = torch.rand(image.shape, generator=torch.Generator().manual_seed(5))
    actual = torch.autograd.grad(image, [grids32, K32, pose32], upstream)

    origins, directions = marching.pixel_rays(K, pose, 2, 3)
    origins = (origins + 0.5) * 3 - 0.5
    first, count = marching.samples_inside(origins, directions, 3, 1.0)
    samples = marching.sample_plain(grids, origins, directions, first, count, 1.0)
    plain = marching.composite_plain(samples[:, 0], samples[:, 1:], count.flatten())[0]
    plain = plain.reshape(2, 2, 3, 1).movedim(-1, -3)
    torch.testing.assert_close(image.double(), plain, atol=1e-5, rtol=1e-5)
    for ours, expected in zip(actual, torch.autograd.grad(plain, [grids, K, pose], upstream.double()), strict=True):
        torch.testing.assert_close(ours.double(), expected, atol=1e-5, rtol=1e-4)


def test_kernels_equal_plain_torch() -> None:
    """Values and gradients, of grids with several channels and rays that start inside, miss, or run along an axis."""
    generator = torch.Generator().manual_seed(6)
    grids = torch.rand(2, 3, 5, 5, 5, generator=generator, dtype=torch.float64).requires_grad_()
    origins = torch.tensor([[9.0, 2.2, 2.6], [2.2, 1.3, 2.9], [-4.0, 8.0, 2.1], [2.3, 2.4, -6.0]], dtype=torch.float64)
    directions = torch.nn.functional.normalize(torch.randn(4, 40, 3, generator=generator, dtype=torch.float64), dim=-1)
    directions[:, 0], directions[0, 1] = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([-1.0, 0.0, 0.0])
    lines = origins.requires_grad_(), directions.requires_grad_()
    first, count = marching.samples_inside(origins, directions, 5, 0.7)
    samples = marching.sample_along_rays(grids, *lines, 0.7)
    assert torch.equal(samples.count, count.flatten())
    assert 0 < int((count == 0).sum()) < count.numel() - 20
    plain = marching.sample_plain(grids, *lines, first, count, 0.7)
    torch.testing.assert_close(samples.values, plain, atol=1e-12, rtol=0)
    upstream = torch.rand(plain.shape, generator=generator, dtype=torch.float64)
    for a, b in zip(*(torch.autograd.grad(s, [grids, *lines], upstream) for s in (samples.values, plain)), strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10)

    count = torch.tensor([0, 9, 1, 0, 30, 2, 8, 0])
    alphas = torch.rand(50, generator=generator, dtype=torch.float64)
    alphas[torch.rand(50, generator=generator) < 0.2] = 1.0
    alphas[torch.rand(50, generator=generator) < 0.2] = 0.0
    emissions = torch.randn(50, 2, generator=generator, dtype=torch.float64)
    upstream = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    for inclusive in (False, True):
        results = []
        for function in (marching.composite, marching.composite_plain):
            a, e = alphas.clone().requires_grad_(), emissions.clone().requires_grad_()
            image, weight = function(a, e, count, inclusive=inclusive)
            slope = torch.autograd.grad((torch.cat([image, weight[:, None]], dim=1) * upstream).sum(), [a, e])
            results.append((image, weight, *slope))
        for ours, expected in zip(*results, strict=True):
            torch.testing.assert_close(ours, expected, atol=1e-12, rtol=1e-10)


def test_plain_samples_are_what_torch_interpolates() -> None:
    generator = torch.Generator().manual_seed(8)
    grids = torch.rand(2, 3, 5, 5, 5, generator=generator)
    origins = torch.tensor([[9.0, 2.2, 2.6], [2.2, 1.3, 2.9]])
    directions = torch.nn.functional.normalize(torch.randn(2, 40, 3, generator=generator), dim=-1)
    first, count = marching.samples_inside(origins, directions, 5, 0.7)
    plain = marching.sample_plain(grids, origins, directions, first, count, 0.7)
    row = 0
    for view, ray in np.ndindex(2, 40):
        t = (torch.arange(40) + 0.5) * 0.7
        points = origins[view] + t[:, None] * directions[view, ray]
        where = ((points + 0.5) * 2 / 5 - 1).flip(-1).reshape(1, 1, 1, -1, 3)
        values = torch.nn.functional.grid_sample(grids[view : view + 1], where, align_corners=False)[0, :, 0, 0].T
        begin, n = int(first[view, ray]), int(count[view, ray])
        torch.testing.assert_close(plain[row : row + n], values[begin : begin + n], atol=1e-5, rtol=0)
        outside = torch.ones(40, dtype=torch.bool)
        outside[begin : begin + n] = False
        assert float(values[outside].abs().max()) < 1e-5  # nothing is left out
        row += n
    assert row == len(plain) > 100


def test_same_bits_for_any_number_of_threads() -> None:
    generator = torch.Generator().manual_seed(7)
    grid = torch.rand(1, 1, 20, 20, 20, generator=generator).requires_grad_()
    light = torch.rand(1, 3, 20, 20, 20, generator=generator).requires_grad_()
    rig = camera_rig("sphere", count=3, size=64)
    pose = rig.world_to_camera.requires_grad_()
    rig = Cameras(rig.K, pose, 64, 64)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            image = emission_absorption(grid, light, rig)
            results.append((image, *torch.autograd.grad(image, [grid, light, pose], torch.ones_like(image))))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_fitting_a_pose_by_its_gradient() -> None:
    """A camera 0.1 off along each axis finds its way back from the pictures alone."""
    centres = (torch.arange(16) + 0.5) / 16 - 0.5
    x, y, z = torch.meshgrid(centres, centres, centres, indexing="ij")
    grid = 0.2 * ((x.abs() < 0.3) & (y.abs() < 0.2) & (z.abs() < 0.25) & ~((x > 0) & (z > 0))).float()
    rig = camera_rig("ring", count=1, size=24)
    target = visual_hull(grid, rig)
    offset = torch.tensor([0.08, -0.06, 0.1], requires_grad=True)
    optimizer = torch.optim.Adam([offset], lr=0.02)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=60)
    for _ in range(60):
        pose = rig.world_to_camera + torch.nn.functional.pad(offset[None, :, None], (3, 0, 0, 1))
        loss = (visual_hull(grid, Cameras(rig.K, pose, 24, 24)) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    assert float(offset.detach().norm()) < 0.01
