"""Cameras that move with a fit: a small rigid motion per view, and the choice of the world, which images leave open."""

from dataclasses import replace

import numpy as np
import torch

from geolearn.structures import Cameras, Mesh
from geolearn.typing import Array, Float, Tensor

DECAYS = (0.9, 0.99)  # of Adam; a view comes every few steps only
CENTRE_RATE = 0.2  # of centres, in the unit of the world, as a part of that of directions, in radians


class CameraOffsets:
    """A rotation vector w and a translation u per view, learned in the axes of each camera.

        x_camera = exp([w]) (R x + t) + u

    for the given pose (R, t): w turns the camera about its own centre, u moves the centre. A camera that is slightly
    turned sees the picture shifted. w corrects that without moving to another side of the object; u would correct it by
    moving, so its rate is lower. Adam gives depth, which images hardly constrain, its own scale. A step moves only the
    views that it saw.

    Args:
        cameras: as they are given; no gradient.
    """

    def __init__(self, cameras: Cameras) -> None:
        self._given = cameras
        self._offsets = torch.zeros(len(cameras), 6, requires_grad=True)
        self._first, self._second = torch.zeros(len(cameras), 6), torch.zeros(len(cameras), 6)
        self._steps = torch.zeros(len(cameras), 1)

    def cameras(self, index: list[int] | None = None) -> Cameras:
        """The moved cameras, some or all of them, with their gradient."""
        index = list(range(len(self._given))) if index is None else index
        given, offsets = self._given[index], self._offsets[index]
        top = torch.linalg.matrix_exp(_skew(offsets[:, :3])) @ given.world_to_camera[:, :3]
        top = torch.cat([top[:, :, :3], top[:, :, 3:] + offsets[:, 3:, None]], 2)
        return replace(given, world_to_camera=torch.cat([top, given.world_to_camera[:, 3:]], 1))

    @torch.no_grad()
    def step(self, index: list[int], rate: float) -> None:
        """A step of Adam on the offsets of the views `index`, by the accumulated gradient, which is then cleared."""
        if self._offsets.grad is None:
            return
        grad, self._offsets.grad = self._offsets.grad[index], None
        self._steps[index] += 1
        self._first[index] = DECAYS[0] * self._first[index] + (1 - DECAYS[0]) * grad
        self._second[index] = DECAYS[1] * self._second[index] + (1 - DECAYS[1]) * grad.square()
        first = self._first[index] / (1 - DECAYS[0] ** self._steps[index])
        second = self._second[index] / (1 - DECAYS[1] ** self._steps[index])
        rates = first.new_tensor([rate] * 3 + [CENTRE_RATE * rate] * 3)
        self._offsets[index] -= rates * first / (second.sqrt() + 1e-12)

    def state(self) -> dict[str, Array]:
        parts = (self._offsets.detach(), self._first, self._second, self._steps)
        return {"camera_offsets": np.concatenate([part.numpy() for part in parts], 1)}

    def restore(self, state: dict[str, Tensor]) -> None:
        offsets, self._first, self._second, self._steps = state["camera_offsets"].split((6, 6, 6, 1), 1)
        self._offsets = offsets.clone().requires_grad_()


@torch.no_grad()
def align_to_given(mesh: Mesh, cameras: Cameras, given: Cameras) -> tuple[Mesh, Cameras]:
    """Mesh and moved cameras in the world where the cameras are closest to the given ones; the pictures stay the same.

    Images do not change when mesh and cameras are turned, moved and scaled together: x' = s G x + b turns poses (R, t)
    into (R G^T, s t - R G^T b). G is the rotation with the least sum of |R G^T - R_given|^2 (Kabsch, 1976), then s and
    b those with the least sum of |s t - R G^T b - t_given|^2.

    Args:
        mesh: as the moved cameras see it.
        cameras, given: at least two.
    """
    rotation, translation = cameras.world_to_camera[:, :3, :3].double(), cameras.world_to_camera[:, :3, 3].double()
    there, place = given.world_to_camera[:, :3, :3].double(), given.world_to_camera[:, :3, 3].double()
    left, _, right = torch.linalg.svd((there.mT @ rotation).sum(0))
    mirrored = torch.ones(3, dtype=torch.float64)
    mirrored[2] = torch.linalg.det(left @ right).sign()
    turn = left @ torch.diag(mirrored) @ right
    rotation = rotation @ turn.T
    system = torch.cat([translation[:, :, None], -rotation], 2).reshape(-1, 4)
    scale, *shift = torch.linalg.lstsq(system, place.reshape(-1, 1)).solution[:, 0]
    shift = torch.stack(shift)
    pose = given.world_to_camera.clone()
    pose[:, :3, :3] = rotation.float()
    pose[:, :3, 3] = (scale * translation - rotation @ shift).float()
    verts = (scale * mesh.verts.double() @ turn.T + shift).float()
    return replace(mesh, verts=verts), replace(given, world_to_camera=pose)


def _skew(vectors: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3 3"]:
    """[w] with [w] x = w x x."""
    x, y, z = vectors.unbind(1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(-1, 3, 3)
