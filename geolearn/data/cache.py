"""A cache on disk whose names are hashes of what was computed, so that nothing in it can be out of date.

An entry's name comes from the manifest digest, the sample's key, the representation's repr and `CACHE_VERSION`. Entries
are written under a temporary name and renamed; a damaged one is reported and computed again.
"""

import hashlib
import json
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geolearn.data.packed.pictures import decode_pixels
from geolearn.data.prepared.arrays import read_arrays, write_arrays
from geolearn.errors import DatasetError, InvalidInputError
from geolearn.structures import VoxelGrid
from geolearn.typing import Array, Tensor

# Raise it when a representation, or the normalisation before it, gives other results than before.
CACHE_VERSION = 1


def entry_path(folder: Path, *identity: Any, suffix: str = ".npz") -> Path:
    """Where the entry of `identity` (anything JSON holds) lies."""
    name = hashlib.sha256(json.dumps([CACHE_VERSION, *identity]).encode()).hexdigest()
    return folder / name[:2] / f"{name[2:]}{suffix}"


def cached(path: Path, compute: Callable[[], Any]) -> Any:
    """The value stored at `path`, or `compute()`, stored there. Values: `VoxelGrid`, tensors, dicts of arrays."""
    if path.is_file():
        try:
            return _decode(read_arrays(path))
        except (DatasetError, InvalidInputError, KeyError, RuntimeError, ValueError) as error:
            warnings.warn(f"damaged cache entry, computing it again: {error}", stacklevel=2)
    value = compute()
    write_arrays(path, _encode(value), writer=f".{uuid.uuid4().hex}")
    return value


def _encode(value: Any) -> dict[str, Array]:
    if isinstance(value, VoxelGrid) and value.values.dtype == torch.bool:
        packed = np.packbits(value.values.cpu().numpy())
        return {"bits": packed, "grid": np.array([*value.origin.tolist(), value.voxel_size, value.resolution])}
    if isinstance(value, VoxelGrid):
        grid = np.array([*value.origin.tolist(), value.voxel_size, value.resolution])
        return {"values": value.values.cpu().numpy(), "grid": grid}
    if isinstance(value, Tensor):
        pixels = _as_pixels(value)
        return {"tensor": value.cpu().numpy()} if pixels is None else {"pixels": pixels.cpu().numpy()}
    if isinstance(value, dict):
        return {f"array_{name}": array for name, array in value.items()}
    raise InvalidInputError(
        f"representation: the cache holds VoxelGrid, Tensor or arrays, got {type(value)}; use cache=False"
    )


def _as_pixels(value: Tensor) -> Tensor | None:
    """Pictures (V, C, H, W) in a quarter of their space, if every value is an 8-bit pixel's and so nothing is lost."""
    if value.ndim != 4 or value.dtype != torch.float32 or not value.numel():
        return None
    pixels = (value * 255).round().clamp(0, 255).to(torch.uint8)
    return pixels if torch.equal(decode_pixels(pixels), value) else None


def _decode(arrays: dict[str, Array]) -> Any:
    if "grid" in arrays:
        size = int(arrays["grid"][4])
        if "bits" in arrays:
            values = np.unpackbits(arrays["bits"], count=size**3).astype(bool).reshape(size, size, size)
        else:
            values = arrays["values"]
        origin = torch.from_numpy(arrays["grid"][:3]).to(torch.float32)
        return VoxelGrid(torch.from_numpy(values), origin, float(arrays["grid"][3]))
    if "pixels" in arrays:
        return decode_pixels(torch.from_numpy(arrays["pixels"]))
    if "tensor" in arrays:
        return torch.from_numpy(arrays["tensor"])
    return {name.removeprefix("array_"): array for name, array in arrays.items()}
