"""What networks are told of the faces of a mesh: fields, and the cache that knows the version."""

import numpy as np
import torch
import trimesh

from geolearn.data import FaceFeatures, Store
from geolearn.data.face_features import VERSION
from geolearn.data.packed.faces import UNLABELLED
from geolearn.ops import face_features
from geolearn.ops.face_spectrum import face_spectrum
from geolearn.structures import Mesh


def ball(labelled: bool = True) -> Mesh:
    mesh = Mesh.from_trimesh(trimesh.creation.icosphere(1))
    upper = (mesh.triangles().mean(1)[:, 2] > 0).long()
    return Mesh(mesh.verts, mesh.faces, upper if labelled else None)


def test_fields_are_those_of_the_functions():
    mesh = ball()
    found = FaceFeatures(functions=8)(mesh)
    spectrum = face_spectrum(mesh, 8)
    np.testing.assert_allclose(found["features"], face_features(mesh).numpy(), atol=4e-3)  # kept in half precision
    assert found["features"].dtype == np.float16
    np.testing.assert_array_equal(found["functions"], spectrum.functions.numpy())
    np.testing.assert_array_equal(found["eigenvalues"], spectrum.eigenvalues.numpy())
    np.testing.assert_array_equal(found["areas"], spectrum.areas.numpy())
    np.testing.assert_array_equal(found["labels"], mesh.face_labels.numpy())
    np.testing.assert_array_equal(found["verts"], mesh.verts.numpy())
    np.testing.assert_array_equal(found["faces"], mesh.faces.numpy())
    assert set(FaceFeatures(functions=8)(ball(labelled=False))["labels"].tolist()) == {UNLABELLED}


def test_the_cache_keeps_them_by_version(tmp_path, monkeypatch):
    """A newer version of the features is computed again and kept beside the older one."""
    from dataclasses import replace

    look = FaceFeatures(functions=4)
    assert repr(look) == f"FaceFeatures(max_faces=4000, functions=4, version={VERSION})"
    store = replace(Store.of_shapes([ball()]), folder=tmp_path, digest="d")
    monkeypatch.setattr(type(store.source), "worth_keeping", True)
    first = look.pack(store)
    assert len(list(tmp_path.rglob("*.npz"))) == 1
    again = look.pack(store)
    assert torch.equal(again.items[0].features, first.items[0].features)
    newer = FaceFeatures(functions=4)
    object.__setattr__(newer, "version", VERSION + 1)
    newer.pack(store)
    assert len(list(tmp_path.rglob("*.npz"))) == 2
