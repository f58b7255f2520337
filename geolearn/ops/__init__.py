"""Pure functions on tensors and records. Numba is imported when a kernel first runs, not here."""

from geolearn.ops.voxelization import voxelize

__all__ = ["voxelize"]
