"""Train VoxelVAE on the 789 training chairs of `shapenets_chairs`, the prior of fit_few_views.py.

    python benchmarks/accuracy/train_chair_vae.py [--epochs 100] [--validation 0.1] [--weights chair_vae.safetensors]

The chairs are those of the split file `datasets/shapenets_chairs/splits/train.txt` in their first rotation, in which
all of them look the same way (one of them is a night stand, see the dataset's README); the 100 chairs of `test.txt` are
read in no rotation. --validation holds out a part of the 789 to choose settings by, and prints what it says of them;
the weights that count are trained on all, with 0. Chairs are mirrored left to right and stretched along each axis at
random. A checkpoint beside the weights is kept every ten epochs, from which the same command goes on. About 12 minutes
on one core with bfloat16.
"""

import argparse
import io
import time
from pathlib import Path

import torch

from geolearn.data import PackedVoxels, ShapeDataset, VoxelAugment, VoxelBatches
from geolearn.io.files import write_whole
from geolearn.models import VoxelVAE, save_model
from geolearn.typing import Tensor

DATA = "shapenets_chairs"
AUGMENT = VoxelAugment(rotations=1, mirror=False, shift=0, scale=0.1)
BATCH = 32
CHECKPOINT = 10  # epochs


def load_chairs(split: str, validation: float) -> PackedVoxels:
    chairs = ShapeDataset(DATA, split, protocol="aligned", validation=validation)
    return chairs.packed().resized(32)


def mirrored(grids: Tensor, generator: torch.Generator) -> Tensor:
    """Half of the chairs with left and right swapped: the axis y, as they look along x."""
    chosen = torch.rand(len(grids), generator=generator) < 0.5
    return torch.where(chosen[:, None, None, None, None], grids.flip(3), grids)


@torch.no_grad()
def reconstruction_iou(vae: VoxelVAE, chairs: PackedVoxels) -> float:
    """Mean volume IoU of chairs with what the mean of their code decodes to."""
    truth = chairs.occupancy()
    found = torch.cat([vae(vae.encode(part)[0]) for part in truth.split(64)]) > 0.5
    common, union = (found & (truth > 0.5)).sum((1, 2, 3, 4)), (found | (truth > 0.5)).sum((1, 2, 3, 4))
    return float((common / union).mean())


class Training:
    """A VoxelVAE on its way by the evidence lower bound, its divergence weighted by `beta`, which grows to that over a
    tenth of the epochs. What a checkpoint holds is enough to go on as if nothing had been."""

    def __init__(self, chairs: PackedVoxels, *, epochs: int, rate: float, decay: float, beta: float, seed: int):
        torch.manual_seed(seed)
        self.vae, self.generator = VoxelVAE(), torch.Generator().manual_seed(seed)
        self.batches = VoxelBatches(chairs, BATCH, augment=AUGMENT, drop_last=True, seed=seed)
        self.optimiser = torch.optim.AdamW(self.vae.parameters(), lr=rate, weight_decay=decay)
        steps = len(self.batches) * epochs
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, rate, total_steps=steps, pct_start=0.1)
        self.epochs, self.beta = epochs, beta
        self.done, self.seconds = 0, 0.0

    def epoch(self) -> tuple[float, float]:
        """One epoch; the mean nats for the cells and for the code."""
        began = time.perf_counter()
        self.vae.train()
        self.batches.set_epoch(self.done)
        weight = self.beta * min(1, (self.done + 1) / (0.1 * self.epochs))
        total = torch.zeros(2)
        for batch in self.batches:
            self.optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                bound = self.vae.losses(mirrored(batch.data, self.generator), self.generator)
            (bound.reconstruction + weight * bound.divergence).backward()
            self.optimiser.step()
            self.schedule.step()
            total += torch.stack(bound).detach() / len(self.batches)
        self.done += 1
        self.seconds += time.perf_counter() - began
        return float(total[0]), float(total[1])

    def save(self, path: Path, settings: dict) -> None:
        parts = {name: getattr(self, name).state_dict() for name in ("vae", "optimiser", "schedule")}
        state = parts | {"generator": self.generator.get_state(), "done": self.done, "seconds": self.seconds}
        buffer = io.BytesIO()
        torch.save(state | {"settings": settings}, buffer)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, buffer.getvalue())

    def load(self, path: Path, settings: dict) -> None:
        """Go on from a checkpoint of the same settings; from the beginning without one."""
        state = torch.load(path, weights_only=True) if path.is_file() else {}
        if state.get("settings") != settings:
            return
        for name in ("vae", "optimiser", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.generator.set_state(state["generator"])
        self.done, self.seconds = state["done"], state["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--decay", type=float, default=0.01)
    parser.add_argument("--beta", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--validation", type=float, default=0.0, help="part of the 789 to hold out")
    parser.add_argument("--weights", type=Path, default=Path("runs/chair_vae.safetensors"))
    arguments = parser.parse_args()
    settings = {name: value for name, value in vars(arguments).items() if name != "weights"}
    held_out = load_chairs("val", arguments.validation) if arguments.validation else None
    chairs = load_chairs("train" if arguments.validation else "trainval", arguments.validation)
    training = Training(
        chairs, epochs=arguments.epochs, rate=arguments.rate, decay=arguments.decay, beta=arguments.beta,
        seed=arguments.seed,
    )  # fmt: skip
    checkpoint = arguments.weights.with_suffix(".checkpoint")
    training.load(checkpoint, settings)
    ious: dict[str, float] = {}
    while training.done < arguments.epochs:
        cells, code = training.epoch()
        if training.done % CHECKPOINT == 0 or training.done == arguments.epochs:
            training.vae.eval()
            ious = {"seen": reconstruction_iou(training.vae, chairs.select(list(range(100))))}
            if held_out is not None:
                ious["unseen"] = reconstruction_iou(training.vae, held_out)
            agreement = ", ".join(f"{name} {iou:.3f}" for name, iou in ious.items())
            print(
                f"epoch {training.done}/{arguments.epochs}: {cells:.0f} nats for the cells, {code:.1f} for the code; "
                f"IoU of reconstructions {agreement}; {training.seconds:.0f} s",
                flush=True,
            )
            training.save(checkpoint, settings)
    notes = {"dataset": DATA, "chairs": len(chairs), "seconds": training.seconds, "iou": ious}
    save_model(training.vae, arguments.weights, half=True, **notes, **settings)
    print(f"{arguments.weights}: {len(chairs)} chairs, {training.seconds:.0f} s")


if __name__ == "__main__":
    main()
