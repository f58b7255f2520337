"""Training speed of VoxNet: our way against the plain way, and the loader alone.

    python benchmarks/speed/train_voxnet.py [--data modelnet10_voxels] [--batches 30] [--rounds 5]

Plain way: float32 contiguous grids in a stock DataLoader whose dataset rotates, mirrors and shifts each item with
NumPy (nearest neighbour, as ours), the network in PyTorch's default memory layout, eager float32. Our way: columns of
32 cells packed in an integer, whole batches warped and unpacked as tensors, the same network in channels-last layout.
Both train the same VoxNet with the same optimiser on the same machine, in turns.

Floor: one sample is 0.06 G multiply-adds forward and three times that with the backward pass, 0.36 GFLOP; the table
says which share of a large matrix product's rate on this machine each way reaches.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from geolearn.data import PackedVoxels, ShapeDataset, VoxelAugment, VoxelBatches, Voxelize
from geolearn.models import VoxNet
from geolearn.training.environment import describe_environment
from geolearn.training.report import markdown_table

GFLOP_PER_SAMPLE = 0.36
AUGMENT = VoxelAugment(rotations=12, mirror=True, shift=2)
BATCH = 32


class PlainVoxels(Dataset):
    """Float32 grids, one augmented with NumPy per item: how most training scripts of this field do it."""

    def __init__(self, voxels: PackedVoxels):
        self.grids = voxels.occupancy()[:, 0].numpy()
        self.labels = voxels.labels
        self.random = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.grids)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        grid = self.grids[index]
        angle = 2 * np.pi * self.random.integers(12) / 12
        centre = (np.arange(32) - 15.5).astype(np.float32)
        x, y = np.meshgrid(centre, centre, indexing="ij")
        row = np.floor(np.cos(angle) * x + np.sin(angle) * y + 16).astype(int)
        column = np.floor(np.cos(angle) * y - np.sin(angle) * x + 16).astype(int)
        inside = (row >= 0) & (row < 32) & (column >= 0) & (column < 32)
        grid = np.where(inside[..., None], grid[row.clip(0, 31), column.clip(0, 31)], 0)
        if self.random.random() < 0.5:
            grid = grid[::-1]
        padded = np.pad(grid, 2)
        i, j, k = self.random.integers(0, 5, 3)
        return torch.from_numpy(padded[i : i + 32, j : j + 32, k : k + 32][None].copy()), self.labels[index]


def plain_batches(voxels: PackedVoxels, workers: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    loader = DataLoader(PlainVoxels(voxels), BATCH, shuffle=True, num_workers=workers, drop_last=True)
    while True:
        yield from loader


def our_batches(voxels: PackedVoxels) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    loader = VoxelBatches(voxels, BATCH, augment=AUGMENT, drop_last=True)
    while True:
        for batch in loader:
            yield batch.data, batch.labels


def trainer(batches: Iterator, *, channels_last: bool) -> Callable[[], None]:
    model = VoxNet()
    if not channels_last:  # undo our layout: the plain way is PyTorch's default
        model = model.to(memory_format=torch.contiguous_format)
        model.tower.forward = lambda x, tower=model.tower: plain_tower(tower, x)
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        x, label = next(batches)
        optimiser.zero_grad()
        F.cross_entropy(model(x), label).backward()
        optimiser.step()

    return step


def plain_tower(tower: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    x = tower.dropout1(tower.activation(tower.conv1(2 * x - 1)))
    x = tower.dropout2(tower.pool(tower.activation(tower.conv2(x))))
    return torch.relu(tower.fc1(x.flatten(1)))


def rate(step: Callable[[], object], batches: int) -> float:
    """Samples per second over `batches` calls."""
    start = time.perf_counter()
    for _ in range(batches):
        step()
    return batches * BATCH / (time.perf_counter() - start)


def peak_gflops() -> float:
    """What a large matrix product reaches here: the practical ceiling."""
    a = torch.randn(1024, 1024)
    times = []
    for _ in range(10):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * 1024**3 / min(times) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="modelnet10_voxels")
    parser.add_argument("--batches", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    voxels = ShapeDataset(arguments.data, "train", representation=Voxelize(32)).packed(jobs=-1)
    ours, loader_alone = our_batches(voxels), our_batches(voxels)
    ways: dict[str, Callable[[], object]] = {
        "ours": trainer(ours, channels_last=True),
        "plain, 0 workers": trainer(plain_batches(voxels, 0), channels_last=False),
        "plain, 2 workers": trainer(plain_batches(voxels, 2), channels_last=False),
        "our loader alone": lambda: next(loader_alone),
    }
    for step in ways.values():
        rate(step, 3)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):  # in turns, so that a drift of the machine meets all of them
        for name, step in ways.items():
            rates[name].append(rate(step, arguments.batches))
    ceiling = peak_gflops()
    base = statistics.median(rates["ours"])
    rows = []
    for name, values in rates.items():
        median = statistics.median(values)
        training = name != "our loader alone"
        rows.append(
            {
                "way": name,
                "samples/s (median)": round(median),
                "min to max": f"{min(values):.0f} to {max(values):.0f}",
                "ours is faster by": f"{base / median:.2f}x" if training else None,
                "of matrix-product rate": f"{median * GFLOP_PER_SAMPLE / ceiling:.0%}" if training else None,
            }
        )
    print(markdown_table(rows))
    alone = statistics.median(rates["our loader alone"])
    print(f"The loader alone delivers {alone / base:.1f}x the samples per second that training uses.")
    print(f"Matrix product: {ceiling:.0f} GFLOP/s. {describe_environment()}")


if __name__ == "__main__":
    main()
