"""A way of learning of one's own, with a target that the library does not know: how much a shape holds.

python examples/04_own_method.py
geolearn predict ball.off --weights runs/volume --use examples/04_own_method.py
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
import trimesh

import geolearn.training as learning
from geolearn.data import ShapeCollection, Store, Voxelize
from geolearn.models import VoxNet
from geolearn.structures import Mesh


@dataclass(frozen=True)
class Volume:
    def __call__(self, mesh: Mesh) -> torch.Tensor:
        a, b, c = mesh.triangles().unbind(1)  # a closed mesh encloses the tetrahedra of its faces and the origin
        return (a * torch.linalg.cross(b, c)).sum() / 6


@dataclass(frozen=True)
class VolumeRecipe(learning.GradientRecipe):
    method: ClassVar[str] = "volume_regression"


class VolumePrediction(learning.Prediction, dict):
    record = dict.copy

    def summary(self):
        return f"{self['volume']:.3f} of the cube around it"


@learning.METHODS.register("volume_regression")
class VolumeRegression(learning.GradientMethod[VolumeRecipe]):
    figures, recipe_type = (learning.Figure("mean_error", "mean error, % of the cube", "lower"),), VolumeRecipe
    representation = lambda self: Voxelize(16)  # noqa: E731
    target = lambda self: Volume()  # noqa: E731
    build = lambda self, split: VoxNet(1, resolution=16)  # noqa: E731

    def loss(self, net, batch, moment):
        return torch.nn.functional.mse_loss(net(batch.data)[:, 0], batch.target)

    @torch.no_grad()
    def test(self, net, data, split, *, progress=False):
        found = self.load(data, split)
        errors = net.eval()(found.occupancy())[:, 0] - found.targets
        return learning.Outcome({"mean_error": 100 * float(errors.abs().mean())}, "asked once", len(found))

    @torch.no_grad()
    def predict(self, net, shape, names):
        grid = self.representation().pack(Store.of_shapes([shape]))
        return VolumePrediction(volume=float(net.eval()(grid.occupancy())))


learning.RECIPES.add("voxnet/volume", VolumeRecipe(epochs=25, batch_size=16, weight_decay=0.0, ema_decay=0.9))


def shapes(count: int, seed: int) -> Store:
    sides = (0.2 + torch.rand(count, 3, generator=torch.Generator().manual_seed(seed))).tolist()
    made = [trimesh.creation.box(side) for side in sides[::2]]
    made += [trimesh.creation.icosphere(2).apply_scale(side) for side in sides[1::2]]
    return Store.of_shapes([Mesh.from_trimesh(mesh) for mesh in made])


def main(folder: str = "runs/volume") -> float:
    data = ShapeCollection({"train": shapes(400, 0), "val": shapes(16, 1), "test": shapes(40, 2)}, "boxes and balls")
    learning.train(learning.make_run("voxnet", "boxes and balls", "volume"), Path(folder), data=data, resume=True)
    error = learning.evaluate(folder, data).outcome.figures["mean_error"]
    print(f"mean error on shapes it never saw: {error:.1f} % of the cube around them")
    return error


if __name__ == "__main__":
    main()
