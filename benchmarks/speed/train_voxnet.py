"""Training speed of VoxNet: our way against the plain way, and the loader alone.

    python benchmarks/speed/train_voxnet.py [--data modelnet10_voxels] [--batches 30] [--rounds 5] [--write]

Plain way: float32 contiguous grids in a stock DataLoader whose dataset rotates, mirrors and shifts each item with
NumPy (nearest neighbour, as ours), the network in PyTorch's default memory layout, eager float32. Our way: columns of
32 cells packed in an integer, whole batches warped and unpacked as tensors, the same network in channels-last layout,
in float32 and with bfloat16 products (`--precision bf16-mixed`), which pay where the processor has them (AVX512-BF16,
AMX). All train the same VoxNet with the same optimiser on the same machine, in turns.

Floor: one sample is 0.06 G multiply-adds forward and three times that with the backward pass, 0.36 GFLOP; the table
says which share of a large matrix product's rate on this machine each way reaches.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np
import timing
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from geolearn.data import Batches, PackedVoxels, ShapeDataset, VoxelAugment, Voxelize
from geolearn.models import VoxNet
from geolearn.reports.page import markdown_table

GFLOP_PER_SAMPLE = 0.36
AUGMENT = VoxelAugment(rotations=12, mirror=True, shift=2)
BATCH = 32


class PlainVoxels(Dataset):
    """Float32 grids, one augmented with NumPy per item: how most training scripts of this field do it."""

    def __init__(self, voxels: PackedVoxels):
        self.grids = voxels.occupancy()[:, 0].numpy()
        self.labels = voxels.targets
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
    loader = Batches(voxels, BATCH, augment=AUGMENT, drop_last=True)
    while True:
        for batch in loader:
            yield batch.data, batch.target


def trainer(batches: Iterator, *, channels_last: bool, bfloat16: bool = False) -> Callable[[], None]:
    model = VoxNet()
    if not channels_last:  # undo our layout: the plain way is PyTorch's default
        model = model.to(memory_format=torch.contiguous_format)
        model.tower.forward = lambda x, tower=model.tower: plain_tower(tower, x)
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        x, label = next(batches)
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = F.cross_entropy(model(x), label)
        loss.backward()
        optimiser.step()

    return step


def plain_tower(tower: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    x = tower.dropout1(tower.activation(tower.conv1(2 * x - 1)))
    x = tower.dropout2(tower.pool(tower.activation(tower.conv2(x))))
    return torch.relu(tower.fc1(x.flatten(1)))


def repeated(step: Callable[[], object], times: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(times):
            step()

    return run


def peak_gflops() -> float:
    """What a large matrix product reaches here: the practical ceiling in float32."""
    a = torch.randn(1024, 1024)
    times = timing.timed({"product": lambda: a @ a}, 10)
    return 2 * 1024**3 / min(times["product"].wall) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="modelnet10_voxels")
    parser.add_argument("--batches", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"write into {timing.RESULTS}")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    voxels = ShapeDataset(arguments.data, "train", representation=Voxelize(32)).packed(jobs=-1)
    ours, loader_alone = our_batches(voxels), our_batches(voxels)
    steps: dict[str, Callable[[], object]] = {
        "ours, bfloat16": trainer(ours, channels_last=True, bfloat16=True),
        "ours, float32": trainer(ours, channels_last=True),
        "plain, 0 workers": trainer(plain_batches(voxels, 0), channels_last=False),
        "plain, 2 workers": trainer(plain_batches(voxels, 2), channels_last=False),
        "our loader alone": lambda: next(loader_alone),
    }
    ways = {name: repeated(step, arguments.batches) for name, step in steps.items()}
    times = timing.timed(ways, arguments.rounds, patience_s=600)
    rates = {name: 1e3 * BATCH * arguments.batches / taken.median for name, taken in times.items()}
    ceiling = peak_gflops()
    fastest = max(rate for name, rate in rates.items() if name.startswith("plain"))
    rows = [
        {
            "way": name,
            "samples/s (median)": round(rate),
            "min to max": " to ".join(
                f"{1e3 * BATCH * arguments.batches / ms:.0f}" for ms in (max(times[name].wall), min(times[name].wall))
            ),
            "against the faster plain way": f"{rate / fastest:.2f}x" if name != "our loader alone" else None,
            "of the float32 matrix product": f"{rate * GFLOP_PER_SAMPLE / ceiling:.0%}"
            if "loader" not in name
            else None,
        }
        for name, rate in rates.items()
    ]
    alone, best = rates["our loader alone"], max(rate for name, rate in rates.items() if name.startswith("ours"))
    text = f"# Training VoxNet\n\n{arguments.data}, batches of {BATCH}\n\n{markdown_table(rows)}\n"
    text += f"The loader alone delivers {alone / best:.1f}x the samples per second that the faster training uses. "
    text += f"Matrix product in float32: {ceiling:.0f} GFLOP/s.\n"
    timing.report(text, timing.bytes_per_ms(), arguments.rounds, "train_voxnet" if arguments.write else None)


if __name__ == "__main__":
    main()
