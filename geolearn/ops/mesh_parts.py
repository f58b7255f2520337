"""A labelled mesh taken apart: each part as a mesh of its own."""

from collections.abc import Sequence

import torch

from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Int, Tensor


@takes_mesh
def split_parts(mesh: Mesh, labels: Int[Tensor, " F"] | None = None, names: Sequence[str] = ()) -> dict[str, Mesh]:
    """The faces of every label that occurs, by name and in the order of labels.

    Faces keep their order and vertices theirs; each part has the vertices that it uses. A part need not hang together.

    Args:
        labels: one per face, >= 0; by default the mesh's own.
        names: of the labels 0, 1, ...; by default "part0", "part1", ...

    Raises:
        InvalidInputError: no labels, not one per face, one below 0 or without a name, or a name that two labels have.

    >>> corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    >>> square = Mesh(corners, torch.tensor([[0, 1, 2], [0, 2, 3]]))
    >>> parts = split_parts(square, torch.tensor([1, 0]), ["seat", "leg"])
    >>> {name: part.faces.tolist() for name, part in parts.items()}
    {'seat': [[0, 1, 2]], 'leg': [[0, 1, 2]]}
    """
    labels = mesh.face_labels if labels is None else labels
    if labels is None:
        raise InvalidInputError(f"labels: mesh {mesh.name!r} has no face_labels; give labels")
    if labels.shape != (len(mesh.faces),):
        raise InvalidInputError(f"labels: expected {len(mesh.faces)}, one per face, got {len(labels)}")
    found = labels.unique().tolist()
    if found and (found[0] < 0 or (names and found[-1] >= len(names))):
        limit = f"0..{len(names) - 1}" if names else "at least 0"
        raise InvalidInputError(f"labels: expected {limit}, got {found[0]}..{found[-1]}")
    if len(set(names)) != len(names):
        raise InvalidInputError(f"names: expected different ones, got {list(names)}")
    parts = {}
    for label in found:
        used, faces = mesh.faces[labels == label].unique(return_inverse=True)
        name = str(names[label]) if names else f"part{label}"
        same = torch.full((len(faces),), label, dtype=torch.int64, device=mesh.device)
        parts[name] = Mesh(mesh.verts[used], faces, same, name)
    return parts
