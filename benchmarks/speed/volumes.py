"""Speed of volume rendering on the CPU, forward and backward: our kernels and plain torch.

    python benchmarks/speed/volumes.py [--rounds 7] [--resolution 64] [--size 64] [--views 8]

A solid ball with soft edges in a grid of 64^3, 8 cameras of 64 px; gradients of the grid, the emission and the camera
poses. Plain torch is `grid_sample` at the same positions, then `cumprod`, as most scripts of this field do it. All ways
run in turns.

Floor: a sample inside the grid reads 8 cells and writes 8 gradients per channel. Plain torch also visits the samples
outside: every ray gets as many as the longest one.
"""

import argparse
from collections.abc import Callable
from functools import partial

import timing
import torch
from torch.nn import functional

from geolearn.render import absorption_only, camera_rig, emission_absorption, marching, visual_hull
from geolearn.reports.page import markdown_table
from geolearn.structures import Cameras


def plain_image(model: str, grids: torch.Tensor, cameras: Cameras) -> torch.Tensor:
    resolution = grids.shape[-1]
    centres, directions = marching.pixel_rays(cameras.K, cameras.world_to_camera, cameras.height, cameras.width)
    centres = (centres + 0.5) * resolution - 0.5
    first, count = marching.samples_inside(centres, directions, resolution, 1.0)
    t = first[..., None] + torch.arange(int(count.max())) + 0.5
    points = centres[:, None, None] + t[..., None] * directions[:, :, None]
    points = ((points + 0.5) * (2 / resolution) - 1).flip(-1).reshape(1, 1, 1, -1, 3)
    samples = functional.grid_sample(grids, points, align_corners=False).reshape(-1, count.numel(), int(count.max()))
    if model == "visual hull":
        return 1 - torch.exp(-samples[0].sum(1))
    if model == "absorption only":
        return 1 - torch.prod(1 - samples[0], dim=1)
    passed = torch.cumprod(1 - samples[0], dim=1)
    passed = torch.cat([torch.ones_like(passed[:, :1]), passed[:, :-1]], dim=1)
    return torch.einsum("ms,cms->mc", passed * samples[0], samples[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true", help=f"write into {timing.RESULTS}")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    R = arguments.resolution

    centres = (torch.arange(R) + 0.5) / R - 0.5
    radius = torch.stack(torch.meshgrid(centres, centres, centres, indexing="ij")).norm(dim=0)
    grid = ((0.4 - radius) * R / 4 + 0.5).clamp(0, 1).requires_grad_()
    emission = torch.rand(3, R, R, R, generator=torch.Generator().manual_seed(0)).requires_grad_()
    rig = camera_rig("sphere", count=arguments.views, size=arguments.size)
    pose = rig.world_to_camera.requires_grad_()
    cameras = Cameras(rig.K, pose, rig.height, rig.width)
    ways: dict[tuple[str, str], Callable[[], torch.Tensor]] = {
        ("visual hull", "ours"): lambda: visual_hull(grid, cameras),
        ("absorption only", "ours"): lambda: absorption_only(grid, cameras),
        ("emission-absorption, RGB", "ours"): lambda: emission_absorption(grid, emission, cameras),
    }
    for model, _ in list(ways):
        grids = (lambda: torch.cat([grid[None], emission])[None]) if "emission" in model else lambda: grid[None, None]
        ways[model, "plain"] = lambda model=model, grids=grids: plain_image(model, grids(), cameras)

    def both(model: str, render: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, ...]:
        inputs = [grid, pose, emission] if "emission" in model else [grid, pose]
        return torch.autograd.grad(render().sum(), inputs)

    forward = timing.timed(ways, arguments.rounds)
    backward = timing.timed({way: partial(both, way[0], render) for way, render in ways.items()}, arguments.rounds)
    rows = [
        {
            "model": model,
            "way": way,
            "forward ms (median)": f"{forward[model, way].median:.1f}",
            **{f"forward + backward {key}": value for key, value in taken.columns().items()},
            "ours is faster by": f"{timing.ratio(taken, backward[model, 'ours'])[0]:.1f}x",
        }
        for (model, way), taken in backward.items()
    ]
    origins, directions = marching.pixel_rays(rig.K, rig.world_to_camera, rig.height, rig.width)
    _, count = marching.samples_inside((origins + 0.5) * R - 0.5, directions, R, 1.0)
    inside, longest = int(count.sum()), int(count.max())
    text = "# Volumes\n\n" + markdown_table(rows) + "\n"
    text += f"\n{R}^3, {len(rig)} views of {rig.height} px, {inside:,} samples inside, longest ray {longest}\n"
    timing.report(text, timing.bytes_per_ms(), arguments.rounds, "volumes" if arguments.write else None)


if __name__ == "__main__":
    main()
