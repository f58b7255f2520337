"""Belief networks of shapes, learned layer by layer: phases are layers, and no step follows the gradient of a loss.

Wu et al., "3D ShapeNets", CVPR 2015, section 3.2, and the authors' code: contrastive divergence for the layers below
the top, fast persistent contrastive divergence for the top with its labels, then, if asked for, wake-sleep for all.
A layer learns from the means of the layer below. Every shape comes in every pose of the augmentation, and classes are
balanced by repeating the shapes of small ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torchmetrics import MeanMetric, Metric

from geolearn.data import (
    Batch,
    Batches,
    Collection,
    Packed,
    PackedVoxels,
    ShapeCollection,
    Store,
    Voxelize,
)
from geolearn.errors import InvalidInputError
from geolearn.models import ShapeNets3D
from geolearn.nn import (
    CDSettings,
    PersistentChain,
    cd_gradients,
    descent,
    fast_persistent_gradients,
    wake_sleep_gradients,
)
from geolearn.training.method import (
    METHODS,
    Descent,
    Figure,
    Method,
    Moment,
    Optimisers,
    Outcome,
    Phase,
    Picture,
    Prediction,
)
from geolearn.training.methods.belief_recipes import BeliefRecipe
from geolearn.training.methods.belief_units import AT_ONCE, UnitsBelow, balance_classes, turn_to_poses
from geolearn.training.methods.class_scores import ClassScores, classification_report
from geolearn.training.methods.grid_figures import draw_grids, volume_iou
from geolearn.typing import Float, Tensor

LAYERS = ("layer1", "layer2", "layer3", "layer4", "top")
WAKE_SLEEP = "wake_sleep"


@dataclass(frozen=True, repr=False)
class BeliefPrediction(Prediction):
    """What a belief network makes of one shape.

    Attributes:
        classes: K names.
        posterior: (K,), p(class | shape) in their order.
        cells: (R, R, R), what comes back from the fourth layer, in [0, 1].
        reconstruction_iou: of the cells above 1/2 with the shape.
    """

    classes: tuple[str, ...]
    posterior: Float[Tensor, " K"]
    cells: Float[Tensor, "R R R"]
    reconstruction_iou: float

    def record(self) -> dict[str, Any]:
        return {
            "classes": list(self.classes),
            "probabilities": self.posterior.tolist(),
            "reconstruction_iou": self.reconstruction_iou,
        }

    def summary(self) -> str:
        order = self.posterior.argsort(descending=True)[:3].tolist()
        return ", ".join(f"{self.classes[k]} {100 * float(self.posterior[k]):.1f} %" for k in order)


@METHODS.register("belief_network")
class BeliefNetwork(Method[BeliefRecipe]):
    """Layer by layer; recognition by free energies, and what comes back from the fourth layer."""

    figures = (
        Figure("reconstruction_iou", "reconstruction IoU"),
        Figure("class_accuracy", "class acc. %", always=False),
        Figure("instance_accuracy", "instance acc. %", always=False),
    )
    inputs = "belief"
    recipe_type = BeliefRecipe

    def representation(self) -> Voxelize:
        return Voxelize(self.recipe.resolution, padding=self.recipe.padding)

    def prepare(self, net: nn.Module, split: Packed, *, training: bool = False) -> Packed:
        if not training:
            return split
        turned = turn_to_poses(cast(PackedVoxels, split), self.recipe.augment)
        self._below = UnitsBelow(turned)
        return turned.select(balance_classes(cast(Tensor, turned.targets)))

    def batches(self, split: Packed, *, training: bool, seed: int, processes: int = 1, **options: Any) -> Batches:
        if not training:
            return super().batches(split, training=False, seed=seed, processes=processes, **options)
        size = self.recipe.batch_size
        return Batches(split, size // processes, seed=seed, drop_last=len(split) >= size, **options)

    # -- learning

    def build(self, split: Packed) -> nn.Module:
        if not split.classes:
            raise InvalidInputError("data: a belief network needs shapes with classes, if only one; got none")
        recipe = self.recipe
        net = ShapeNets3D(
            len(split.classes), resolution=recipe.resolution, untied=recipe.wake_sleep_epochs > 0, **recipe.model
        )
        net.chain = PersistentChain(net.top, recipe.samples)  # a checkpoint keeps it; `finish` takes it away
        net.register_buffer("asleep", torch.zeros_like(net.chain.visible))
        return net

    def phases(self, net: nn.Module, batches: int) -> list[Phase]:
        recipe, belief = self.recipe, cast(ShapeNets3D, net)
        phases = []
        for name, machine, epochs, rate in zip(
            LAYERS, [*belief.layers, belief.top], recipe.layer_epochs, recipe.learning_rates, strict=True
        ):
            optimiser = descent(
                machine, learning_rate=rate, momentum=recipe.start_momentum, weight_decay=recipe.weight_decay
            )
            phases.append(Phase(min(epochs, recipe.epochs), {name: Descent(optimiser)}, name))
        if recipe.wake_sleep_epochs:
            optimiser = descent(
                *belief.layers, belief.top, learning_rate=recipe.wake_sleep_rate, momentum=recipe.momentum,
                weight_decay=recipe.weight_decay,
            )  # fmt: skip
            epochs = min(recipe.wake_sleep_epochs, recipe.epochs)
            phases.append(Phase(epochs, {WAKE_SLEEP: Descent(optimiser)}, WAKE_SLEEP))
        self._phases = {phase.name: phase for phase in phases}
        return phases

    def start_epoch(self, net: nn.Module, moment: Moment) -> None:
        recipe, done = self.recipe, moment.epoch / moment.epochs
        groups = self._phases[moment.phase].descents[moment.phase].optimiser.param_groups
        for group in groups:
            if moment.phase == "top":
                group["lr"] = recipe.learning_rates[4] * (0.5 if done >= 0.75 else 1.0)
            elif moment.phase != WAKE_SLEEP:
                group["momentum"] = recipe.momentum if done >= 0.25 else recipe.start_momentum
        if moment.phase == WAKE_SLEEP and moment.epoch == 0:
            belief = cast(ShapeNets3D, net)
            for layer in belief.layers:
                cast(nn.Parameter, layer.down_weight).data.copy_(layer.weight)
            cast(Tensor, belief.asleep).copy_(cast(PersistentChain, belief.chain).visible)

    @torch.no_grad()
    def step(self, net: nn.Module, batch: Batch, optimisers: Optimisers, moment: Moment) -> dict[str, Tensor]:
        belief, name = cast(ShapeNets3D, net), moment.phase
        chain = cast(PersistentChain, belief.chain)
        if name == WAKE_SLEEP:
            asleep, logged = wake_sleep_gradients(
                list(belief.layers), belief.top, batch.data, batch.target, cast(Tensor, belief.asleep)
            )
            cast(Tensor, belief.asleep).copy_(asleep)
        elif name == "top":
            units = belief.top.join(self._below.take(belief, batch, 4), batch.target)
            rate = self._phases[name].descents[name].optimiser.param_groups[0]["lr"]
            logged = fast_persistent_gradients(belief.top, units, chain, fast_rate=rate)
        else:
            number = LAYERS.index(name)
            machine = belief.layers[number]
            settings = CDSettings(
                skip_empty=number == 0,
                sparsity_target=self.recipe.sparsity_targets[number],
                sparsity_cost=self.recipe.sparsity_costs[number],
            )
            logged = cd_gradients(machine, self._below.take(belief, batch, number), settings=settings)
        optimisers.apply(name)
        return logged

    def finish(self, net: nn.Module) -> None:
        del net.chain, net.asleep

    def meters(self) -> dict[str, Metric]:
        return {"reconstruction_iou": MeanMetric()}

    def validate(self, net: nn.Module, batch: Batch, meters: Mapping[str, Metric]) -> None:
        meters["reconstruction_iou"].update(reconstruct(cast(ShapeNets3D, net), batch.data)[1])

    # -- testing

    @torch.no_grad()
    def test(self, net: nn.Module, data: Collection, split: str, *, progress: bool = False) -> Outcome:
        belief, grids = cast(ShapeNets3D, net.eval()), cast(PackedVoxels, self.load(data, split))
        scores, units, ious = [], [], []
        for index in torch.arange(len(grids)).split(AT_ONCE):
            values = grids.take(index)
            units.append(belief.up(values))
            scores.append(belief.top.label_posterior(units[-1]).log())
            ious.append(reconstruct(belief, values)[1])
        predictions = ClassScores(torch.cat(scores), torch.cat(units), cast(Tensor, grids.targets), grids.keys)
        figures, tables = {"reconstruction_iou": float(torch.cat(ious).mean())}, {}
        if len(grids.classes) > 1:
            report = classification_report(predictions, grids.classes)
            figures |= {name: report[name] for name in ("class_accuracy", "instance_accuracy")}
            tables["per_class"] = report["per_class"]
        return Outcome(figures, "1 vote, by free energies", len(grids), tables, {}, (predictions, torch.cat(ious)))

    @torch.no_grad()
    def sheets(self, net: nn.Module, data: Collection, split: str, outcome: Outcome, folder: Path) -> list[Picture]:
        belief, grids = cast(ShapeNets3D, net.eval()), cast(PackedVoxels, self.load(data, split))
        chosen = torch.linspace(0, len(grids) - 1, min(5, len(grids))).round().long()
        values = grids.take(chosen)
        back, ious = reconstruct(belief, values)
        captions = ["shape"] * len(chosen) + [f"IoU {iou:.2f}" for iou in ious.tolist()]
        title = "Test shapes (above) and what comes back from the fourth layer"
        pictures = draw_grids([*values, *back], captions, folder / "reconstructions.png", len(chosen), title)
        labels = torch.arange(len(grids.classes)).repeat_interleave(4)
        samples = belief.sample(labels, generator=torch.Generator().manual_seed(0))
        names = [grids.classes[label] for label in labels.tolist()]
        title = "Samples of each class, with the label held in the top"
        return pictures + draw_grids(list(samples), names, folder / "samples.png", 4, title)

    @torch.no_grad()
    def predict(self, net: nn.Module, shape: Any, names: Sequence[str]) -> BeliefPrediction:
        split = self.load(ShapeCollection({"test": Store.of_shapes([shape], classes=names)}), "test")
        belief, values = cast(ShapeNets3D, net.eval()), cast(PackedVoxels, split).occupancy()
        cells, iou = reconstruct(belief, values)
        return BeliefPrediction(tuple(names), belief.label_posterior(values)[0], cells[0, 0], float(iou[0]))


@torch.no_grad()
def reconstruct(
    net: ShapeNets3D, grids: Float[Tensor, "B 1 R R R"]
) -> tuple[Float[Tensor, "B 1 R R R"], Float[Tensor, " B"]]:
    """What comes back from the fourth layer, and its volume IoU with the grids; 1 where both are empty."""
    cells = net.down(net.up(grids))
    return cells, volume_iou(cells, grids)
