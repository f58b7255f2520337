"""Packed faces: what a batch holds, random faces that keep the total area, and other orders of labels."""

import pytest
import torch
import trimesh

from geolearn.data import FaceAugment, FaceFeatures, Store
from geolearn.data.packed.faces import UNLABELLED
from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh, VoxelGrid


def ball(subdivisions: int, labelled: bool = True) -> Mesh:
    mesh = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions))
    upper = (mesh.triangles().mean(1)[:, 2] > 0).long()
    return Mesh(mesh.verts, mesh.faces, upper if labelled else None)


@pytest.fixture(scope="module")
def packed():
    store = Store.of_shapes([ball(1), ball(2)], classes=("ball",), keys=("a", "b"), parts={"ball": ("low", "high")})
    return FaceFeatures(functions=12).pack(store)


def test_a_batch_is_the_faces_of_its_meshes(packed):
    batch = packed.take(torch.tensor([1, 0]))
    assert packed.classes == ("low", "high")
    assert batch.faces_per_mesh == [320, 80]
    assert batch.features.shape == (400, 600)
    assert batch.features.dtype == torch.float32
    assert batch.functions.shape == (400, 12)
    assert batch.eigenvalues.shape == (2, 12)
    assert torch.equal(batch.labels, torch.cat([ball(2).face_labels, ball(1).face_labels]))
    assert batch.areas[:320].sum().item() == pytest.approx(1, abs=1e-5)
    assert torch.equal(packed.select([1]).take(torch.tensor([0])).features, batch.features[:320])


def test_random_faces_are_faces_and_keep_the_area(packed):
    drawn = packed.draw(FaceAugment(100), torch.Generator().manual_seed(4))
    index = torch.tensor([0, 1])
    one, again = packed.take(index, drawn.select(index)), packed.take(index, drawn.select(index))
    assert one.faces_per_mesh == [80, 100]
    assert all(torch.equal(a, b) for a, b in zip(one.inputs[:-1], again.inputs[:-1], strict=True))
    assert one.areas[80:].sum().item() == pytest.approx(1, abs=1e-5)
    # Every row is a row of the whole mesh, with its own label.
    pairs = zip(packed.items[1].functions, packed.items[1].labels, strict=True)
    rows = {row.numpy().tobytes(): int(label) for row, label in pairs}
    for row, label in zip(one.functions[80:], one.labels[80:].tolist(), strict=True):
        assert rows[row.numpy().tobytes()] == label
    other = packed.take(index, packed.draw(FaceAugment(100), torch.Generator().manual_seed(5)).select(index))
    assert not torch.equal(other.functions, one.functions)


def test_labels_in_another_order(packed):
    swapped = packed.with_classes(("high", "low"))
    assert torch.equal(swapped.items[0].labels, 1 - packed.items[0].labels)
    assert torch.equal(swapped.mesh(1).face_labels, 1 - packed.mesh(1).face_labels)
    back = swapped.with_classes(("low", "high"))
    assert torch.equal(back.mesh(1).face_labels, packed.mesh(1).face_labels)
    assert torch.equal(back.items[0].labels, packed.items[0].labels)


def test_meshes_without_labels_and_without_names():
    look = FaceFeatures(functions=4)
    bare = look.pack(Store.of_shapes([ball(1, labelled=False)]))
    assert set(bare.items[0].labels.tolist()) == {UNLABELLED}
    assert bare.classes == ()
    assert look.pack(Store.of_shapes([ball(1)])).classes == ("part0", "part1")


def test_a_large_mesh_is_looked_at_with_fewer_faces():
    pytest.importorskip("fast_simplification")
    packed = FaceFeatures(max_faces=200, functions=4).pack(Store.of_shapes([ball(3)]))
    item = packed.items[0]
    assert len(item.labels) <= 200 < len(packed.mesh(0).faces)
    height = item.mesh.triangles().mean(1)[:, 2]
    clear = height.abs() > 0.1
    assert torch.equal(item.labels[clear], (height > 0).long()[clear])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: FaceAugment(0), "faces: expected at least 1, got 0"),
        (lambda: FaceFeatures(max_faces=3), "expected max_faces >= 4 and functions >= 1"),
        (
            lambda: FaceFeatures().pack(Store.of_shapes([VoxelGrid(torch.zeros(4, 4, 4), torch.zeros(3), 1.0)])),
            "FaceFeatures needs meshes, shapes has voxels",
        ),
    ],
)
def test_what_has_no_faces_is_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
