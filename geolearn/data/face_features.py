"""`FaceFeatures`: a mesh as networks that label its faces are told of it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from geolearn.data.packed.faces import UNLABELLED, FaceItem, PackedFaces
from geolearn.data.representations import Representation
from geolearn.data.store import Store
from geolearn.errors import InvalidInputError
from geolearn.ops.face_spectrum import face_spectrum
from geolearn.ops.simplification import simplify
from geolearn.structures import Mesh
from geolearn.typing import Array

# Raise it when features or spectra change: it is in the repr, so what the cache holds of an older one is not used.
VERSION = 2


@dataclass(frozen=True)
class FaceFeatures(Representation):
    """The 600 features and the spectrum of every face, on a mesh of at most `max_faces` faces.

    Larger meshes are simplified first (`geolearn.ops.simplification`): their parts do not depend on every triangle, and
    the time for a mesh is bounded so, whatever its number of faces. Labels come down with it, and what a network says
    goes back up to the original faces.

    Attributes:
        max_faces: of the mesh that the network looks at.
        functions: how many eigenfunctions of the face Laplacian.
        version: of the features, so that the cache and weights know them.

    >>> import trimesh
    >>> arrays = FaceFeatures(functions=4)(Mesh.from_trimesh(trimesh.creation.box().subdivide()))
    >>> arrays["features"].shape, arrays["functions"].shape
    ((48, 600), (48, 4))
    """

    max_faces: int = 4000
    functions: int = 96
    version: int = field(default=VERSION, init=False)

    def __post_init__(self) -> None:
        if self.max_faces < 4 or self.functions < 1:
            raise InvalidInputError(f"expected max_faces >= 4 and functions >= 1, got {self}")

    def __call__(self, shape: Any, /) -> dict[str, Array]:
        """The fields of a `FaceItem` as arrays, `verts` and `faces` those of its mesh.

        Raises:
            InvalidInputError: no mesh.
        """
        if not isinstance(shape, Mesh):
            raise InvalidInputError(f"representation: FaceFeatures needs meshes, got {type(shape).__name__}")
        from geolearn.ops.face_features import face_features  # late: it compiles kernels

        mesh = simplify(shape, self.max_faces)
        spectrum = face_spectrum(mesh, self.functions)
        labels = torch.full((len(mesh.faces),), UNLABELLED) if mesh.face_labels is None else mesh.face_labels
        return {
            "verts": mesh.verts.numpy(),
            "faces": mesh.faces.numpy().astype(np.int32),
            "features": face_features(mesh).half().numpy(),
            "functions": spectrum.functions.numpy(),
            "eigenvalues": spectrum.eigenvalues.numpy(),
            "areas": spectrum.areas.numpy(),
            "labels": labels.numpy().astype(np.int32),
        }

    def pack(self, store: Store) -> PackedFaces:
        """Each mesh is computed once and kept in the cache.

        Raises:
            InvalidInputError: no meshes, or of several classes whose parts differ.
        """
        if store.source.kind != "mesh":
            raise InvalidInputError(f"representation: FaceFeatures needs meshes, {store.name} has {store.source.kind}")
        names = store.part_names
        items = tuple(map(_item, store.map(self, "features of faces:")))
        if not names:
            most = max((int(item.labels.max()) for item in items if len(item.labels)), default=-1)
            names = tuple(f"part{label}" for label in range(most + 1))
        return PackedFaces(items, store.targets, store.keys, names, source=store.source)


def _item(arrays: dict[str, Any]) -> FaceItem:
    values = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    mesh = Mesh(values["verts"], values["faces"].long())
    return FaceItem(
        mesh, values["features"], values["functions"], values["eigenvalues"], values["areas"], values["labels"].long()
    )
