"""What holds for every voxel format: exact round trips, occupancy or floats, cubes only."""

import numpy as np
import pytest
import scipy.io
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seed_files import EXTENSIONS, VOXELS, seeds

from geolearn.errors import InvalidInputError
from geolearn.io import MeshFormatError, load_voxels, save_voxels
from geolearn.structures import VoxelGrid


def grid(kind: str = "bool", side: int = 5) -> VoxelGrid:
    generator = torch.Generator().manual_seed(side)
    values = torch.rand(side, side, side, generator=generator)
    return VoxelGrid(values > 0.6 if kind == "bool" else values - 0.5, torch.tensor([0.1, -2.0, 3.0]), 0.037)


@pytest.mark.parametrize("extension", ["binvox", "mat", "npy", "npz"])
@given(side=st.integers(1, 7), kind=st.sampled_from(["bool", "float"]), turned=st.booleans())
@settings(max_examples=25)
def test_values_and_place_come_back(tmp_path_factory, extension, side, kind, turned):
    if extension == "binvox":
        kind = "bool"
    original = grid(kind, side)
    if turned:
        original = VoxelGrid(original.values.transpose(0, 2), original.origin, original.voxel_size)
    path = tmp_path_factory.getbasetemp() / f"again.{extension}"
    save_voxels(original, path)
    first = path.read_bytes()
    again = load_voxels(path)
    assert again.values.dtype == original.values.dtype
    assert torch.equal(again.values, original.values)
    assert again.values.is_contiguous()
    if extension == "npy":
        assert (again.origin.tolist(), again.voxel_size) == ([0, 0, 0], 1)
    else:
        assert torch.equal(again.origin, original.origin)
        assert again.voxel_size == pytest.approx(original.voxel_size, rel=1e-15, abs=0)
    save_voxels(original, path)
    assert path.read_bytes() == first


def test_loaded_values_can_be_written_to(tmp_path):
    save_voxels(grid(), tmp_path / "a.npy")
    values = load_voxels(tmp_path / "a.npy").values
    values[0, 0, 0] = ~values[0, 0, 0]
    assert int((values != grid().values).sum()) == 1


def test_binvox_runs_x_then_z_then_y_by_hand(tmp_path):
    """Side 2: cells in the order (x, z, y) = 000 001 010 011 100 ...; three empty, two full, three empty."""
    runs = bytes([0, 3, 1, 2, 0, 3])
    (tmp_path / "a.binvox").write_bytes(b"#binvox 1\ndim 2 2 2\ntranslate -1 0 2.5\nscale 3\ndata\n" + runs)
    got = load_voxels(tmp_path / "a.binvox")
    assert got.values.nonzero().tolist() == [[0, 1, 1], [1, 0, 0]]
    assert got.origin.tolist() == [-1, 0, 2.5]
    assert got.voxel_size == 1.5
    save_voxels(got, tmp_path / "b.binvox")
    assert (tmp_path / "b.binvox").read_bytes().endswith(b"data\n" + runs)


def test_binvox_runs_are_at_most_255_long(tmp_path):
    full = VoxelGrid(torch.ones(8, 8, 8, dtype=torch.bool))
    save_voxels(full, tmp_path / "a.binvox")
    assert (tmp_path / "a.binvox").read_bytes().split(b"data\n")[1] == bytes([1, 255, 1, 255, 1, 2])
    assert load_voxels(tmp_path / "a.binvox").values.all()


def test_binvox_refuses_floats(tmp_path):
    with pytest.raises(InvalidInputError, match="grid: binvox holds occupancy only, got float32 values"):
        save_voxels(grid("float"), tmp_path / "a.binvox")
    assert list(tmp_path.iterdir()) == []


BINVOX = "#binvox 1\ndim 2 2 2\ntranslate 0 0 0\nscale 1\ndata\n"


@pytest.mark.parametrize(
    "header, runs, message",
    [
        (BINVOX, [0, 7], "the runs hold 7 cells instead of 2.3 = 8"),
        (BINVOX, [0, 9], "the runs hold 9 cells"),
        (BINVOX, [0, 7, 1], "the last run has a value but no length"),
        (BINVOX, [2, 8], "byte 49: expected a value of 0 or 1, got 2"),
        (BINVOX.replace("data", "date"), [0, 8], "there is no line data"),
        (BINVOX.replace("dim 2 2 2\n", ""), [0, 8], "there is no line dim"),
        (BINVOX.replace("2 2 2", "2 2 4"), [0, 16], "expected a cube .* got shape .2, 2, 4."),
        (BINVOX.replace("2 2 2", "-2 -2 -2"), [0, 8], "expected whole dimensions"),
        (BINVOX.replace("2 2 2", "1.5 2 2"), [0, 8], "expected whole dimensions"),
        (BINVOX.replace("2 2 2", "0 0 0"), [], "expected a cube .* got shape .0, 0, 0."),
        (BINVOX.replace("2 2 2", "2 2"), [0, 8], "line 2: expected dim and finite numbers"),
        (BINVOX.replace("scale 1", "scale 0"), [0, 8], "a scale > 0"),
        (BINVOX.replace("scale 1", "scale nan"), [0, 8], "line 4: expected scale and finite numbers"),
        (BINVOX.replace("scale 1", "scale 1e-320"), [0, 8], None),
        (BINVOX.replace("translate 0", "translate 1e39"), [0, 8], "expected a finite origin and a voxel size > 0"),
    ],
)
def test_damage_of_binvox_is_named(tmp_path, header, runs, message):
    path = tmp_path / "a.binvox"
    path.write_bytes(header.encode() + bytes(runs))
    if message is None:
        assert load_voxels(path).voxel_size > 0
        return
    with pytest.raises(MeshFormatError, match=rf"a\.binvox: .*{message}"):
        load_voxels(path)


@pytest.mark.parametrize("kind", VOXELS)
def test_every_cut_of_a_file_is_noticed(tmp_path, kind):
    path, whole = tmp_path / f"cut{EXTENSIONS[kind]}", min(seeds(kind), key=len)
    # A .mat may end after instance: origin and voxel_size are our own additions.
    variables = [128]
    while kind == "mat" and variables[-1] < len(whole):
        variables.append(variables[-1] + 8 + int.from_bytes(whole[variables[-1] + 4 : variables[-1] + 8], "little"))
    for length in set(range(len(whole))) - set(variables[1:]):
        path.write_bytes(whole[:length])
        with pytest.raises(MeshFormatError, match=rf"cut\{EXTENSIONS[kind]}: "):
            load_voxels(path)


@pytest.mark.parametrize("write", ["npy", "npz", "mat"])
@pytest.mark.parametrize(
    "array, message",
    [
        (np.full((2, 2, 2), 2, np.int8), "8 of 8 whole numbers are neither 0 nor 1"),
        (np.full((2, 2, 2), np.nan, np.float32), "8 of 8 values are NaN, infinite or beyond float32"),
        (np.full((2, 2, 2), 1e39), "8 of 8 values are NaN, infinite or beyond float32"),
        (np.zeros((2, 2, 3)), r"expected a cube of R x R x R values, got shape \(2, 2, 3\)"),
        (np.zeros((2, 2)), "expected a cube"),
        (np.zeros((2, 2, 2), complex), "not an npy header of plain numbers|not an array of plain real numbers"),
    ],
)
def test_what_is_no_grid_is_named(tmp_path, write, array, message):
    path = tmp_path / f"a.{write}"
    if write == "mat":
        scipy.io.savemat(path, {"instance": array}, do_compression=True)
    else:
        (np.save if write == "npy" else np.savez)(path, array)
    with pytest.raises(MeshFormatError, match=rf"a\.{write}: .*({message})"):
        load_voxels(path)


def test_a_wrong_extension_says_what_the_content_looks_like(tmp_path):
    save_voxels(grid(), tmp_path / "a.npz")
    (tmp_path / "a.npz").rename(tmp_path / "a.binvox")
    with pytest.raises(MeshFormatError, match=r"expected binvox .* looks like npz"):
        load_voxels(tmp_path / "a.binvox")
    (tmp_path / "a.binvox").rename(tmp_path / "a.vox")
    with pytest.raises(MeshFormatError, match=r"no voxel format has the extension '\.vox' .* looks like npz"):
        load_voxels(tmp_path / "a.vox")
    with pytest.raises(InvalidInputError, match=r"path: expected an extension of \.binvox, .*got 'a\.vox'"):
        save_voxels(grid(), tmp_path / "a.vox")
