"""Boxes with a known code: a decoder of opacities and one of meshes for them, their views, and their volume."""

from dataclasses import replace

import torch
from torch import nn

from geolearn.render import camera_rig, render_views
from geolearn.structures import Mesh, MeshBatch, Views, VoxelGrid

FACES = torch.tensor([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
FACES = torch.cat([FACES[:, [0, 1, 2]], FACES[:, [0, 2, 3]]])
CORNERS = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)


def half_sizes(codes):
    return 0.25 * torch.exp(0.3 * codes)


class SoftBoxes(nn.Module):
    """Boxes with half sides 0.25 exp(0.3 z), as opacities."""

    code_size = 3

    def __init__(self, resolution=16):
        super().__init__()
        centres = (torch.arange(resolution) + 0.5) / resolution - 0.5
        self.places = torch.stack(torch.meshgrid(centres, centres, centres, indexing="ij"))

    def forward(self, codes):
        gap = self.places.abs()[None] - half_sizes(codes)[:, :, None, None, None]
        return torch.sigmoid(-gap.amax(1, keepdim=True) * 4 * self.places.shape[-1])


class MeshBoxes(nn.Module):
    """The same boxes, as meshes."""

    code_size = 3

    def forward(self, codes):
        return MeshBatch.from_meshes(Mesh(CORNERS * sizes, FACES) for sizes in half_sizes(codes))


CODE = torch.tensor([0.8, -0.9, 0.4])


def views_of(code=CODE, count=4, size=32, cameras=None):
    cameras = cameras or camera_rig("sphere", count=count, size=size)
    mesh = MeshBoxes()(code[None]).unbind()[0]
    masks = render_views(mesh, cameras, shading="silhouette")[:, 0]
    return Views(masks[:, None], cameras, masks)


def flipped(views, share=0.1):
    noise = torch.rand(views.masks.shape, generator=torch.Generator().manual_seed(5)) < share
    return replace(views, masks=torch.where(noise, 1 - views.masks, views.masks))


def volume_iou(grid: VoxelGrid, code=CODE):
    """With the true box, in the cells of the grid."""
    places = grid.centres(torch.cartesian_prod(*[torch.arange(grid.resolution)] * 3))
    truth = (places.abs() <= half_sizes(code)).all(1)
    found = grid.occupancy.reshape(-1)
    return float((truth & found).sum() / (truth | found).sum())
