"""One's own labels in a folder: every way to give them, splits, and what is refused with counts."""

import numpy as np
import pytest
import torch

from geolearn.data import FaceFeatures, LabelledFolder, NamedCollection, open_collection
from geolearn.errors import DatasetError, InvalidInputError, MeshFormatError
from geolearn.io import save_mesh
from geolearn.io.part_files import save_labelled_ply
from geolearn.structures import Mesh

VERTS = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
FACES = torch.tensor([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
LOOK = FaceFeatures(functions=3)


def shape(scale: float = 1.0, labels: list[int] | None = None) -> Mesh:
    return Mesh(scale * VERTS, FACES, None if labels is None else torch.tensor(labels))


@pytest.fixture
def mine(home, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


def put(folder, name: str, labels: object, scale: float = 1.0) -> None:
    """A tetrahedron with labels in the way that their kind asks for."""
    folder.mkdir(exist_ok=True)
    save_mesh(shape(scale), folder / f"{name}.off")
    if isinstance(labels, str):
        (folder / f"{name}.txt").write_text("\n".join(labels.split()))
    elif labels is not None:
        np.save(folder / f"{name}.npy", np.array(labels))


def labels_of(folder: LabelledFolder, split: str) -> dict[str, list[int]]:
    packed = folder.packed(split, LOOK, None)
    return {key: packed.mesh(number).face_labels.tolist() for number, key in enumerate(packed.keys)}


def test_names_numbers_and_their_meshes(mine):
    put(mine, "b", "leg leg seat back")
    put(mine, "a", "seat seat seat leg", scale=2)
    found = LabelledFolder(mine)
    packed = found.packed("trainval", LOOK, None)
    assert packed.classes == ("back", "leg", "seat")
    assert labels_of(found, "trainval") == {"a": [2, 2, 2, 1], "b": [1, 1, 2, 0]}
    assert [item.labels.tolist() for item in packed.items] == [[2, 2, 2, 1], [1, 1, 2, 0]]


def test_parts_txt_fixes_the_order_and_names_numbers(mine):
    (mine / "parts.txt").write_text("seat\nleg\nback\n")
    put(mine, "a", "leg leg seat back")
    assert labels_of(LabelledFolder(mine), "trainval") == {"a": [1, 1, 0, 2]}
    put(mine, "a", None)
    (mine / "a.txt").unlink()
    put(mine, "a", [2, 0, 0, 1])
    assert LabelledFolder(mine).packed("trainval", LOOK, None).classes == ("seat", "leg", "back")


def test_labels_and_colours_inside_ply_files(mine):
    save_mesh(shape(1, [0, 3, 3, 1]), mine / "labelled.ply")
    assert LabelledFolder(mine).packed("trainval", LOOK, None).classes == ("part0", "part1", "part2", "part3")
    assert labels_of(LabelledFolder(mine), "trainval") == {"labelled": [0, 3, 3, 1]}
    (mine / "labelled.ply").unlink()
    colours = torch.tensor([[1.0, 0, 0], [0, 0, 1]])
    save_labelled_ply(shape(1, [0, 1, 1, 0]), mine / "coloured.ply", colours)
    data = (mine / "coloured.ply").read_bytes().replace(b"property int label", b"property int other")
    (mine / "coloured.ply").write_bytes(data)
    found = LabelledFolder(mine)
    assert found.packed("trainval", LOOK, None).classes == ("#0000ff", "#ff0000")
    assert labels_of(found, "trainval") == {"coloured": [1, 0, 0, 1]}


def test_splits_are_folders_or_a_share(mine):
    for number in range(5):
        put(mine, f"m{number}", "a b a b")
    held = LabelledFolder(mine, validation=0.4)
    train, val = (list(labels_of(held, split)) for split in ("train", "val"))
    assert sorted(train + val) == [f"m{number}" for number in range(5)]
    assert len(val) == 2
    assert list(labels_of(LabelledFolder(mine, validation=0.4), "val")) == val  # the same every time
    put(mine / "train", "x", "a b a b")
    put(mine / "test", "y", "a b a b")
    found = LabelledFolder(mine)
    assert list(labels_of(found, "test")) == ["test/y"]
    assert list(labels_of(found, "trainval")) == ["train/x"]
    with pytest.raises(DatasetError, match="no meshes for the split 'val'"):
        LabelledFolder(mine, validation=0.0).packed("val", LOOK, None)


def test_changed_labels_are_seen_though_features_are_kept(mine):
    put(mine, "a", "x y x y")
    assert labels_of(LabelledFolder(mine), "trainval") == {"a": [0, 1, 0, 1]}
    put(mine, "a", "y y x y")
    packed = LabelledFolder(mine).packed("trainval", LOOK, None)
    assert packed.items[0].labels.tolist() == [1, 1, 0, 1]


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda f: None, DatasetError, "no meshes in it, nor in its folders train, val, test"),
        (
            lambda f: (put(f, "a", "x y x y"), put(f, "b", None), put(f, "c", None)),
            DatasetError,
            r"2 of 3 meshes have no labels, first \['b\.off', 'c\.off'\]",
        ),
        (lambda f: put(f, "a", "x y x"), MeshFormatError, r"a\.txt: .* expected one label for each of 4 faces, got 3"),
        (
            lambda f: (put(f, "a", "x y x y"), put(f, "b", [0, 1, 0, 1])),
            DatasetError,
            r"1 of 2 files name their parts and the others number them, first \['a\.off'\]",
        ),
        (
            lambda f: ((f / "parts.txt").write_text("x\n"), put(f, "a", "x z x y")),
            DatasetError,
            r"parts\.txt: .* 2 names of label files are not among them: \['y', 'z'\]",
        ),
        (
            lambda f: ((f / "parts.txt").write_text("x\ny\n"), put(f, "a", [0, 1, 2, 5]), put(f, "b", [0, 1, 1, 0])),
            DatasetError,
            r"1 of 2 meshes have labels beyond the 2 parts of parts\.txt \(0\.\.1\), first \['a\.off'\]",
        ),
    ],
)
def test_folders_that_cannot_be_learned_from(make, error, message, mine):
    make(mine)
    with pytest.raises(error, match=message):
        LabelledFolder(mine).packed("trainval", LOOK, None)


def test_a_folder_is_opened_by_its_path_and_a_dataset_by_its_name(mine, tmp_path):
    put(mine, "a", "x y x y")
    assert open_collection(str(mine)) == LabelledFolder(mine, 0.1)
    assert open_collection("modelnet10", "full", 0.2) == NamedCollection("modelnet10", "full", 0.2)
    with pytest.raises(DatasetError, match="no such folder"):
        LabelledFolder(tmp_path / "nowhere").packed("train", LOOK, None)
    with pytest.raises(InvalidInputError, match="holds labelled meshes, for FaceFeatures"):
        LabelledFolder(mine).packed("train", None, None)
