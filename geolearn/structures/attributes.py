"""What a mesh file says of its surface besides its shape: colours, normals, texture coordinates, materials, groups."""

from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from geolearn.errors import InvalidInputError
from geolearn.structures._door import to_tensor
from geolearn.typing import Float, Int, Tensor


@dataclass(frozen=True)
class Material:
    """How a part of a surface looks.

    Attributes:
        name: free text, may be empty.
        colour: red, green, blue in [0, 1] as in pictures (sRGB), and opacity.
        metallic, roughness: 0..1, as in glTF 2.0.
        emission: red, green, blue of its own light.
        picture: the bytes of the PNG or JPEG file that colours the surface, as they stand in the file, or None.
        picture_name: the name of that file.

    >>> Material("glass", colour=(0.5, 0.75, 1.0, 0.25))
    Material('glass', (0.5, 0.75, 1.0, 0.25))
    """

    name: str = ""
    colour: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    metallic: float = 0.0
    roughness: float = 1.0
    emission: tuple[float, float, float] = (0.0, 0.0, 0.0)
    picture: bytes | None = None
    picture_name: str = ""

    def __repr__(self) -> str:
        picture = "" if self.picture is None else f", picture {self.picture_name!r}"
        return f"Material({self.name!r}, {self.colour}{picture})"


@dataclass(frozen=True, eq=False)
class MeshAttributes:
    """What goes with the vertices and faces of one `Mesh`; every part is optional.

    A record beside `Mesh` and not fields of it: nearly all of the library looks at shapes alone, a mesh made anew has
    none of this, and one check holds all of it to the numbers of vertices and faces.

    Normals and texture coordinates are lists of their own, as in OBJ files: a corner of a face names the entry that it
    has, so that a sharp edge or a seam needs no second vertex. Without an index there is one entry per vertex.

    Attributes:
        vertex_colours: float32 (V, 3) or, with opacity, (V, 4), in [0, 1] as in pictures (sRGB).
        face_colours: float32 (F, 3) or (F, 4).
        normals: float32 (N, 3), as the file has them, mostly of length 1.
        normal_index: int64 (F, 3) into `normals`, -1 where a corner has none. Without it N = V.
        uv: float32 (T, 2) texture coordinates, v upwards.
        uv_index: int64 (F, 3) into `uv`, -1 where a corner has none. Without it T = V.
        materials: what `material_index` counts.
        material_index: int64 (F,), -1 where a face has none.
        groups: names of groups, objects or solids, what `group_index` counts.
        group_index: int64 (F,), -1 where a face is in none.

    Raises:
        InvalidInputError: wrong shapes, or an index outside what it counts.

    >>> attributes = MeshAttributes(groups=("seat", "legs"), group_index=torch.tensor([0, 1, 1]))
    >>> attributes
    MeshAttributes(groups)
    """

    vertex_colours: Float[Tensor, "V C"] | None = None
    face_colours: Float[Tensor, "F C"] | None = None
    normals: Float[Tensor, "N 3"] | None = None
    normal_index: Int[Tensor, "F 3"] | None = None
    uv: Float[Tensor, "T 2"] | None = None
    uv_index: Int[Tensor, "F 3"] | None = None
    materials: tuple[Material, ...] = ()
    material_index: Int[Tensor, " F"] | None = None
    groups: tuple[str, ...] = ()
    group_index: Int[Tensor, " F"] | None = None

    def __post_init__(self) -> None:
        for name in ("vertex_colours", "face_colours"):
            colours = self._set(name, torch.float32, (None, None))
            if colours is not None and colours.shape[1] not in (3, 4):
                raise InvalidInputError(f"{name}: expected 3 or 4 values each, got shape {tuple(colours.shape)}")
        for values, width, index in (("normals", 3, "normal_index"), ("uv", 2, "uv_index")):
            entries = self._set(values, torch.float32, (None, width))
            numbers = self._set(index, torch.int64, (None, 3))
            if numbers is not None:
                _check_index(numbers, 0 if entries is None else len(entries), index, values)
        for index, values in (("material_index", "materials"), ("group_index", "groups")):
            object.__setattr__(self, values, tuple(getattr(self, values)))
            numbers = self._set(index, torch.int64, (None,))
            if numbers is not None:
                _check_index(numbers, len(getattr(self, values)), index, values)

    def _set(self, name: str, dtype: torch.dtype, shape: tuple[int | None, ...]) -> Tensor | None:
        value = getattr(self, name)
        if value is not None:
            value = to_tensor(value, name, dtype, shape)
            object.__setattr__(self, name, value)
        return value

    def check(self, num_verts: int, num_faces: int) -> None:
        """Refuse attributes of another mesh.

        Raises:
            InvalidInputError: a length that is not that of the vertices or faces.
        """
        per_vertex, per_face = ["vertex_colours"], ["face_colours", "material_index", "group_index"]
        for values, index in (("normals", "normal_index"), ("uv", "uv_index")):
            if getattr(self, index) is None:
                per_vertex.append(values)
            else:
                per_face.append(index)
        for names, wanted, kind in ((per_vertex, num_verts, "vertices"), (per_face, num_faces, "faces")):
            for name in names:
                value = getattr(self, name)
                if value is not None and len(value) != wanted:
                    raise InvalidInputError(
                        f"attributes: {name} has {len(value)} rows for {wanted} {kind}; a mesh with other vertices or "
                        "faces needs attributes of its own, or attributes=None"
                    )

    def to(self, device: torch.device | str) -> "MeshAttributes":
        moved: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                moved[field.name] = value.to(device)
        return replace(self, **moved)

    def __repr__(self) -> str:
        return f"MeshAttributes({', '.join(self.names()) or 'none'})"

    def names(self) -> list[str]:
        """Which kinds there are, e.g. ["vertex_colours", "normals", "materials"]."""
        kinds = ["vertex_colours", "face_colours", "normals", "uv"]
        present = [name for name in kinds if getattr(self, name) is not None]
        indices = (("materials", "material_index"), ("groups", "group_index"))
        return present + [name for name, index in indices if getattr(self, index) is not None]


def _check_index(numbers: Tensor, count: int, name: str, what: str) -> None:
    if len(numbers) and not -1 <= int(numbers.min()) <= int(numbers.max()) < count:
        raise InvalidInputError(
            f"{name}: expected -1..{count - 1} for {count} {what}, got {int(numbers.min())}..{int(numbers.max())}"
        )
