"""Datasets, representations, and loaders that every family shares."""

import importlib
from typing import TYPE_CHECKING, Any

from geolearn.data.catalog import describe_dataset, list_datasets
from geolearn.data.collection import Collection, NamedCollection, ShapeCollection
from geolearn.data.dataset import ShapeDataset
from geolearn.data.depth_observations import DepthObservations, Observed, PackedObservations
from geolearn.data.download import download_dataset
from geolearn.data.face_features import FaceFeatures
from geolearn.data.folders.reading import Reading
from geolearn.data.labelled_folder import LabelledFolder, open_collection
from geolearn.data.loaders import make_loader
from geolearn.data.manifest import Manifest, dataset_names, load_manifest
from geolearn.data.packed import (
    Batches,
    FaceAugment,
    Packed,
    PackedFaces,
    PackedFineVoxels,
    PackedSamples,
    PackedViews,
    PackedVoxels,
    ViewAugment,
    VoxelAugment,
    Warp,
    augment_columns,
    pack,
    resize_columns,
    unpack,
    warp_columns,
)
from geolearn.data.prepare import prepare_dataset
from geolearn.data.representations import RenderViews, Representation, SamplePoints, Voxelize
from geolearn.data.sample import Batch, Sample, collate
from geolearn.data.store import Store

if TYPE_CHECKING:
    from geolearn.data import procedural as procedural

__all__ = [
    "Batch",
    "Batches",
    "Collection",
    "DepthObservations",
    "FaceAugment",
    "FaceFeatures",
    "LabelledFolder",
    "Manifest",
    "NamedCollection",
    "Observed",
    "Packed",
    "PackedFaces",
    "PackedFineVoxels",
    "PackedObservations",
    "PackedSamples",
    "PackedViews",
    "PackedVoxels",
    "Reading",
    "RenderViews",
    "Representation",
    "Sample",
    "SamplePoints",
    "ShapeCollection",
    "ShapeDataset",
    "Store",
    "ViewAugment",
    "VoxelAugment",
    "Voxelize",
    "Warp",
    "augment_columns",
    "collate",
    "dataset_names",
    "describe_dataset",
    "download_dataset",
    "list_datasets",
    "load_manifest",
    "make_loader",
    "open_collection",
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
