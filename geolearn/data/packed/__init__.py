"""Whole splits, packed to stay in memory or mapped from one file, and the batches that come out of them."""

from geolearn.data.packed.batches import Batches
from geolearn.data.packed.columns import pack, resize_columns, unpack
from geolearn.data.packed.faces import FaceAugment, FaceBatch, PackedFaces
from geolearn.data.packed.fine_grids import PackedFineVoxels
from geolearn.data.packed.grids import PackedVoxels
from geolearn.data.packed.pictures import PackedViews
from geolearn.data.packed.samples import PackedSamples
from geolearn.data.packed.split import Packed
from geolearn.data.packed.view_draws import ViewAugment
from geolearn.data.packed.warps import VoxelAugment, Warp, augment_columns, warp_columns

__all__ = [
    "Batches",
    "FaceAugment",
    "FaceBatch",
    "Packed",
    "PackedFaces",
    "PackedFineVoxels",
    "PackedSamples",
    "PackedViews",
    "PackedVoxels",
    "ViewAugment",
    "VoxelAugment",
    "Warp",
    "augment_columns",
    "pack",
    "resize_columns",
    "unpack",
    "warp_columns",
]
