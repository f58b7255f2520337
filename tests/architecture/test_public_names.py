"""Names that other people's code imports."""

import importlib

import pytest

PUBLIC = {
    "structures": ["Mesh", "MeshBatch", "VoxelGrid", "Cameras", "Views"],
    "io": ["load_mesh", "save_mesh", "load_voxels", "save_voxels", "MeshFormatError"],
    "ops": ["deform_by_lattice", "voxelize", "sample_surface", "scatter", "segment_csr"],
    "data": ["ShapeDataset", "Voxelize", "SamplePoints", "procedural"],
    "nn": ["ViewPool", "UNet2d", "VoxelUNet"],
    "models": ["MVCNN", "VoxNet", "MultiResolutionVoxNet", "VoxResNet", "VoxelVAE", "SDFDecoder", "PCADecoder"],
    "fitting": ["fit_mesh", "fit_grid", "fit_latent", "FitResult"],
}


@pytest.mark.parametrize("name", [f"{room}.{name}" for room, names in PUBLIC.items() for name in names])
def test_public_name(name):
    room, attribute = name.split(".")
    assert hasattr(importlib.import_module(f"geolearn.{room}"), attribute)


def test_rooms_load_on_first_use():
    geolearn = importlib.import_module("geolearn")
    assert geolearn.structures.Mesh is importlib.import_module("geolearn.structures").Mesh
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = geolearn.nonsense
