"""Machines so small that everything about them can be summed, one of each kind."""

import itertools

import torch

from geolearn.nn import ConvRBM, DenseRBM, LabelledRBM
from geolearn.nn.rbm import RBM

KINDS = ("dense", "labelled", "conv1d", "conv2d", "conv3d")


def machine(kind: str, seed: int = 0, scale: float = 0.7) -> RBM:
    made: dict[str, RBM] = {
        "dense": DenseRBM(5, 4),
        "labelled": LabelledRBM(4, 3, classes=3),
        "conv1d": ConvRBM(2, 2, size=(4,), kernel=2, stride=2),  # its stride is folded into channels
        "conv2d": ConvRBM(1, 2, size=(3, 3), kernel=2),
        "conv3d": ConvRBM(1, 2, size=(2, 2, 2), kernel=(1, 2, 1)),
    }
    rbm = made[kind].double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in rbm.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return rbm


def bits(count: int) -> torch.Tensor:
    """All 2^count states of so many units."""
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=count)), dtype=torch.float64)


def dense_matrix(rbm: RBM) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weights (all hidden units, all visible units), hidden and visible biases of the same machine without tying.

    A loop over the places of the convolution, written without the code under test.
    """
    if not isinstance(rbm, ConvRBM):
        return rbm.weight.detach(), rbm.hidden_bias.detach(), rbm.visible_bias.detach()
    kernel, channels = rbm.kernel.detach(), rbm.geometry.channels
    hidden, cells = len(rbm.hidden_bias), list(itertools.product(*(range(n) for n in rbm.geometry.size)))
    places = list(itertools.product(*(range(n) for n in rbm.geometry.places)))
    matrix = torch.zeros(hidden, len(places), channels, len(cells), dtype=torch.float64)
    for p, place in enumerate(places):
        for offset in itertools.product(*(range(k) for k in rbm.geometry.kernel)):
            cell = tuple(i * s + o for i, s, o in zip(place, rbm.geometry.stride, offset, strict=True))
            matrix[:, p, :, cells.index(cell)] = kernel[(slice(None), slice(None), *offset)]
    biases = rbm.hidden_bias.detach().repeat_interleave(len(places))
    return matrix.reshape(hidden * len(places), channels * len(cells)), biases, rbm.visible_bias.detach().reshape(-1)


def states(rbm: RBM) -> torch.Tensor:
    """All states of the visible units, flat; of a label exactly one unit is on."""
    if isinstance(rbm, LabelledRBM):
        units = bits(len(rbm.visible_bias) - rbm.classes)
        labels = torch.eye(rbm.classes, dtype=torch.float64)
        return torch.cat([torch.cat([units, label.expand(len(units), -1)], 1) for label in labels])
    return bits(rbm.visible_bias.numel())


def joint(rbm: RBM) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """All v, all h, and p(v, h) as a table, from the energies of the untied machine."""
    weight, hidden_bias, visible_bias = dense_matrix(rbm)
    v, h = states(rbm), bits(len(hidden_bias))
    minus_energy = (v @ visible_bias)[:, None] + (h @ hidden_bias)[None] + v @ weight.T @ h.T
    return v, h, (minus_energy - minus_energy.flatten().logsumexp(0)).exp()
