"""A network whose flow is known: an amount of 1 of its attribute number k shifts everything by `shift(k)` cells."""

import dataclasses
from pathlib import Path

import torch

from geolearn.data.attribute_names import attribute_names
from geolearn.models import DeformationFlowNet, save_model
from geolearn.structures import Mesh
from geolearn.training.methods.deformation import DeformationRecipe

FAMILIES = ("chair", "table")


def shift(number: int) -> torch.Tensor:
    """Another direction and length for each attribute, in cells."""
    return torch.tensor([1.0 + number, 0.5 * number, -2.0])


def shifting_net(families: tuple[str, ...] = FAMILIES) -> DeformationFlowNet:
    torch.manual_seed(0)
    count = len(attribute_names(families))
    net = DeformationFlowNet(count, 16, widths=(4, 8), track_size=4, kinds=len(families)).eval()
    with torch.no_grad():
        net.trunk.unet.end.weight.zero_()
        shifts = torch.stack([shift(number) for number in range(count)])
        net.trunk.unet.end.bias.copy_(shifts[:, :, None].expand(-1, -1, 8).reshape(-1))
        net.motion.fill_(2.0)
        net.trunk.unet.end.bias /= 2
        net.kind_spreads.fill_(1e6)  # anything is familiar
    return net


def save_shifting_net(path: Path, families: tuple[str, ...] = FAMILIES) -> Path:
    """As a training would: `geolearn deform --weights` and `geolearn predict` read it."""
    net = shifting_net(families)
    recipe = DeformationRecipe(model={"widths": (4, 8), "track_size": 4}, resolution=16)
    notes = {"settings": dataclasses.asdict(recipe), "classes": list(families), "data": "procedural_deformations"}
    save_model(net, path, method="deformation", **notes)
    return path


def block() -> Mesh:
    """2 x 3 x 4, its lowest corner at the origin: a cell of the 16^3 grid measures 1/2."""
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3) * torch.tensor([2.0, 3.0, 4.0])
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [(a, b, c) for a, b, c, _ in quads] + [(a, c, d) for a, _, c, d in quads]
    return Mesh(corners, torch.tensor(faces), name="block")
