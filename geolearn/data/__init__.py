"""Datasets, representations, and loaders that every family shares."""

import importlib
from typing import TYPE_CHECKING, Any

from geolearn.data.augment import VoxelAugment, Warp, augment_columns, warp_columns
from geolearn.data.catalog import describe_dataset, list_datasets
from geolearn.data.dataset import ShapeDataset
from geolearn.data.loaders import collate, make_loader
from geolearn.data.manifest import Manifest, dataset_names, load_manifest
from geolearn.data.packed import PackedVoxels, pack, resize_columns, unpack
from geolearn.data.packed_views import PackedViews
from geolearn.data.prepare import prepare_dataset
from geolearn.data.representations import RenderViews, SamplePoints, Voxelize
from geolearn.data.sample import Batch, Sample
from geolearn.data.view_batches import ViewAugment, ViewBatches
from geolearn.data.voxel_batches import VoxelBatches

if TYPE_CHECKING:
    from geolearn.data import procedural as procedural

__all__ = [
    "Batch",
    "Manifest",
    "PackedViews",
    "PackedVoxels",
    "RenderViews",
    "Sample",
    "SamplePoints",
    "ShapeDataset",
    "ViewAugment",
    "ViewBatches",
    "VoxelAugment",
    "VoxelBatches",
    "Voxelize",
    "Warp",
    "augment_columns",
    "collate",
    "dataset_names",
    "describe_dataset",
    "list_datasets",
    "load_manifest",
    "make_loader",
    "pack",
    "prepare_dataset",
    "procedural",
    "resize_columns",
    "unpack",
    "warp_columns",
]


def __getattr__(name: str) -> Any:
    if name == "procedural":  # it needs manifold3d, which the core does not
        return importlib.import_module("geolearn.data.procedural")
    raise AttributeError(f"module 'geolearn.data' has no attribute {name!r}")
