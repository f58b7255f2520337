"""Splits of meshes by face: features and spectra of every mesh, and batches of all or some of their faces."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch

from geolearn.data.packed.samples import PackedSamples
from geolearn.errors import InvalidInputError
from geolearn.structures import Mesh
from geolearn.typing import Float, Int, Tensor

UNLABELLED = -1


class FaceItem(NamedTuple):
    """What a network for labels of faces is told of one mesh.

    Attributes:
        mesh: the one that it looks at: the original, or a simpler one.
        features: float16 (F, C).
        functions: float32 (F, K) and eigenvalues: float32 (K,), of the face Laplacian.
        areas: float32 (F,), shares of the surface.
        labels: int64 (F,), -1 where there is none.
    """

    mesh: Mesh
    features: Float[Tensor, "F C"]
    functions: Float[Tensor, "F K"]
    eigenvalues: Float[Tensor, " K"]
    areas: Float[Tensor, " F"]
    labels: Int[Tensor, " F"]


class FaceBatch(NamedTuple):
    """The faces of B meshes, mesh after mesh.

    Attributes:
        features: float32 (F, C).
        functions: float32 (F, K).
        eigenvalues: float32 (B, K).
        areas: float32 (F,), of each mesh summing to 1.
        labels: int64 (F,).
        faces_per_mesh: B counts.
    """

    features: Float[Tensor, "F C"]
    functions: Float[Tensor, "F K"]
    eigenvalues: Float[Tensor, "B K"]
    areas: Float[Tensor, " F"]
    labels: Int[Tensor, " F"]
    faces_per_mesh: list[int]

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor, Tensor, list[int]]:
        """What a network takes."""
        return self.features, self.functions, self.eigenvalues, self.areas, self.faces_per_mesh


@dataclass(frozen=True)
class FaceAugment:
    """Random faces of every mesh, other ones each time; the areas of those drawn are scaled up to sum to 1.

    Attributes:
        faces: how many of each mesh; a mesh that has fewer gives all.

    >>> FaceAugment(faces=1000)
    FaceAugment(faces=1000)
    """

    faces: int = 1500

    def __post_init__(self) -> None:
        if self.faces < 1:
            raise InvalidInputError(f"faces: expected at least 1, got {self.faces}")


@dataclass(frozen=True)
class FaceDraws:
    """Which faces are drawn of each mesh: by a seed of its own."""

    faces: int
    seeds: Int[Tensor, " N"]

    def select(self, index: Int[Tensor, " M"]) -> "FaceDraws":
        return FaceDraws(self.faces, self.seeds[index])


@dataclass(frozen=True, eq=False)
class PackedFaces(PackedSamples):
    """One split of meshes for networks that label faces; labels travel with the faces.

    Attributes:
        items: a `FaceItem` for each mesh.
        targets, keys: see `Packed`; targets are the classes of whole meshes.
        classes: names of the labels.
        source: what `mesh` and `edge_labels` load the originals from.
        order: what a label of the source is called here; None: the same.

    >>> import trimesh
    >>> from geolearn.data import FaceFeatures, Store
    >>> box = Mesh.from_trimesh(trimesh.creation.box().subdivide())
    >>> box = replace(box, face_labels=torch.arange(len(box.faces)) % 2)
    >>> split = FaceFeatures(functions=4).pack(Store.of_shapes([box], classes=("box",), parts={"box": ("even", "odd")}))
    >>> split, split.take(torch.tensor([0])).features.shape
    (PackedFaces(1 meshes, 2 labels), torch.Size([48, 600]))
    """

    source: Any = None
    order: Int[Tensor, " K"] | None = None

    def __repr__(self) -> str:
        return f"PackedFaces({len(self)} meshes, {len(self.classes)} labels)"

    def mesh(self, number: int) -> Mesh:
        """The original mesh, with all its faces and their labels."""
        mesh: Mesh = self.source.load(self.keys[number])
        return mesh if mesh.face_labels is None else replace(mesh, face_labels=self._called(mesh.face_labels))

    def edge_labels(self, number: int) -> Int[Tensor, " E"] | None:
        """Labels per edge of the original mesh, where the dataset was labelled so."""
        labels = self.source.edge_labels(self.keys[number]) if hasattr(self.source, "edge_labels") else None
        return None if labels is None else self._called(labels)

    def with_classes(self, classes: tuple[str, ...]) -> "PackedFaces":
        """The same with its labels in another order."""
        order = torch.tensor([classes.index(name) for name in self.classes])
        items = tuple(item._replace(labels=_renamed(item.labels, order)) for item in self.items)
        return replace(self, items=items, classes=classes, order=order if self.order is None else order[self.order])

    def _called(self, labels: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
        return labels if self.order is None else _renamed(labels, self.order)

    def draw(self, augment: FaceAugment, generator: torch.Generator) -> FaceDraws:
        return FaceDraws(augment.faces, torch.randint(2**62, (len(self),), generator=generator))

    def take(
        self, index: Int[Tensor, " B"], drawn: FaceDraws | None = None, *, device: Any = None, dtype: Any = None
    ) -> FaceBatch:
        """All faces of the meshes at `index`, or those that were drawn."""
        chosen = [self.items[number] for number in index.tolist()]
        if drawn is not None:
            chosen = [_some(item, drawn.faces, int(seed)) for item, seed in zip(chosen, drawn.seeds, strict=True)]
        batch = FaceBatch(
            torch.cat([item.features for item in chosen]).to(dtype=dtype or torch.float32),
            torch.cat([item.functions for item in chosen]).to(dtype=dtype),
            torch.stack([item.eigenvalues for item in chosen]),
            torch.cat([item.areas for item in chosen]),
            torch.cat([item.labels for item in chosen]),
            [len(item.labels) for item in chosen],
        )
        if device is None:
            return batch
        moved = [value.to(device) for value in batch[:-1]]
        return FaceBatch(*moved, faces_per_mesh=batch.faces_per_mesh)  # type: ignore[misc]


def _renamed(labels: Int[Tensor, " N"], order: Int[Tensor, " K"]) -> Int[Tensor, " N"]:
    return torch.where(labels < 0, labels, order[labels.clamp(min=0)])


def _some(item: FaceItem, faces: int, seed: int) -> FaceItem:
    if len(item.labels) <= faces:
        return item
    chosen = torch.randperm(len(item.labels), generator=torch.Generator().manual_seed(seed))[:faces]
    areas = item.areas[chosen]
    return item._replace(
        features=item.features[chosen],
        functions=item.functions[chosen],
        areas=areas / areas.sum(),
        labels=item.labels[chosen],
    )
