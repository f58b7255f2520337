"""The mesh records: what they refuse, what they keep, and batches of different sizes."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh, MeshBatch

VERTS = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 4, 0], [9, 9, 9]])
FACES = torch.tensor([[0, 1, 2]])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"verts": torch.zeros(4, 2)}, r"verts: expected shape \(any, 3\), got \(4, 2\)"),
        ({"verts": "cube"}, r"verts: expected numbers of shape \(any, 3\), got <class 'str'>"),
        ({"verts": None}, r"verts: expected numbers of shape"),
        ({"verts": [[0, 0, 0], [1, 0]]}, r"verts: expected numbers of shape"),
        ({"verts": torch.zeros(4, 3, dtype=torch.complex64)}, "verts: expected real numbers, got torch.complex64"),
        (
            {"verts": torch.full((4, 3), torch.nan)},
            r"verts: 12 of 12 values are NaN, infinite or beyond torch\.float32",
        ),
        ({"verts": torch.tensor([[0, 0, 1e39]] * 4, dtype=torch.float64)}, "verts: 4 of 12 values are NaN, infinite"),
        ({"faces": torch.tensor([[0, 1, 4]])}, r"faces: expected vertex indices in 0\.\.3 for 4 vertices, got 0\.\.4"),
        ({"faces": torch.tensor([[0, 1, -1]])}, r"faces: expected vertex indices in 0\.\.3 .* got -1\.\.1"),
        ({"faces": torch.tensor([[0, 1.5, 2]])}, r"faces: expected integers, got torch\.float32; convert them first"),
        ({"faces": torch.tensor([0, 1, 2])}, r"faces: expected shape \(any, 3\), got \(3,\)"),
        ({"face_labels": torch.tensor([1, 2])}, r"face_labels: expected shape \(1\), got \(2,\)"),
        ({"face_labels": torch.tensor([0.5])}, "face_labels: expected integers"),
    ],
)
def test_what_is_no_mesh_is_refused(as_installed, change, message):
    with pytest.raises(InvalidInputError, match=message):
        Mesh(**({"verts": VERTS, "faces": FACES} | change))


def read_only(array):
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "verts, faces",
    [
        (VERTS.tolist(), FACES.tolist()),
        (VERTS.numpy().astype(np.float64), FACES.numpy().astype(np.uint16)),
        (VERTS.numpy().astype(">f4"), FACES.numpy().astype(">i4")),
        (VERTS.numpy()[::-1][::-1], FACES.numpy()[:, ::-1][:, ::-1]),
        (read_only(VERTS.numpy().copy()), read_only(FACES.numpy().copy())),
        (list(VERTS.numpy().copy()), FACES.int()),
        (VERTS.double().T.contiguous().T, FACES.to(torch.uint8)),
    ],
)
def test_arrays_and_sequences_are_converted(as_installed, verts, faces):
    mesh = Mesh(verts, faces)
    assert (mesh.verts.dtype, mesh.faces.dtype) == (torch.float32, torch.int64)
    assert torch.equal(mesh.verts, VERTS)
    assert torch.equal(mesh.faces, FACES)


def test_an_empty_mesh_is_a_record_without_extent(as_installed):
    mesh = Mesh([], [])
    assert (mesh.verts.shape, mesh.faces.shape, mesh.faces.dtype) == ((0, 3), (0, 3), torch.int64)
    assert mesh.triangles().shape == (0, 3, 3)
    with pytest.raises(InvalidInputError, match="bounds: mesh '' has no faces, so it has no extent"):
        _ = mesh.bounds


def test_bounds_and_triangles_by_hand():
    mesh = Mesh(VERTS, FACES)
    assert mesh.bounds.tolist() == [[0, 0, 0], [2, 4, 0]]  # vertex 3 is in no face
    assert mesh.triangles().tolist() == [[[0, 0, 0], [2, 0, 0], [0, 4, 0]]]
    assert repr(Mesh(VERTS, FACES, torch.tensor([5]), "roof")) == "Mesh('roof', 4 verts, 1 faces, labelled)"


def test_normalised_by_hand_keeps_labels_name_and_gradients():
    verts = VERTS.clone().requires_grad_()
    mesh = Mesh(verts, FACES, torch.tensor([5]), "roof").normalised()
    assert mesh.verts.tolist() == [[-0.25, -0.5, 0], [0.25, -0.5, 0], [-0.25, 0.5, 0], [2, 1.75, 2.25]]
    assert (mesh.face_labels.tolist(), mesh.name) == ([5], "roof")
    mesh.verts[3].sum().backward()
    assert verts.grad is not None


def test_a_mesh_without_extent_is_only_centred():
    mesh = Mesh(torch.full((3, 3), 7.0), FACES).normalised()
    assert mesh.verts.tolist() == [[0, 0, 0]] * 3


def test_a_changed_mesh_is_a_new_mesh_checked_again():
    mesh = Mesh(VERTS, FACES)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'verts'"):
        mesh.verts = VERTS
    with pytest.raises(InvalidInputError, match="faces: expected vertex indices"):
        dataclasses.replace(mesh, verts=VERTS[:2])
    assert mesh.to("cpu").verts is mesh.verts


def some_mesh(num_verts: int, num_faces: int) -> Mesh:
    generator = torch.Generator().manual_seed(100 * num_verts + num_faces)
    faces = torch.randint(0, max(num_verts, 1), (num_faces if num_verts else 0, 3), generator=generator)
    return Mesh(torch.randn(num_verts, 3, generator=generator), faces, name=f"{num_verts}-{num_faces}")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=5))
def test_a_batch_unbinds_to_what_it_was_made_of(sizes):
    meshes = [some_mesh(*size) for size in sizes]
    batch = MeshBatch.from_meshes(meshes)
    assert len(batch) == len(meshes)
    for mesh, again in zip(meshes, batch.unbind(), strict=True):
        assert torch.equal(mesh.verts, again.verts)
        assert torch.equal(mesh.faces, again.faces)
        assert mesh.name == again.name
    # Packed faces point at the same corners as the single ones.
    assert torch.equal(batch.verts[batch.faces], torch.cat([mesh.triangles() for mesh in meshes]))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=5))
def test_padding_fills_up_to_the_largest(sizes):
    meshes = [some_mesh(*size) for size in sizes]
    verts, faces, real = MeshBatch.from_meshes(meshes).padded()
    assert verts.shape[:2] == (len(meshes), max(len(mesh.verts) for mesh in meshes))
    for i, mesh in enumerate(meshes):
        assert torch.equal(verts[i, : len(mesh.verts)], mesh.verts)
        assert bool((verts[i, len(mesh.verts) :] == 0).all())
        assert torch.equal(faces[i][real[i]], mesh.faces)
        assert bool((faces[i][~real[i]] == -1).all())


@pytest.mark.parametrize(
    "change, message",
    [
        ({"verts_per_mesh": torch.tensor([4, 3])}, r"verts_per_mesh: expected counts >= 0 that sum to 8, got \[4, 3\]"),
        ({"verts_per_mesh": torch.tensor([-1, 9])}, r"verts_per_mesh: expected counts >= 0"),
        ({"faces_per_mesh": torch.tensor([1, 2])}, "faces_per_mesh: expected counts >= 0 that sum to 2"),
        ({"faces_per_mesh": torch.tensor([2])}, r"faces_per_mesh: expected shape \(2\), got \(1,\)"),
        (
            {"faces": torch.tensor([[0, 1, 4], [4, 5, 6]])},
            "faces: an index points outside the vertices of its own mesh",
        ),
        (
            {"faces": torch.tensor([[0, 1, 2], [3, 5, 6]])},
            "faces: an index points outside the vertices of its own mesh",
        ),
        (
            {"faces": torch.tensor([[0, 1, 2], [4, 5, 8]])},
            "faces: an index points outside the vertices of its own mesh",
        ),
        ({"names": ("one",)}, "names: expected 2, one per mesh, got 1"),
    ],
)
def test_what_is_no_batch_is_refused(as_installed, change, message):
    good = {
        "verts": torch.cat([VERTS, VERTS]),
        "faces": torch.cat([FACES, FACES + 4]),
        "verts_per_mesh": torch.tensor([4, 4]),
        "faces_per_mesh": torch.tensor([1, 1]),
    }
    assert MeshBatch(**good).unbind()[1].faces.tolist() == FACES.tolist()
    with pytest.raises(InvalidInputError, match=message):
        MeshBatch(**(good | change))


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(InvalidInputError, match="meshes: expected at least one mesh, got none"):
        MeshBatch.from_meshes([])


def test_gradients_flow_through_a_batch():
    verts = VERTS.clone().requires_grad_()
    batch = MeshBatch.from_meshes([Mesh(VERTS, FACES), Mesh(verts, FACES)])
    batch.unbind()[1].verts.sum().backward()
    assert verts.grad.tolist() == [[1, 1, 1]] * 4


TWO_FACES = torch.tensor([[0, 1, 2], [3, 1, 0]])


def test_a_batch_carries_the_labels_of_its_faces():
    one = Mesh(VERTS, TWO_FACES, torch.tensor([4, 1]))
    two = Mesh(VERTS, FACES, torch.tensor([7]))
    batch = MeshBatch.from_meshes([one, two])
    assert batch.face_labels.tolist() == [4, 1, 7]
    for mesh, again in zip((one, two), batch.unbind(), strict=True):
        assert torch.equal(mesh.face_labels, again.face_labels)
    assert MeshBatch.from_meshes([Mesh(VERTS, FACES)]).face_labels is None


def test_a_batch_of_labelled_and_unlabelled_meshes_is_refused():
    with pytest.raises(InvalidInputError, match="expected labels on all or none, got 1 of 2 meshes with face_labels"):
        MeshBatch.from_meshes([Mesh(VERTS, FACES), Mesh(VERTS, FACES, torch.tensor([0]))])


def test_a_batch_with_too_few_labels_is_refused(as_installed):
    with pytest.raises(InvalidInputError, match=r"face_labels: expected shape \(2\), got \(1,\)"):
        MeshBatch(VERTS, TWO_FACES, [len(VERTS)], [2], face_labels=[0])
