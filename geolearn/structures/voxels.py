"""A cubic voxel grid and where it lies in the world."""

from dataclasses import dataclass

import torch

from geolearn.errors import InvalidInputError
from geolearn.structures._door import as_tensor, to_tensor
from geolearn.typing import Bool, Float, Int, Tensor


@dataclass(frozen=True, eq=False)
class VoxelGrid:
    """Values at the centres of R x R x R cells.

    Attributes:
        values: (R, R, R) bool occupancy, or float32 (probabilities, distances), indexed [x, y, z].
        origin: float32 (3,), the corner of cell (0, 0, 0); the centre of cell i is `origin + (i + 0.5) * voxel_size`.
        voxel_size: edge length of a cell, in the unit of the world.

    >>> values = torch.zeros(2, 2, 2, dtype=torch.bool)
    >>> values[1, 0, 0] = True
    >>> VoxelGrid(values, voxel_size=0.5).points().tolist()
    [[0.75, 0.25, 0.25]]
    """

    values: Bool[Tensor, "R R R"] | Float[Tensor, "R R R"]
    origin: Float[Tensor, " 3"] = (0.0, 0.0, 0.0)  # type: ignore[assignment]
    voxel_size: float = 1.0

    def __post_init__(self) -> None:
        values = as_tensor(self.values, "values", (None, None, None))
        dtype = torch.bool if values.dtype == torch.bool else torch.float32
        values = to_tensor(values, "values", dtype, (None, None, None))
        if len(set(values.shape)) != 1 or values.shape[0] == 0:
            raise InvalidInputError(f"values: expected a cube (R, R, R) with R >= 1, got {tuple(values.shape)}")
        try:
            voxel_size = float(self.voxel_size)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"voxel_size: expected a finite length > 0, got {self.voxel_size!r}") from error
        if not 0 < voxel_size < float("inf"):
            raise InvalidInputError(f"voxel_size: expected a finite length > 0, got {voxel_size}")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "origin", to_tensor(self.origin, "origin", torch.float32, (3,)).to(values.device))
        object.__setattr__(self, "voxel_size", voxel_size)

    def __repr__(self) -> str:
        return f"VoxelGrid({self.resolution}^3 {self.values.dtype}, voxel_size {self.voxel_size:.6g})"

    @property
    def resolution(self) -> int:
        return self.values.shape[0]

    @property
    def occupancy(self) -> Bool[Tensor, "R R R"]:
        """Which cells are occupied: `values` itself, or `values > 0.5`."""
        return self.values if self.values.dtype == torch.bool else self.values > 0.5

    def centres(self, index: Int[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
        """World positions of the centres of the given cells."""
        return self.origin + (index.to(torch.float32) + 0.5) * self.voxel_size

    def points(self) -> Float[Tensor, "N 3"]:
        """World positions of the centres of all occupied cells, in index order."""
        return self.centres(self.occupancy.nonzero())
