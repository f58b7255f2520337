"""Completion by 3D ShapeNets: what is behind what a depth map shows, and what it is.

Wu et al., CVPR 2015, section 4: cells are free, surface or unknown; the unknown ones are sampled from the network with
the others held. Particles start with their unknown cells filled at nine densities, P(occupied) = .9, .8, ... .1,
and take some passes up to the top, a round of Gibbs sampling there, and down; units in between are means. The shape is
the mean of the particles, thresholded at 0.1, the class posterior the mean of theirs (the numbers are of the authors'
code: 50 passes; 9 particles x 30 passes for recognition).
"""

from typing import NamedTuple

import torch

from geolearn.errors import InvalidInputError
from geolearn.models.shapenets3d import ShapeNets3D
from geolearn.ops.bernoulli import sample_bernoulli
from geolearn.typing import Float, Tensor

FREE, UNKNOWN, SURFACE = 0.0, 0.5, 1.0  # as in geolearn.ops.occupancy_from_depth
DENSITIES = tuple(n / 10 for n in range(9, 0, -1))
OCCUPIED = 0.1  # the mean of the particles above which a cell belongs to the shape
PARTICLES_AT_ONCE = 64


class BeliefCompletion(NamedTuple):
    """What the belief network makes of observations.

    Attributes:
        probabilities: mean of the particles; cells that were seen are what they were seen to be.
        posterior: p(class | observation).
        particles: each one's cells, when asked for.

    Example:
        >>> net = ShapeNets3D(10, channels=(4, 8, 16), hidden=20, top=30)
        >>> complete_by_belief(net, torch.zeros(1, 1, 30, 30, 30), particles=2, passes=1).posterior.shape
        torch.Size([1, 10])
    """

    probabilities: Float[Tensor, "B 1 R R R"]
    posterior: Float[Tensor, "B K"]
    particles: Float[Tensor, "B P R R R"] | None


@torch.no_grad()
def complete_by_belief(
    net: ShapeNets3D,
    observed: Float[Tensor, "B 1 R R R"],
    *,
    particles: int = 9,
    passes: int = 30,
    generator: torch.Generator | None = None,
    keep_particles: bool = False,
) -> BeliefCompletion:
    """Sample the unknown cells of observations, and their class.

    With everything unknown it draws from the prior; an empty observation (all free) stays empty. Particles of all
    observations go through the network together, 64 at a time.

    Args:
        observed: cells 0 (free), 0.5 (unknown) and 1 (surface), as `geolearn.ops` makes them of depth maps.
        particles: samples per observation; they take the nine densities in turn.
        passes: up and down.
        keep_particles: return every particle's cells as well.

    Raises:
        InvalidInputError: other values or another resolution, or no particles or passes.

    Example:
        >>> net = ShapeNets3D(10, channels=(4, 8, 16), hidden=20, top=30)
        >>> observed = torch.full((1, 1, 30, 30, 30), 0.5)  # nothing is known
        >>> observed[..., 20:, :, :] = 0  # but that this third is free
        >>> float(complete_by_belief(net, observed, passes=2).probabilities[..., 20:, :, :].max())
        0.0
    """
    check_observed(observed, net.resolution)
    if particles < 1 or passes < 1:
        raise InvalidInputError(f"particles, passes: expected at least 1, got {particles} and {passes}")
    parts, posteriors = [], []
    which = torch.arange(len(observed)).repeat_interleave(particles)
    densities = torch.tensor(DENSITIES, device=observed.device)[torch.arange(len(which)) % particles % len(DENSITIES)]
    for chosen, density in zip(which.split(PARTICLES_AT_ONCE), densities.split(PARTICLES_AT_ONCE), strict=True):
        seen = observed[chosen]
        cells, posterior = _run_particles(net, seen, density, passes, generator)
        parts.append(cells)
        posteriors.append(posterior)
    cells = torch.cat(parts).view(len(observed), particles, *observed.shape[2:])
    posterior = torch.cat(posteriors).view(len(observed), particles, net.num_classes).mean(1)
    return BeliefCompletion(cells.mean(1, keepdim=True), posterior, cells if keep_particles else None)


def _run_particles(
    net: ShapeNets3D, seen: Tensor, density: Tensor, passes: int, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    unknown = seen == UNKNOWN
    start = sample_bernoulli(density[:, None, None, None, None].expand(seen.shape), generator)
    cells = torch.where(unknown, start, seen)
    for _ in range(passes):
        units = net.up(cells)
        label = torch.multinomial(net.top.label_posterior(units), 1, generator=generator)[:, 0]
        hidden = net.top.sample_hidden(net.top.join(units, label), generator)
        below = net.top.split(net.top.visible_means(net.top.visible_logits(hidden)))[0]
        cells = torch.where(unknown, net.down(below), seen)
    return cells, net.label_posterior(cells)


def check_observed(observed: Tensor, resolution: int) -> None:
    """Refuse anything but free, unknown and surface cells of the right resolution.

    Raises:
        InvalidInputError: see `complete_by_belief`.
    """
    if observed.ndim != 5 or observed.shape[1:] != (1, *(resolution,) * 3):
        raise InvalidInputError(
            f"observed: expected (B, 1, {resolution}, {resolution}, {resolution}), got {tuple(observed.shape)}; "
            f"observe the depth map on a grid of {resolution} cells a side"
        )
    strange = ~((observed == FREE) | (observed == UNKNOWN) | (observed == SURFACE))
    if bool(strange.any()):
        raise InvalidInputError(
            f"observed: expected cells 0 (free), 0.5 (unknown) or 1 (surface), got {float(observed[strange][0])} among "
            f"{int(strange.sum())} others"
        )
