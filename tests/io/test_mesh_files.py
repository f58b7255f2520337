"""What holds for every mesh format: exact round trips, whole files, cut files, wrong names, promises of size."""

import os
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from seed_files import EXTENSIONS, MESHES, blob, seeds, tetrahedron

from geolearn.errors import InvalidInputError
from geolearn.io import MeshFormatError, load_mesh, load_voxels, save_mesh
from geolearn.structures import Mesh

WRITERS = [("off", False), ("obj", False), ("ply", False), ("ply", True), ("glb", False), ("gltf", False)]
FLOATS = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.sampled_from([-0.0, 1e-45, -1.1754944e-38, 3.4028235e38, 0.1, 16777217.0]),
)


@pytest.mark.parametrize("extension, ascii", WRITERS)
@given(verts=hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.just(3)), elements=FLOATS), data=st.data())
@settings(max_examples=30)
def test_positions_faces_and_order_come_back_bit_for_bit(tmp_path_factory, extension, ascii, verts, data):
    indices = st.integers(0, len(verts) - 1)
    faces = data.draw(st.lists(st.tuples(indices, indices, indices), min_size=1, max_size=6))
    path = tmp_path_factory.getbasetemp() / f"again.{extension}"
    mesh = Mesh(torch.tensor(verts), torch.tensor(faces))
    save_mesh(mesh, path, ascii=ascii)
    first = path.read_bytes()
    again = load_mesh(path)
    assert again.verts.numpy().tobytes() == verts.tobytes()
    assert torch.equal(again.faces, mesh.faces)
    save_mesh(mesh, path, ascii=ascii)
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    "kind", ["off", "ply-ascii", "ply-little", "ply-big", "stl-ascii", "stl-binary", "glb", "gltf"]
)
def test_every_cut_of_a_file_is_noticed(tmp_path, kind):
    """All of these say how long they are. Only trailing white space, or digits of the last number, may go unnoticed."""
    whole = min(seeds(kind), key=len)
    path = tmp_path / f"cut{EXTENSIONS[kind]}"
    for length in range(len(whole.rstrip()) if kind != "stl-binary" else len(whole)):
        path.write_bytes(whole[:length])
        if kind == "stl-ascii" and b"endsolid" in whole[:length]:
            continue  # only the name of the solid is cut
        with pytest.raises(MeshFormatError, match=rf"cut\.{path.suffix[1:]}: "):
            load_mesh(path)


def test_every_cut_of_an_obj_is_read_or_noticed(tmp_path):
    """OBJ does not say how long it is: a cut between two faces cannot be told from a shorter mesh."""
    path = tmp_path / "cut.obj"
    for whole in seeds("obj")[::2]:
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            try:
                mesh = load_mesh(path)
            except MeshFormatError:
                continue
            assert whole[:length].count(b"\nf ") >= 1
            assert int(mesh.faces.max()) < len(mesh.verts)


@pytest.mark.parametrize("named", ["off", "obj", "ply", "stl", "glb", "gltf"])
@pytest.mark.parametrize("kind", EXTENSIONS)
def test_a_wrong_extension_says_what_the_content_looks_like(tmp_path, kind, named):
    if EXTENSIONS[kind] == f".{named}":
        return
    likely = {"glb": "GLB", "gltf": "glTF", "mat": "MATLAB", "npy": "npy", "npz": "npz", "binvox": "binvox"}
    path = tmp_path / f"wrong.{named}"
    path.write_bytes(seeds(kind)[0])
    words = likely.get(kind, kind.split("-")[0].upper())
    with pytest.raises(
        MeshFormatError, match=rf"wrong\.{named}: byte 0: expected .*looks like {words}.*Rename the file"
    ):
        load_mesh(path)


@pytest.mark.parametrize(
    "content, likely",
    [
        (b"\x1f\x8b\x08abc", "gzip"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\xff\xfe\0\xd8O\0F\0F\0", "UTF-16 text"),
        (b"\x89PNG\r\n", "a PNG picture"),
        (np.random.default_rng(0).bytes(2000), None),
        (b"\0" * 200, None),
        (b"   \n \n", None),
    ],
)
@pytest.mark.parametrize("kind", EXTENSIONS)
def test_noise_and_foreign_files_are_refused(tmp_path, kind, content, likely):
    path = tmp_path / f"noise{EXTENSIONS[kind]}"
    path.write_bytes(content)
    message = (
        f"looks like {likely}" if likely else "this is not .* nor any other format|byte 80: expected 84|an empty mesh"
    )
    with pytest.raises(MeshFormatError, match=rf"noise{EXTENSIONS[kind]}: .*({message})"):
        (load_mesh if kind in MESHES else load_voxels)(path)


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_an_empty_file_says_so(tmp_path, kind):
    path = tmp_path / f"empty{EXTENSIONS[kind]}"
    path.touch()
    with pytest.raises(MeshFormatError, match=rf"empty{EXTENSIONS[kind]}: byte 0: expected .*, got an empty file"):
        (load_mesh if kind in MESHES else load_voxels)(path)


PLY = "ply\nformat {} 1.0\nelement vertex 4000000000\nproperty float x\nproperty float y\nproperty float z\n"
PROMISES = {
    "off": b"OFF\n4000000000 4000000000 0\n0 0 0\n",
    "ply-ascii": PLY.format("ascii").encode()
    + b"element face 0\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n",
    "ply-little": PLY.format("binary_little_endian").encode() + b"end_header\n" + bytes(100),
    "stl-binary": bytes(80) + b"\xff\xff\xff\xff" + bytes(50),
    "glb": b"glTF\2\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7fJSON{}",
    "binvox": b"#binvox 1\ndim 1000000 1000000 1000000\ndata\n\0\xff",
    "npy": b"\x93NUMPY\1\0v\0{'descr': '<f8', 'fortran_order': False, 'shape': (90000, 90000, 90000), }".ljust(127)
    + b"\n",
}


@pytest.mark.parametrize("kind", PROMISES)
def test_a_promise_of_gigabytes_allocates_nothing(tmp_path, kind):
    path = tmp_path / f"huge{EXTENSIONS[kind]}"
    path.write_bytes(PROMISES[kind])
    tracemalloc.start()
    try:
        with pytest.raises(MeshFormatError, match=rf"huge{EXTENSIONS[kind]}: "):
            (load_mesh if kind in MESHES else load_voxels)(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("load", [load_mesh, load_voxels])
def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path, load):
    with pytest.raises(FileNotFoundError, match=r"nothing\.off: no such file; its folder exists, so check the name"):
        load(tmp_path / "nothing.off")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*no either"):
        load(tmp_path / "no" / "nothing.off")
    with pytest.raises(MeshFormatError, match="expected a regular file, got a folder"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe.off")
    with pytest.raises(MeshFormatError, match="expected a regular file, got a pipe or a device"):
        load(tmp_path / "pipe.off")


@pytest.mark.usefixtures("as_installed")
def test_the_format_can_be_said(tmp_path):
    path = tmp_path / "shape.dat"
    path.write_bytes(seeds("off")[0])
    with pytest.raises(MeshFormatError, match=r"no mesh format has the extension '\.dat' .* looks like OFF"):
        load_mesh(path)
    assert torch.equal(load_mesh(path, file_format="off").verts, tetrahedron().verts)
    with pytest.raises(InvalidInputError, match=r"file_format: expected one of off, obj, .*, got 'dae'"):
        load_mesh(path, file_format="dae")
    assert load_mesh(path.rename(tmp_path / "SHAPE.OFF")).name == "SHAPE"


def test_saving_refuses_what_could_not_be_read_again(tmp_path):
    with pytest.raises(InvalidInputError, match=r"path: expected an extension of \.off, .* got 'a\.dae'"):
        save_mesh(tetrahedron(), tmp_path / "a.dae")
    with pytest.raises(InvalidInputError, match="mesh: expected at least one face to save, got Mesh"):
        save_mesh(Mesh(torch.eye(3), torch.zeros(0, 3, dtype=torch.int64)), tmp_path / "a.off")
    with pytest.raises(FileNotFoundError, match="its folder does not exist; create"):
        save_mesh(tetrahedron(), tmp_path / "no" / "a.off")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.off"
    save_mesh(tetrahedron(), path)
    before = path.read_bytes()

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        save_mesh(blob(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_gradients_float64_and_strides_do_not_matter(tmp_path):
    verts = torch.rand(3, 8, dtype=torch.float64).T.float().requires_grad_()
    faces = torch.arange(6).reshape(3, 2).T
    save_mesh(Mesh(verts, faces), tmp_path / "a.ply")
    again = load_mesh(tmp_path / "a.ply")
    assert torch.equal(again.verts, verts.detach())
    assert again.faces.tolist() == [[0, 2, 4], [1, 3, 5]]
