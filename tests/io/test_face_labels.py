"""Label files: what they say, and what is wrong with them, with counts."""

import numpy as np
import pytest
import torch

from geolearn.errors import InvalidInputError, MeshFormatError
from geolearn.io.face_labels import read_edge_labels, read_face_labels, read_part_lists, write_face_labels


def written(tmp_path, text: str, name: str = "labels.txt"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_lists_of_faces_by_part(tmp_path):
    path = written(tmp_path, "leg\n2 5\nbody\n1 3 \n\nleg\n4\n")
    assert read_part_lists(path, 5, ["body", "leg", "wing"]).tolist() == [0, 1, 0, 1, 1]


@pytest.mark.parametrize(
    "text, message",
    [
        ("leg\n1 2\nbody\n3", r"2 of 5 faces are in no part, first \[4, 5\].*Is it the label file of another mesh"),
        ("leg\n1 2 3\nbody\n3 4 5", r"1 of 5 faces are listed more than once, first \[3\]"),
        ("leg\n1 2 3 4\nbody\n5 6 7", r"the faces of body: 2 of 3 are not among the faces 1\.\.5 of the mesh, first 6"),
        ("leg\n0 1 2 3 4 5", r"the faces of leg: 1 of 6 are not among the faces 1\.\.5 of the mesh, first 0"),
        ("leg\n1 2 3\nbdoy\n4 5", r"part 2: expected one of body, leg, got 'bdoy'"),
        ("leg\n1 2 3\nbody", "expected a name and a line of faces for each part, got 3 lines"),
        ("", "expected a name and a line of faces for each part, got 0 lines"),
        ("leg\n1 2 x", "expected numbers, got 'x'"),
        ("leg\n1 2.5", "the faces of leg: expected whole numbers, got '2.5'"),
    ],
)
def test_lists_that_do_not_fit_the_mesh(text, message, tmp_path):
    with pytest.raises(MeshFormatError, match=message):
        read_part_lists(written(tmp_path, text), 5, ["body", "leg"])


def test_labels_per_edge_count_from_one(tmp_path):
    assert read_edge_labels(written(tmp_path, "1\n3\n2\n"), 3, 3).tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    "text, message",
    [
        ("1\n2\n", "expected one label for each of 3 edges, got 2. Is it the label file of another mesh"),
        ("1\n4\n5\n", r"label 2: 2 of 3 labels are not in 1\.\.3, first 4"),
        ("0\n1\n2\n", r"label 1: 1 of 3 labels are not in 1\.\.3, first 0"),
    ],
)
def test_labels_per_edge_that_do_not_fit(text, message, tmp_path):
    with pytest.raises(MeshFormatError, match=message):
        read_edge_labels(written(tmp_path, text), 3, 3)


def test_ones_own_labels_as_numbers_names_and_arrays(tmp_path):
    labels, names = read_face_labels(written(tmp_path, "2\n0 # the lid\n\n1\n"), 3)
    assert (labels.tolist(), names) == ([2, 0, 1], [])
    labels, names = read_face_labels(written(tmp_path, "leg\nseat\nleg\nback rest\n"), 4)
    assert (labels.tolist(), names) == ([1, 2, 1, 0], ["back rest", "leg", "seat"])
    np.save(tmp_path / "labels.npy", np.array([1, 0], dtype=np.uint8))
    labels, names = read_face_labels(tmp_path / "labels.npy", 2)
    assert (labels.tolist(), labels.dtype, names) == ([1, 0], torch.int64, [])


@pytest.mark.parametrize("names", [(), ("seat", "leg", "back")])
def test_labels_are_read_as_they_were_written(names, tmp_path):
    labels = torch.tensor([2, 0, 1, 1])
    write_face_labels(labels, tmp_path / "own.txt", names)
    again, found = read_face_labels(tmp_path / "own.txt", 4)
    assert [found[label] for label in again] == [names[label] for label in labels] if names else again.equal(labels)


def test_a_label_without_a_name_is_not_written(tmp_path):
    with pytest.raises(InvalidInputError, match=r"labels: expected values in 0\.\.1, got 0\.\.2"):
        write_face_labels(torch.tensor([0, 2]), tmp_path / "own.txt", ("a", "b"))


@pytest.mark.parametrize(
    "text, message",
    [
        ("0\n1\n", "expected one label for each of 3 faces, got 2"),
        ("0\n-1\n-2\n", "label 2: 2 of 3 labels are below 0"),
        ("0\nleg\n1\n", "expected numbers, got 'leg'"),
        ("0.5\n1\n1\n", "expected whole numbers, got '0.5'"),
        ("1\n1e39\n1\n", r"expected whole numbers, got '1e\+39'"),
    ],
)
def test_ones_own_labels_that_do_not_fit(text, message, tmp_path):
    with pytest.raises(MeshFormatError, match=message):
        read_face_labels(written(tmp_path, text), 3)


@pytest.mark.parametrize("array", [np.zeros((2, 2), dtype=np.int64), np.array([0.5, 1.0])])
def test_an_array_of_something_else_is_refused(array, tmp_path):
    np.save(tmp_path / "labels.npy", array)
    with pytest.raises(MeshFormatError, match="expected one row of whole numbers"):
        read_face_labels(tmp_path / "labels.npy", 2)


def test_a_file_that_is_no_array_is_refused(tmp_path):
    with pytest.raises(MeshFormatError, match=r"labels\.npy: the whole file: not a \.npy array of numbers"):
        read_face_labels(written(tmp_path, "hello", "labels.npy"), 2)
