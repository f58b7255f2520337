"""What weights are fed: a shape in, out the tensor that their network takes."""

from dataclasses import dataclass
from typing import Any

import torch

from geolearn.data import Store
from geolearn.training.method import Method
from geolearn.training.shape_files import as_shape
from geolearn.typing import Tensor


@dataclass(frozen=True, repr=False)
class Transforms:
    """A shape as the network of some weights takes it, without the axis of a batch; made by `Predictor.transforms`.

    A function without a network, so that every worker of a loader can have a copy, and a representation for
    `ShapeDataset`. A mesh becomes a grid (1, R, R, R) or pictures (V, C, H, W), as in the training of the weights but
    not augmented; for networks that label faces, a batch of one.

    >>> import trimesh
    >>> from geolearn.training import load_predictor
    >>> transforms = load_predictor("voxnet-modelnet10").transforms()
    >>> transforms
    Transforms(Voxelize(resolution=32, mode='solid', padding=4))
    >>> transforms(trimesh.creation.box()).shape
    torch.Size([1, 32, 32, 32])
    """

    method: Method

    def __repr__(self) -> str:
        return f"Transforms({self.method.representation()})"

    def __call__(self, shape: Any, /) -> Any:
        """
        Args:
            shape: anything that a `Predictor` takes.
        """
        store, representation = Store.of_shapes([as_shape(shape)]), self.method.representation()
        if representation is None:
            split = store.source.pack(store.keys, store.targets, store.classes)
        else:
            split = representation.pack(store)  # type: ignore[union-attr]
        made = split.take(torch.tensor([0]))
        return made[0] if isinstance(made, Tensor) or type(made) is tuple else made  # else a batch of one
