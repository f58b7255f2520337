"""The Lightning task that trains any of our classifiers by a `Recipe`. Models know nothing of it."""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import nn
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy

from geolearn.data import Batch
from geolearn.models import MVCNN
from geolearn.models.weights import PretrainedModel
from geolearn.training.recipes import Recipe, ViewRecipe
from geolearn.typing import Float, Int, Tensor


def class_weights(labels: Int[Tensor, " N"], num_classes: int, balance: float) -> Float[Tensor, " K"]:
    """Loss weights (N / K / count) ** balance per class; 1 for a class without samples."""
    counts = torch.bincount(labels, minlength=num_classes).float()
    return torch.where(counts > 0, (counts.sum() / num_classes / counts.clamp(min=1)) ** balance, 1.0)


class ClassificationTask(pl.LightningModule):
    """Cross entropy on `model(x)`, optimiser and schedule from the recipe, validation accuracy by class and instance.

    All randomness of an epoch follows from (seed, epoch, rank), so a run that is killed and resumed at an epoch
    boundary continues exactly as it would have.
    """

    def __init__(self, model: PretrainedModel, recipe: Recipe, weights: Tensor, *, seed: int = 0):
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.seed = seed
        num_classes = len(weights)
        self.loss = nn.CrossEntropyLoss(weight=weights, label_smoothing=recipe.label_smoothing)
        self.class_accuracy = MulticlassAccuracy(num_classes, average="macro")
        self.instance_accuracy = MulticlassAccuracy(num_classes, average="micro")

    def on_train_epoch_start(self) -> None:
        torch.manual_seed((self.seed * 100_003 + self.current_epoch) * 1_009 + self.global_rank)

    def logits(self, x: Tensor) -> Float[Tensor, "B K"]:
        return self.model(x)

    def training_loss(self, x: Tensor, label: Int[Tensor, " B"]) -> Tensor:
        return self.loss(self.logits(x), label)

    def parts(self) -> list[tuple[nn.Module, float]]:
        """What is trained, and the factor on the learning rate of each part."""
        return [(self.model, 1.0)]

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        x, label = batch.data, batch.labels
        loss = self.training_loss(x, label)
        self.log("loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(x), sync_dist=True)
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        x, label = batch.data, batch.labels
        logits = self.logits(x)
        self.class_accuracy(logits, label)
        self.instance_accuracy(logits, label)
        self.log("val_loss", F.cross_entropy(logits, label), on_epoch=True, batch_size=len(x), sync_dist=True)
        self.log("val_class_accuracy", self.class_accuracy, prog_bar=True, on_epoch=True, batch_size=len(x))
        self.log("val_instance_accuracy", self.instance_accuracy, on_epoch=True, batch_size=len(x))

    def configure_optimizers(self) -> Any:
        recipe = self.recipe
        # Biases and norms are not decayed: decay is a prior on directions, not on offsets.
        groups, rates = [], []
        for part, factor in self.parts():
            trained = [p for p in part.parameters() if p.requires_grad]
            groups.append({"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay})
            groups.append({"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0})
            rates += [factor * recipe.learning_rate] * 2
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
        if recipe.optimiser == "sgd":
            optimiser = torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)
        else:
            optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.99), foreach=True)
        if recipe.schedule == "steps":
            schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, list(recipe.milestones))
        else:
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimiser,
                rates,
                total_steps=int(self.trainer.estimated_stepping_batches),
                pct_start=0.2,
                cycle_momentum=False,
            )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class ViewTask(ClassificationTask):
    """The same for multi-view networks: two phases, frozen stages and norms, a faster classifier (see `ViewRecipe`)."""

    model: MVCNN
    recipe: ViewRecipe

    def __init__(self, model: MVCNN, recipe: ViewRecipe, weights: Tensor, *, seed: int = 0):
        super().__init__(model, recipe, weights, seed=seed)
        if recipe.freeze:
            model.freeze(recipe.freeze)

    def on_train_epoch_start(self) -> None:
        super().on_train_epoch_start()
        if self.recipe.freeze_norms:
            for module in self.model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def logits(self, x: Float[Tensor, "B V *F"]) -> Float[Tensor, "B K"]:
        return self.model(x.float(), start=self.recipe.freeze)

    def training_loss(self, x: Float[Tensor, "B V *F"], label: Int[Tensor, " B"]) -> Tensor:
        if self.current_epoch < self.recipe.single_view_epochs:
            views = x.shape[1]
            x, label = x.flatten(0, 1).unsqueeze(1), label.repeat_interleave(views)
        return super().training_loss(x, label)

    def parts(self) -> list[tuple[nn.Module, float]]:
        return [(self.model.backbone, 1.0), (self.model.pool, 1.0), (self.model.fc, self.recipe.head_rate)]
