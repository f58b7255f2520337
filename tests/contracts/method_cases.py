"""How every method is tried: a recipe, and a handful of shapes that it can learn by heart."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
import torch
import trimesh

from geolearn.data import FaceAugment, Packed, ShapeCollection, Store, VoxelAugment
from geolearn.data.packed.deformations import DeformationAugment
from geolearn.ops import deform_by_lattice
from geolearn.structures import Mesh, VoxelGrid
from geolearn.training.method import Outcome
from geolearn.training.methods.belief_recipes import BeliefRecipe
from geolearn.training.methods.deformation import DeformationRecipe
from geolearn.training.methods.deformed_volumes import VolumeRecipe
from geolearn.training.methods.distance_decoding import DistanceRecipe, SampleDistances
from geolearn.training.methods.face_labeling import LabelRecipe
from geolearn.training.methods.shape_completion import CompletionRecipe
from geolearn.training.methods.unrolled_classification import UnrolledRecipe
from geolearn.training.methods.view_classification import ViewRecipe
from geolearn.training.methods.voxel_autoencoding import AutoencoderRecipe
from geolearn.training.methods.voxel_classification import VoxelRecipe
from geolearn.training.recipes import Recipe
from geolearn.training.runs import Run

COUNT = 8


def grids(side: int = 32) -> Store:
    """Slabs and columns."""
    values = torch.zeros(COUNT, side, side, side, dtype=torch.bool)
    for number, grid in enumerate(values):
        low = side // 4 + number // 2
        across, up = (side // 2, side // 8) if number % 2 else (side // 6, side // 2)
        grid[low : low + across, low : low + across, low : low + up] = True
    shapes = [VoxelGrid(grid, torch.full((3,), -0.5), 1 / side) for grid in values]
    return Store.of_shapes(shapes, torch.arange(COUNT) % 2, classes=("column", "slab"))


def deformables() -> Store:
    """Mugs and tables, which the method knows by their keys."""
    from geolearn.data.deformations import shape_of_key
    from geolearn.data.prepared.sources import procedural_entries

    keys = [key for key, _ in procedural_entries("train", 13 * 4, 0) if key.startswith(("mug", "table"))]
    labels = torch.tensor([int(key.startswith("table")) for key in keys])
    return Store.of_shapes([shape_of_key(key).mesh for key in keys], labels, classes=("mug", "table"), keys=keys)


def pictures() -> Store:
    """Pictures with a bar, lying or standing."""
    pytest.importorskip("timm", reason="needs the extra [backbones]")
    images = torch.rand(COUNT, 3, 1, 32, 32, generator=torch.Generator().manual_seed(0)) / 5
    for number, views in enumerate(images):
        part = views[:, :, :, 8 + number : 12 + number] if number % 2 else views[:, :, 8 + number : 12 + number]
        part += 0.8
    return Store.of_shapes(list(images), torch.arange(COUNT) % 2, classes=("lying", "standing"))


def lollipops() -> Store:
    """A ball on a stick, of different sizes; the ball is label 0, the stick label 1."""
    shapes = []
    for number in range(COUNT):
        ball = trimesh.creation.icosphere(1, radius=0.2 + 0.02 * number)
        stick = trimesh.creation.cylinder(0.04, 1.0 + 0.05 * number, sections=12).subdivide()
        stick.apply_translation([0, 0, -0.6])
        both = trimesh.util.concatenate([ball, stick])
        labels = torch.tensor([0] * len(ball.faces) + [1] * len(stick.faces))
        shapes.append(Mesh(torch.tensor(both.vertices).float(), torch.tensor(both.faces), labels, f"lollipop-{number}"))
    return Store.of_shapes(shapes, classes=("lollipop",), parts={"lollipop": ("ball", "stick")})


@dataclass(frozen=True)
class Case:
    """How a method is tried.

    Attributes:
        by_heart: whether an outcome shows that the shapes are known by heart.
        agrees: whether what is predicted of a shape is what a test of it alone gave.
        phases: each of which lasts as many epochs as the recipe says, or fewer.
    """

    model: str
    recipe: Recipe
    shapes: Callable[[], Store]
    by_heart: Callable[[Outcome], bool]
    agrees: Callable[[Any, Outcome], bool]
    phases: int = 1


def same_scores(prediction: Any, outcome: Outcome) -> bool:
    return torch.equal(prediction.scores, outcome.predictions.scores[0])


def solids() -> Store:
    """Boxes from flat to tall."""
    pytest.importorskip("open3d", reason="needs the extra [open3d]")
    sides = [(1.0, 0.8, 0.2 + 0.1 * number) for number in range(COUNT)]
    return Store.of_shapes([Mesh.from_trimesh(trimesh.creation.box(side)) for side in sides])


def same_motion(prediction: Any, outcome: Outcome) -> bool:
    """Of the surface points of a mug, whose attributes come first."""
    size = prediction.grid.resolution
    cells = VoxelGrid(torch.zeros(size, size, size), torch.zeros(3), 1.0)
    found = outcome.predictions
    flow = torch.einsum("m,mcxyz->cxyz", found.intentions[0, 0, :4], prediction.velocities[:4])
    moved = deform_by_lattice(found.points[0], flow, cells)
    return torch.allclose(moved, found.moved[0, 0], atol=1e-3) and not torch.allclose(moved, found.points[0], atol=0.1)


PLAIN = {"epochs": 24, "batch_size": COUNT, "ema_decay": 0.0}
STILL = VoxelAugment(rotations=1, mirror=False, shift=0)
CASES: dict[str, Case] = {
    "face_labeling": Case(
        "surfacelabelnet",
        LabelRecipe(
            model={"width": 16, "blocks": 2},
            augment=FaceAugment(200),
            steps=0,
            functions=16,
            learning_rate=1e-2,
            **(PLAIN | {"batch_size": 4}),
        ),
        lollipops,
        lambda outcome: outcome.figures["face_accuracy"] > 99,
        lambda prediction, outcome: torch.equal(prediction.labels, outcome.predictions[0]),
    ),
    "voxel_classification": Case(
        "voxnet",
        VoxelRecipe(augment=STILL, votes=2, vote_mirror=True, **PLAIN),
        grids,
        lambda outcome: outcome.figures["class_accuracy"] == 100,
        same_scores,
    ),
    "view_classification": Case(
        "mvcnn",
        ViewRecipe(model={"backbone": "test_efficientnet"}, learning_rate=5e-3, freeze_norms=False, **PLAIN),
        pictures,
        lambda outcome: outcome.figures["class_accuracy"] == 100,
        same_scores,
    ),
    "distance_decoding": Case(
        "sdfdecoder",
        DistanceRecipe(
            model={"code_size": 2, "width": 64},
            sample=SampleDistances(1000),
            learning_rate=1e-2,
            weight_decay=0.0,
            **(PLAIN | {"epochs": 200}),
        ),
        solids,
        lambda outcome: outcome.figures["distance_error"] < outcome.figures["distance_error_of_mean_code"] / 2,
        lambda prediction, outcome: prediction.distance_error == pytest.approx(float(outcome.predictions[0])),
    ),
    "deformation": Case(
        "deformationflownet",
        DeformationRecipe(
            model={"widths": (8, 16, 16), "track_size": 8},
            augment=DeformationAugment(mirror=False, partial=0.3),
            resolution=16,
            padding=2,
            learning_rate=1e-2,
            weight_decay=0.0,
            **(PLAIN | {"epochs": 120}),
        ),
        deformables,
        lambda outcome: outcome.figures["endpoint_error"] < 30,
        same_motion,
    ),
    "deformed_volumes": Case(
        "deformedvolumenet",
        VolumeRecipe(
            model={"widths": (8, 16, 16), "track_size": 8},
            augment=DeformationAugment(mirror=False, partial=0.0),
            resolution=16,
            padding=2,
            poses=1,
            learning_rate=1e-2,
            weight_decay=0.0,
            **(PLAIN | {"epochs": 120}),
        ),
        deformables,
        lambda outcome: outcome.figures["volume_error"] < 60,
        lambda prediction, outcome: torch.equal(prediction.still, outcome.predictions[0]),
    ),
    "belief_network": Case(
        "shapenets3d",
        BeliefRecipe(
            model={"channels": (8, 16, 32), "hidden": 24, "top": 24},
            augment=VoxelAugment(rotations=1, mirror=True, shift=0),
            resolution=26,
            layer_epochs=(4, 4, 4, 6, 12),
            learning_rates=(0.1, 0.05, 0.05, 0.1, 0.1),
            wake_sleep_epochs=2,
            wake_sleep_rate=1e-4,
            batch_size=COUNT // 2,
        ),
        lambda: grids(26),
        lambda outcome: outcome.figures["class_accuracy"] == 100,
        lambda prediction, outcome: torch.allclose(prediction.posterior.log(), outcome.predictions[0].scores[0]),
        phases=6,
    ),
    "unrolled_classification": Case(
        "shapenets3d_classifier",
        UnrolledRecipe(
            model={"resolution": 26, "channels": (8, 16, 32), "hidden": 24, "top": 24},
            augment=STILL,
            resolution=26,
            votes=1,
            vote_mirror=False,
            learning_rate=1e-2,
            **PLAIN,
        ),
        lambda: grids(26),
        lambda outcome: outcome.figures["class_accuracy"] == 100,
        same_scores,
    ),
    "shape_completion": Case(
        "voxelcompletionnet",
        CompletionRecipe(
            model={"widths": (8, 16)},
            augment=STILL,
            resolution=16,
            padding=2,
            views=1,
            learning_rate=1e-2,
            **(PLAIN | {"epochs": 40}),
        ),
        lambda: grids(16),
        lambda outcome: outcome.figures["volume_iou"] > max(0.8, outcome.figures["volume_iou_seen"] + 0.2),
        lambda prediction, outcome: prediction.volume_iou == float(outcome.predictions[0]),
    ),
    "voxel_autoencoding": Case(
        "voxelvae",
        AutoencoderRecipe(
            model={"code_size": 4, "resolution": 16, "widths": (16, 16, 8)},
            augment=STILL,
            resolution=16,
            learning_rate=1e-2,
            beta=0.01,
            **(PLAIN | {"epochs": 120}),
        ),
        lambda: grids(16),
        lambda outcome: outcome.figures["volume_iou"] > 0.6,
        lambda prediction, outcome: prediction.volume_iou == float(outcome.predictions[0]),
    ),
}


class SameShapes(ShapeCollection):
    """The same shapes in every split, packed once: features of faces take two seconds a mesh."""

    def packed(self, split: str, representation: Any, target: Any) -> Packed:
        return _pack(self.name, representation, target)


@cache
def _pack(name: str, representation: Any, target: Any) -> Packed:
    return ShapeCollection.packed(collection(name), "train", representation, target)


@cache
def collection(name: str) -> ShapeCollection:
    store = CASES[name].shapes()
    return SameShapes({"train": store, "val": store, "test": store}, name)


def run_of(name: str, **changes: Any) -> Run:
    case = CASES[name]
    return replace(Run(case.model, name, "test", case.recipe, accelerator="cpu"), **changes)


def short_run(name: str) -> Run:
    """Long enough to be killed in."""
    run = run_of(name)
    return replace(run, recipe=replace(run.recipe, epochs=min(run.recipe.epochs, 6)))
