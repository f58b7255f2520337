"""Datasets, representations, and loaders that every family shares."""

from geolearn.data.augment import VoxelAugment, Warp, augment_columns, rotate_columns, warp_columns
from geolearn.data.batches import VoxelBatches
from geolearn.data.packed import PackedVoxels, pack, resize_columns, unpack
from geolearn.data.sample import Batch, Sample

__all__ = [
    "Batch",
    "PackedVoxels",
    "Sample",
    "VoxelAugment",
    "VoxelBatches",
    "Warp",
    "augment_columns",
    "pack",
    "resize_columns",
    "rotate_columns",
    "unpack",
    "warp_columns",
]
