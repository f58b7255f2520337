"""Files and folders of shapes, as they are found and read."""

import pytest
import torch
import trimesh

from geolearn.errors import InvalidInputError
from geolearn.io import save_mesh
from geolearn.structures import Mesh
from geolearn.training.shape_files import as_shape, find_shapes, read_shape


def test_shapes_in_folders_are_found_in_order(tmp_path):
    for name in ("b.OFF", "a.obj", "note.txt", "deep/c.binvox", "._a.obj"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in find_shapes([tmp_path])] == ["a.obj", "b.OFF", "c.binvox"]
    assert find_shapes([tmp_path / "note.txt"]) == [tmp_path / "note.txt"]  # asked for by name
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match="expected a file, or a folder with files of"):
        find_shapes([tmp_path / "empty"])
    with pytest.raises(InvalidInputError, match="expected a file, or a folder with files of"):
        find_shapes([tmp_path / "nothing"])


def test_links_to_folders_are_followed(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.off").touch()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "there")
    assert find_shapes([tmp_path / "here"]) == [tmp_path / "here" / "linked" / "a.off"]


def test_a_mesh_is_stood_up_as_its_format_has_it(tmp_path):
    pole = Mesh.from_trimesh(trimesh.creation.box((1, 2, 3)))
    for name in ("a.off", "a.obj"):
        save_mesh(pole, tmp_path / name)

    def extent(mesh):
        low, high = mesh.bounds
        return (high - low).tolist()

    assert extent(read_shape(tmp_path / "a.off")) == [1, 2, 3]
    assert extent(read_shape(tmp_path / "a.obj")) == [1, 3, 2]
    assert extent(read_shape(tmp_path / "a.obj", "z")) == [1, 2, 3]
    assert extent(as_shape(str(tmp_path / "a.off"))) == [1, 2, 3]


def test_what_is_no_shape():
    with pytest.raises(
        InvalidInputError, match=r"expected a grid \(R, R, R\) or pictures \(V, C, H, W\), got \(2, 2\)"
    ):
        as_shape(torch.zeros(2, 2))
    with pytest.raises(InvalidInputError, match=r"expected pictures in \[0, 1\], got 0\.\.2"):
        as_shape(torch.tensor([0.0, 2.0]).reshape(1, 1, 1, 2))
