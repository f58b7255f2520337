"""Triangle meshes: one (`Mesh`) and many of different sizes (`MeshBatch`)."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch

from geolearn.errors import InvalidInputError
from geolearn.structures import interop
from geolearn.structures._door import to_tensor
from geolearn.structures.attributes import MeshAttributes
from geolearn.typing import Bool, Float, Int, Tensor


@dataclass(frozen=True, eq=False)
class Mesh:
    """One triangle mesh. A changed mesh is a new mesh (`dataclasses.replace`).

    Attributes:
        verts: float32 (V, 3) positions; right-handed world, unit of the source.
        faces: int64 (F, 3) vertex indices, counter-clockwise seen from outside.
        face_labels: optional int64 (F,), a part label per face.
        name: where it came from; free text, may be empty.
        origin: optional float64 (3,), where `verts` count from in the world of the file. `load_mesh` sets it for shapes
            so far from 0 that float32 would bend them; None means 0. Nothing but `world_verts` and `save_mesh` looks
            at it.
        attributes: optional colours, normals, texture coordinates, materials and groups. A mesh with other vertices
            keeps them under `dataclasses.replace`, its old normals included: give new ones, or None.

    Arrays and sequences are converted. An empty mesh (V = 0 or F = 0) is a valid record.

    Raises:
        InvalidInputError: wrong shapes, non-finite positions, or indices outside 0..V-1.

    >>> mesh = Mesh(torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]]), name="corner")
    >>> mesh
    Mesh('corner', 3 verts, 1 faces)
    >>> mesh.normalised().verts[:, 0].tolist()
    [-0.5, 0.5, -0.5]
    """

    verts: Float[Tensor, "V 3"]
    faces: Int[Tensor, "F 3"]
    face_labels: Int[Tensor, " F"] | None = None
    name: str = ""
    origin: Float[Tensor, " 3"] | None = field(default=None, kw_only=True)
    attributes: MeshAttributes | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        verts = to_tensor(self.verts, "verts", torch.float32, (None, 3))
        faces = to_tensor(self.faces, "faces", torch.int64, (None, 3)).to(verts.device)
        if len(faces):
            low, high = int(faces.min()), int(faces.max())
            if low < 0 or high >= len(verts):
                raise InvalidInputError(
                    f"faces: expected vertex indices in 0..{len(verts) - 1} for {len(verts)} vertices, "
                    f"got {low}..{high}"
                )
        object.__setattr__(self, "verts", verts)
        object.__setattr__(self, "faces", faces)
        if self.face_labels is not None:
            labels = to_tensor(self.face_labels, "face_labels", torch.int64, (len(faces),)).to(verts.device)
            object.__setattr__(self, "face_labels", labels)
        if self.origin is not None:
            object.__setattr__(self, "origin", to_tensor(self.origin, "origin", torch.float64, (3,)).to(verts.device))
        if self.attributes is not None:
            self.attributes.check(len(verts), len(faces))

    def __repr__(self) -> str:
        labels = "" if self.face_labels is None else ", labelled"
        origin = "" if self.origin is None else f", about {tuple(self.origin.tolist())}"
        names = "" if self.attributes is None else "".join(f", {name}" for name in self.attributes.names())
        return f"Mesh({self.name!r}, {len(self.verts)} verts, {len(self.faces)} faces{labels}{names}{origin})"

    @property
    def device(self) -> torch.device:
        return self.verts.device

    @property
    def bounds(self) -> Float[Tensor, "2 3"]:
        """The lowest and highest corner of the box around the vertices that faces use."""
        if len(self.faces) == 0:
            raise InvalidInputError(f"bounds: mesh {self.name!r} has no faces, so it has no extent")
        used = self.verts[self.faces.reshape(-1)]
        return torch.stack([used.amin(0), used.amax(0)])

    def triangles(self) -> Float[Tensor, "F 3 3"]:
        """Corner positions of every face."""
        return self.verts[self.faces]

    def world_verts(self) -> Float[Tensor, "V 3"]:
        """Positions in the world of the file, float64 (V, 3): `verts` about `origin`.

        >>> origin = torch.tensor([691240.0, 5334568.0, 512.0], dtype=torch.float64)
        >>> mesh = Mesh(torch.eye(3), torch.tensor([[0, 1, 2]]), origin=origin)
        >>> mesh.world_verts()[1].tolist()
        [691240.0, 5334569.0, 512.0]
        """
        return self.verts.double() if self.origin is None else self.verts.double() + self.origin

    def labelled_by(self, kind: Literal["groups", "materials"]) -> "Mesh":
        """The same mesh with the number of each face's group or material as its label, -1 where it has none.

        `attributes.groups` and `attributes.materials` hold their names, in the order of the numbers.

        Args:
            kind: "groups" or "materials".

        Raises:
            InvalidInputError: another kind, or a mesh without such.

        >>> attributes = MeshAttributes(groups=("seat", "legs"), group_index=torch.tensor([1]))
        >>> mesh = Mesh(torch.eye(3), torch.tensor([[0, 1, 2]]), attributes=attributes)
        >>> mesh.labelled_by("groups").face_labels.tolist()
        [1]
        """
        if kind not in ("groups", "materials"):
            raise InvalidInputError(f"kind: expected 'groups' or 'materials', got {kind!r}")
        index = None if self.attributes is None else getattr(self.attributes, f"{kind.removesuffix('s')}_index")
        if index is None:
            raise InvalidInputError(f"mesh: {self!r} has no {kind}")
        return replace(self, face_labels=index)

    def to(self, device: torch.device | str) -> "Mesh":
        labels = None if self.face_labels is None else self.face_labels.to(device)
        attributes = None if self.attributes is None else self.attributes.to(device)
        return replace(
            self, verts=self.verts.to(device), faces=self.faces.to(device), face_labels=labels, attributes=attributes
        )

    def normalised(self) -> "Mesh":
        """The same mesh centred at the origin with the longest side of its box equal to 1.

        The transform of every loader: uniform scale, centre of the bounding box. A mesh without extent (all
        vertices equal) is only centred. The new mesh has no `origin`.
        """
        low, high = self.bounds
        longest = (high - low).max()
        scale = torch.where(longest > 0, longest, torch.ones_like(longest))
        return replace(self, verts=(self.verts - (low + high) / 2) / scale, origin=None)

    def to_trimesh(self) -> Any:
        """As `trimesh.Trimesh`, unprocessed: same vertices, faces and order; labels in `face_attributes`."""
        return interop.to_trimesh(self.verts, self.faces, self.face_labels)

    def to_open3d(self) -> Any:
        """As `open3d.geometry.TriangleMesh` (labels are lost)."""
        return interop.to_open3d(self.verts, self.faces)

    def to_pytorch3d(self) -> Any:
        """As a `pytorch3d.structures.Meshes` with one mesh."""
        return MeshBatch.from_meshes([self]).to_pytorch3d()

    @classmethod
    def from_trimesh(cls, mesh: Any, name: str = "") -> "Mesh":
        return cls(*interop.from_trimesh(mesh), name=name)

    @classmethod
    def from_open3d(cls, mesh: Any, name: str = "") -> "Mesh":
        return cls(*interop.from_open3d(mesh), name=name)

    @classmethod
    def from_pytorch3d(cls, meshes: Any, index: int = 0, name: str = "") -> "Mesh":
        return cls(meshes.verts_list()[index].detach(), meshes.faces_list()[index], name=name)


@dataclass(frozen=True, eq=False)
class MeshBatch:
    """Meshes of different sizes in one packed form.

    Attributes:
        verts: float32 (sum V, 3), all vertices, mesh after mesh.
        faces: int64 (sum F, 3), indices into the packed `verts`.
        verts_per_mesh, faces_per_mesh: int64 (B,).
        names: one per mesh.
        face_labels: optional int64 (sum F,), a part label per face.

    >>> corner = Mesh(torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]]))
    >>> batch = MeshBatch.from_meshes([corner, corner])
    >>> batch
    MeshBatch(2 meshes, 6 verts, 2 faces)
    >>> batch.faces.tolist(), batch.verts_per_mesh.tolist()
    ([[0, 1, 2], [3, 4, 5]], [3, 3])
    """

    verts: Float[Tensor, "V 3"]
    faces: Int[Tensor, "F 3"]
    verts_per_mesh: Int[Tensor, " B"]
    faces_per_mesh: Int[Tensor, " B"]
    names: tuple[str, ...] = field(default=())
    face_labels: Int[Tensor, " F"] | None = None

    def __post_init__(self) -> None:
        verts = to_tensor(self.verts, "verts", torch.float32, (None, 3))
        faces = to_tensor(self.faces, "faces", torch.int64, (None, 3)).to(verts.device)
        verts_per_mesh = to_tensor(self.verts_per_mesh, "verts_per_mesh", torch.int64, (None,)).to(verts.device)
        faces_per_mesh = to_tensor(self.faces_per_mesh, "faces_per_mesh", torch.int64, (len(verts_per_mesh),)).to(
            verts.device
        )
        for name, counts, total in (("verts", verts_per_mesh, len(verts)), ("faces", faces_per_mesh, len(faces))):
            if (len(counts) and int(counts.min()) < 0) or int(counts.sum()) != total:
                raise InvalidInputError(
                    f"{name}_per_mesh: expected counts >= 0 that sum to {total}, got {counts.tolist()}"
                )
        first = (verts_per_mesh.cumsum(0) - verts_per_mesh).repeat_interleave(faces_per_mesh)[:, None]
        last = first + verts_per_mesh.repeat_interleave(faces_per_mesh)[:, None]
        if len(faces) and bool(((faces < first) | (faces >= last)).any()):
            raise InvalidInputError(
                "faces: an index points outside the vertices of its own mesh (faces are packed indices)"
            )
        labels = self.face_labels
        if labels is not None:
            labels = to_tensor(labels, "face_labels", torch.int64, (len(faces),)).to(verts.device)
        for name, value in (
            ("verts", verts),
            ("faces", faces),
            ("verts_per_mesh", verts_per_mesh),
            ("faces_per_mesh", faces_per_mesh),
            ("face_labels", labels),
            ("names", tuple(self.names) or ("",) * len(verts_per_mesh)),
        ):
            object.__setattr__(self, name, value)
        if len(self.names) != len(self):
            raise InvalidInputError(f"names: expected {len(self)}, one per mesh, got {len(self.names)}")

    def __len__(self) -> int:
        return len(self.verts_per_mesh)

    def __repr__(self) -> str:
        labels = "" if self.face_labels is None else ", labelled"
        return f"MeshBatch({len(self)} meshes, {len(self.verts)} verts, {len(self.faces)} faces{labels})"

    @classmethod
    def from_meshes(cls, meshes: Iterable[Mesh]) -> "MeshBatch":
        """Pack meshes, which must be on one device, and their labels if all have some. Attributes are not carried.

        Raises:
            InvalidInputError: no mesh, or some with labels and some without.
        """
        meshes = list(meshes)
        if not meshes:
            raise InvalidInputError("meshes: expected at least one mesh, got none")
        labels = [mesh.face_labels for mesh in meshes if mesh.face_labels is not None]
        if labels and len(labels) < len(meshes):
            raise InvalidInputError(
                f"meshes: expected labels on all or none, got {len(labels)} of {len(meshes)} meshes with face_labels; "
                "label the others, or drop the labels with dataclasses.replace(mesh, face_labels=None)"
            )
        verts_per_mesh = torch.tensor([len(mesh.verts) for mesh in meshes])
        offsets = (verts_per_mesh.cumsum(0) - verts_per_mesh).tolist()
        return cls(
            verts=torch.cat([mesh.verts for mesh in meshes]),
            faces=torch.cat([mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=True)]),
            verts_per_mesh=verts_per_mesh,
            faces_per_mesh=torch.tensor([len(mesh.faces) for mesh in meshes]),
            face_labels=torch.cat(labels) if labels else None,
            names=tuple(mesh.name for mesh in meshes),
        )

    def unbind(self) -> list[Mesh]:
        """The single meshes again, faces back to each mesh's own indices."""
        verts = self.verts.split(self.verts_per_mesh.tolist())
        faces = self.faces.split(self.faces_per_mesh.tolist())
        offsets = (self.verts_per_mesh.cumsum(0) - self.verts_per_mesh).tolist()
        labels = self.face_labels
        split = [None] * len(self) if labels is None else labels.split(self.faces_per_mesh.tolist())
        return [
            Mesh(v, f - offset, own, name)
            for v, f, offset, own, name in zip(verts, faces, offsets, split, self.names, strict=True)
        ]

    def padded(self) -> tuple[Float[Tensor, "B Vmax 3"], Int[Tensor, "B Fmax 3"], Bool[Tensor, "B Fmax"]]:
        """Vertices padded with 0, faces (own indices) padded with -1, and which faces are real."""
        meshes = self.unbind()
        verts = torch.nn.utils.rnn.pad_sequence([mesh.verts for mesh in meshes], batch_first=True)
        faces = torch.nn.utils.rnn.pad_sequence([mesh.faces for mesh in meshes], batch_first=True, padding_value=-1)
        return verts, faces, faces[..., 0] >= 0

    def to_pytorch3d(self) -> Any:
        """As `pytorch3d.structures.Meshes`."""
        meshes = self.unbind()
        return interop.to_pytorch3d([mesh.verts for mesh in meshes], [mesh.faces for mesh in meshes])
