"""Where a fit with uncertain cameras begins: cameras that are aligned through a coarse shape, and their visual hull."""

from dataclasses import replace

import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting.frame import Frame
from geolearn.fitting.hull import visual_hull_mesh
from geolearn.fitting.mesh_descent import MeshDescent
from geolearn.fitting.schedule import COARSEST, Phase
from geolearn.fitting.targets import Targets
from geolearn.structures import Cameras, Mesh
from geolearn.typing import Float, Tensor

SLACK = 0.06  # of the picture's shorter side, by which masks are dilated for the first hull
HULL = 64  # cells
ROUNDS = 2
FACES, STEPS, RATE = 1500, 140, 0.02


def initial_cameras(targets: Targets, generator: torch.Generator) -> tuple[Mesh, Cameras]:
    """Cameras that agree with the masks far better than uncertain ones, and their visual hull.

    The hull of uncertain cameras lacks whatever one of them misses. So masks are dilated first, and shape and cameras
    descend together on small silhouettes, from the hull of the dilated masks; then again, from the hull of the moved
    cameras with masks dilated half as far. The fit begins with the hull of these cameras.

    Args:
        targets: in the world.
        generator: draws the views.

    Raises:
        InvalidInputError: as `visual_hull_mesh`, on dilated masks.
    """
    cameras = targets.cameras
    shorter = min(cameras.height, cameras.width)
    side = min(COARSEST, shorter)
    size = (max(1, round(cameras.height * side / shorter)), max(1, round(cameras.width * side / shorter)))
    phase = Phase(size, 2, FACES, STEPS, RATE, sigma=1.0)
    outlines = replace(targets, pictures=None, kind="none")
    mesh = Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64))
    for number in range(ROUNDS):
        mesh = visual_hull_mesh(dilate_masks(targets.masks, SLACK * shorter / 2**number), cameras, HULL)
        frame = Frame.around(mesh)
        descent = MeshDescent(
            frame.into(mesh),
            replace(outlines, cameras=frame.cameras(cameras)),
            (phase,),
            views_per_step=8,
            picture_weight=0.0,
            generator=generator,
            refine_cameras=True,
        )
        descent.run(lambda step: None)
        mesh, cameras = frame.out_of(descent.mesh), frame.world_cameras(descent.cameras)
    try:
        return visual_hull_mesh(targets.masks, cameras), cameras
    except InvalidInputError:  # one camera is still far off: the coarse shape will do
        return mesh, cameras


def dilate_masks(masks: Float[Tensor, "N H W"], pixels: float) -> Float[Tensor, "N H W"]:
    """Masks that reach `pixels`, rounded, farther: the maximum over a square around every pixel."""
    reach = round(pixels)
    return torch.nn.functional.max_pool2d(masks[:, None], 2 * reach + 1, 1, reach)[:, 0]
