"""What every mesh writer gets: the arrays of a mesh, and how their numbers are written as text."""

from itertools import chain
from typing import NamedTuple

import numpy as np

from geolearn.io.float32 import is_far_from_0
from geolearn.structures import Mesh
from geolearn.structures.attributes import Material
from geolearn.typing import Array, Tensor


class WrittenLooks(NamedTuple):
    """The attributes of a mesh as arrays, named as there."""

    vertex_colours: Array | None
    face_colours: Array | None
    normals: Array | None
    normal_index: Array | None
    uv: Array | None
    uv_index: Array | None
    materials: tuple[Material, ...]
    material_index: Array | None
    groups: tuple[str, ...]
    group_index: Array | None


class Contents(NamedTuple):
    """A mesh as arrays."""

    verts: Array  # float32 (V, 3), about `origin`
    faces: Array  # int64 (F, 3)
    labels: Array | None  # int64 (F,)
    looks: WrittenLooks
    origin: Array | None  # float64 (3,)

    def world(self) -> Array:
        """(V, 3) positions about 0, float64 where the mesh counts from an origin."""
        return self.verts if self.origin is None else self.verts.astype(np.float64) + self.origin

    @property
    def position(self) -> str:
        """The %-format of such a position as text that gives it back exactly.

        Nine digits tell every float32 from all others, but are not always that number. Where a shape is so far from 0
        that readers look at more than float32, all digits are written.
        """
        if self.origin is not None:
            return "%r %r %r"
        used = np.zeros(len(self.verts), dtype=bool)
        used[self.faces] = True
        return "%.17g %.17g %.17g" if is_far_from_0(self.verts, used) else "%.9g %.9g %.9g"


def contents_of(mesh: Mesh) -> Contents:
    """The arrays of a mesh, on the CPU."""
    looks = {}
    for name in WrittenLooks._fields:
        value = getattr(mesh.attributes, name, () if name in ("materials", "groups") else None)
        looks[name] = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
    return Contents(
        mesh.verts.detach().cpu().numpy(),
        mesh.faces.cpu().numpy(),
        None if mesh.face_labels is None else mesh.face_labels.cpu().numpy(),
        WrittenLooks(**looks),
        None if mesh.origin is None else mesh.origin.cpu().numpy(),
    )


def number_lines(template: str, *columns: Array) -> str:
    """`template` (a %-format of one line) filled with every row of the arrays side by side."""
    values = [column.reshape(len(column), -1).tolist() for column in columns]
    rows = values[0] if len(values) == 1 else [list(chain.from_iterable(row)) for row in zip(*values, strict=True)]
    return (template * len(rows)) % tuple(chain.from_iterable(rows))
