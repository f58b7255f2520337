"""Are the built-in shapes hard enough to tell models apart? A linear classifier against a small CNN, same voxels.

    python benchmarks/accuracy/procedural_difficulty.py [--aligned] [--train 100] [--test 40] [--epochs 30] [--seeds 3]

Both see solid 32^3 grids of the same shapes, `train` and `test` per class. The linear classifier is multinomial
logistic regression (60 steps of L-BFGS) at several L2 weights; taking the best of them on the test set flatters it. The
CNN is VoxNet, last epoch, quarter turns and shifts of up to two cells, no tuning. The data is the same for every seed;
the CNN's mean and spread are over seeds of its training.
"""

import argparse
import os
import time

import joblib
import numpy as np
import torch
from torch.nn import functional as F

from geolearn.data import procedural
from geolearn.models import VoxNet
from geolearn.ops import voxelize

RESOLUTION = 32
WEIGHTS = (1e-4, 1e-3, 1e-2)
CLASSES = len(procedural.CLASSES)


def one(split: str, index: int, aligned: bool) -> np.ndarray:
    _, _, shape = procedural.sample(split, index, aligned=aligned)
    return np.packbits(voxelize(shape.mesh, RESOLUTION).occupancy.numpy())


def grids(split: str, per_class: int, aligned: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """float32 (N, 1, R, R, R) and labels (N,)."""
    jobs = (joblib.delayed(one)(split, index, aligned) for index in range(per_class * CLASSES))
    bits = np.unpackbits(np.array(joblib.Parallel(n_jobs=os.cpu_count())(jobs)), axis=1)
    values = torch.from_numpy(bits.reshape(-1, 1, RESOLUTION, RESOLUTION, RESOLUTION)).float()
    return values, torch.arange(len(values)) % CLASSES


def linear_accuracy(train, test, weight: float) -> float:
    (x, y), (x_test, y_test) = train, test
    x, x_test = x.flatten(1) - 0.5, x_test.flatten(1) - 0.5
    w = torch.zeros(x.shape[1], CLASSES, requires_grad=True)
    b = torch.zeros(CLASSES, requires_grad=True)
    optimiser = torch.optim.LBFGS([w, b], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = F.cross_entropy(x @ w + b, y) + weight * w.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    return float(((x_test @ w + b).argmax(1) == y_test).float().mean())


def convolutional_accuracy(train, test, epochs: int, seed: int) -> torch.Tensor:
    """Accuracy per class."""
    (x, y), (x_test, y_test) = train, test
    torch.manual_seed(seed)
    model, batch = VoxNet(num_classes=CLASSES), 32
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=epochs * (len(x) // batch))
    for _ in range(epochs):
        for chosen in torch.randperm(len(x))[: len(x) // batch * batch].split(batch):
            shift = torch.randint(-2, 3, (3,)).tolist()
            turned = torch.rot90(x[chosen], int(torch.randint(4, ())), (2, 3)).roll(shift, (2, 3, 4))
            optimiser.zero_grad()
            F.cross_entropy(model(turned), y[chosen]).backward()
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        right = (torch.cat([model(part) for part in x_test.split(64)]).argmax(1) == y_test).float()
    return torch.stack([right[y_test == label].mean() for label in range(CLASSES)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aligned", action="store_true", help="all shapes face -Y instead of a random azimuth")
    for option, default in (("train", 100), ("test", 40), ("epochs", 30), ("seeds", 3)):
        parser.add_argument(f"--{option}", type=int, default=default)
    options = parser.parse_args()
    start = time.perf_counter()
    train, test = (grids(split, getattr(options, split), options.aligned) for split in ("train", "test"))
    made = time.perf_counter() - start
    azimuth = "aligned" if options.aligned else "random azimuth"
    print(
        f"{CLASSES} classes, {options.train} train and {options.test} test per class, {azimuth}; {made:.0f} s to make"
    )
    for weight in WEIGHTS:
        print(f"logistic regression, L2 {weight:g}: {100 * linear_accuracy(train, test, weight):.1f} %", flush=True)
    scores = []
    for seed in range(options.seeds):
        scores.append(convolutional_accuracy(train, test, options.epochs, seed))
        print(f"VoxNet, seed {seed}: {100 * float(scores[-1].mean()):.1f} %", flush=True)
    if scores:
        means = 100 * torch.stack(scores).mean(1)
        print(f"VoxNet: {float(means.mean()):.1f} +- {float(means.std(correction=0)):.1f} % over {len(scores)} seeds")
        for name, value in zip(procedural.CLASSES, torch.stack(scores).mean(0).tolist(), strict=True):
            print(f"  {name:10} {100 * value:5.1f} %")


if __name__ == "__main__":
    main()
