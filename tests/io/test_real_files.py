"""The public research data at hand loads: labeled PSB, SHREC11, single meshes, 3D ShapeNets."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import trimesh

from geolearn.io import load_mesh, load_voxels


def read_off_plainly(text: str) -> tuple[list[list[float]], list[list[int]]]:
    words = iter(text.split())
    assert next(words) == "OFF"
    num_verts, num_faces, _ = (int(next(words)) for _ in range(3))
    verts = [[float(next(words)) for _ in range(3)] for _ in range(num_verts)]
    faces = [[int(next(words)) for _ in range(4)][1:] for _ in range(num_faces)]
    return verts, faces


def first_files(archive: Path, extension: str, count: int) -> Iterator[bytes]:
    """As many as come first, so that a large archive need not be unpacked whole."""
    if not archive.is_file():
        pytest.skip(f"no {archive}")
    with tarfile.open(archive, "r|xz") as members:
        for member in members:
            content = members.extractfile(member) if member.name.endswith(extension) else None
            if content is not None:
                yield content.read()
                count -= 1
            if count == 0:
                return


def test_the_first_labeled_psb_meshes(real_data, tmp_path):
    path = tmp_path / "shape.off"
    contents = list(first_files(real_data / "lpsb.tar.xz", ".off", 15))
    assert len(contents) == 15
    for number, content in enumerate(contents):
        path.write_bytes(content)
        mesh = load_mesh(path)
        if number % 5 == 0:
            verts, faces = read_off_plainly(content.decode())
            assert np.array_equal(mesh.verts.numpy(), np.array(verts, dtype=np.float32))
            assert mesh.faces.tolist() == faces


@pytest.mark.slow
def test_all_labeled_psb_meshes(unpacked):
    paths = sorted(unpacked("lpsb.tar.xz").rglob("*.off"))
    assert len(paths) == 380
    for path in paths:
        mesh = load_mesh(path)
        head = path.read_text().split(maxsplit=4)
        assert [len(mesh.verts), len(mesh.faces)] == [int(word) for word in head[1:3]]
        # Every face is labelled exactly once, so the labels say how many faces there are.
        labels = path.with_name(path.stem + "_labels.txt").read_text().splitlines()[1::2]
        assert sum(len(line.split()) for line in labels) == len(mesh.faces)


@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_shrec11_meshes(unpacked, step):
    paths = sorted(unpacked("shrec11_split16.tar.xz").rglob("*.obj"))
    assert len(paths) == 600
    for path in paths[::step]:
        mesh = load_mesh(path)
        # These are closed surfaces of one piece: V - F/2 = 2 - 2 * genus.
        euler = len(mesh.verts) - len(mesh.faces) / 2
        assert len(mesh.faces) in range(480, 521)
        assert euler <= 2
        assert euler % 2 == 0


def test_the_single_meshes_are_what_trimesh_reads(unpacked):
    pytest.importorskip("PIL", reason="trimesh reads textures by Pillow; needs the extra [data]")
    paths = sorted(unpacked("meshes_and_softras.tar.xz").rglob("*.obj"))
    assert len(paths) == 13
    for path in paths:
        mesh = load_mesh(path)
        if len(mesh.faces) > 10_000:
            continue
        oracle = trimesh.load(path, process=False, maintain_order=True, force="mesh", skip_materials=True)
        # trimesh splits vertices that have several texture coordinates, puts quads behind triangles, and starts the
        # second triangle of a quad at another corner.
        assert unordered(mesh.triangles().numpy()) == unordered(oracle.triangles), path.name


def unordered(triangles) -> list[list[list[float]]]:
    return sorted(sorted(triangle) for triangle in triangles.astype(np.float32).tolist())


def test_the_first_volumes_of_3d_shapenets_are_what_scipy_reads(real_data, tmp_path):
    path = tmp_path / "shape.mat"
    contents = list(first_files(real_data / "3dshapenets_chair_train.tar.xz", ".mat", 60))
    assert len(contents) == 60
    for content in contents:
        path.write_bytes(content)
        assert np.array_equal(load_voxels(path).values.numpy(), scipy.io.loadmat(path)["instance"])


@pytest.mark.slow
def test_all_volumes_of_3d_shapenets(unpacked):
    paths = sorted(unpacked("3dshapenets_chair_train.tar.xz").rglob("*.mat"))
    assert len(paths) == 889 * 12
    for path in paths:
        grid = load_voxels(path)
        assert (grid.resolution, bool(grid.values.any())) == (30, True), path
