"""Completion of observed shapes by any network that completes, and what is read off the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.models import ShapeNets3D, VoxelCompletionNet, complete_by_belief
from geolearn.models.shapenets3d_completion import OCCUPIED
from geolearn.ops import observe_depth, observe_scan
from geolearn.ops.isosurface import voxel_surface
from geolearn.structures import Cameras, Mesh, VoxelGrid
from geolearn.typing import Array, Float, Tensor

FILLED = 24 / 30  # of the frame that networks learn in, the share that the box of the shape fills


@dataclass(frozen=True)
class Completion:
    """A completed shape.

    Attributes:
        observed: free (0), unknown (0.5) and surface (1) cells.
        probabilities: of occupancy; cells that were seen are 0 or 1.
        mesh: the surface where probabilities pass `level`, in the world of the observation; no faces if none does.
        level: 0.1 for the mean of a belief network's particles (Wu et al., CVPR 2015), 0.5 otherwise.
        posterior: p(class | observation), (K,); None from a network that knows no classes.

    Example: see `complete_observation`.

        >>> grid = VoxelGrid(torch.zeros(4, 4, 4), torch.zeros(3), 0.25)
        >>> Completion(grid, grid, voxel_surface(grid), 0.5, None)
        Completion(4^3 cells, 0 faces)
    """

    observed: VoxelGrid
    probabilities: VoxelGrid
    mesh: Mesh
    level: float
    posterior: Float[Tensor, " K"] | None

    def __repr__(self) -> str:
        likeliest = "" if self.posterior is None else f", class {int(self.posterior.argmax())} likeliest"
        return f"Completion({self.observed.resolution}^3 cells, {len(self.mesh.faces)} faces{likeliest})"


def complete_observation(
    net: nn.Module,
    observed: VoxelGrid,
    *,
    particles: int = 9,
    passes: int = 30,
    generator: torch.Generator | None = None,
) -> Completion:
    """Fill the unknown cells of an observation.

    Args:
        net: a `ShapeNets3D` or a `VoxelCompletionNet`.
        observed: of the network's resolution; see `geolearn.ops.observe_depth`.
        particles, passes, generator: of a belief network, see `complete_by_belief`; its paper takes 50 and 50.

    Raises:
        InvalidInputError: another network, another resolution, or cells that are not 0, 0.5 or 1.

    Example:
        >>> net = VoxelCompletionNet(10, widths=(4, 8))
        >>> cells = torch.zeros(10, 10, 10)
        >>> cells[2:5, 2:8, 2:8] = 1
        >>> completed = complete_observation(net, VoxelGrid(cells, torch.zeros(3), 0.1))
        >>> torch.equal(completed.probabilities.values, cells)  # what was seen stays
        True
    """
    cells = observed.values.float()[None, None]
    if isinstance(net, ShapeNets3D):
        found = complete_by_belief(net.eval(), cells, particles=particles, passes=passes, generator=generator)
        probabilities, posterior, level = found.probabilities, found.posterior[0], OCCUPIED
    elif isinstance(net, VoxelCompletionNet):
        with torch.no_grad():
            probabilities, posterior, level = net.eval().complete(cells), None, 0.5
    else:
        raise InvalidInputError(f"net: expected a ShapeNets3D or a VoxelCompletionNet, got {type(net).__name__}")
    grid = VoxelGrid(probabilities[0, 0], observed.origin, observed.voxel_size)
    return Completion(observed, grid, voxel_surface(grid, level), level, posterior)


def complete_depth(
    net: nn.Module,
    depth: Float[Tensor, "N H W"],
    cameras: Cameras,
    *,
    bounds: Tensor | Array | Sequence[Any] | None = None,
    **options: Any,
) -> Completion:
    """Complete what depth maps show, usually one.

    Args:
        net: a `ShapeNets3D` or a `VoxelCompletionNet` with an attribute `resolution`.
        depth, cameras: see `geolearn.ops.observe_depth`. The world has Z up.
        bounds: (2, 3), the box of the whole shape, which fills 24 of 30 cells as in training; by default that of what
            is visible, which is smaller.
        options: `particles`, `passes` and `generator` of `complete_observation`.

    Raises:
        InvalidInputError: see `observe_depth` and `complete_observation`.

    Example:
        >>> camera = Cameras(torch.tensor([[[40.0, 0, 20], [0, 40, 20], [0, 0, 1]]]), torch.eye(4)[None], 40, 40)
        >>> wall, box = torch.full((1, 40, 40), 5.0), [[-1.0, -1, 4], [1, 1, 6]]
        >>> complete_depth(VoxelCompletionNet(10, widths=(4, 8)), wall, camera, bounds=box).observed.values[5, 5, :6]
        tensor([0., 0., 0., 0., 0., 1.])
    """
    resolution = _resolution(net)
    observed = observe_depth(depth, cameras, resolution, padding=frame_padding(resolution), bounds=bounds)
    return complete_observation(net, observed, **options)


def complete_scan(
    net: nn.Module,
    points: Float[Tensor, "N 3"],
    camera_position: Float[Tensor, " 3"],
    *,
    bounds: Tensor | Array | Sequence[Any] | None = None,
    **options: Any,
) -> Completion:
    """Complete what the points of a scan show; all else as in `complete_depth`.

    Raises:
        InvalidInputError: see `geolearn.ops.observe_scan` and `complete_observation`.

    Example:
        >>> points = torch.tensor([[0.5, 0.1, 0.9], [0.5, 0.9, 0.1]])
        >>> net, box = VoxelCompletionNet(10, widths=(4, 8)), [[0.0, 0, 0], [1, 1, 1]]
        >>> int((complete_scan(net, points, torch.tensor([-1.0, 0, 0]), bounds=box).observed.values == 1).sum())
        2
    """
    resolution = _resolution(net)
    padding = frame_padding(resolution)
    observed = observe_scan(points, camera_position, resolution, padding=padding, bounds=bounds)
    return complete_observation(net, observed, **options)


def frame_padding(resolution: int) -> int:
    """Cells left empty around the box of a shape on every side: 3 of 30.

    Example:
        >>> frame_padding(30)
        3
    """
    return round(resolution * (1 - FILLED) / 2)


def _resolution(net: nn.Module) -> int:
    if not isinstance(net, ShapeNets3D | VoxelCompletionNet):
        raise InvalidInputError(f"net: expected a ShapeNets3D or a VoxelCompletionNet, got {type(net).__name__}")
    return net.resolution
