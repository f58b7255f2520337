"""Speed of pre-training 3D ShapeNets on the CPU, layer by layer: ours, the algorithm written down in eager PyTorch, and
learnergy's convolutional RBM.

    python benchmarks/speed/pretrain_shapenets.py [--rounds 5] [--batch 32] [--threads 2] [--write]

One step of the paper's contrastive divergence (CD-1, visible units by their means, hidden units sampled, momentum,
weight decay, sparsity, empty receptive fields left out in the first layer) on a batch of each layer below the top, and
one step of fast persistent CD for the top, at the paper's sizes. *Eager* is what one writes first: `conv3d`,
`conv_transpose3d`, `torch.bernoulli`, and `torch.nn.grad.conv3d_weight` for both phases. Both run in float32 and under
bfloat16 autocast. learnergy (PyPI, optional: `pip install learnergy`) has layers of pictures alone, with a stride of
1 and sampled visible units, so it meets ours on two such layers.

Floor: a step of CD-1 is five products of windows and weights (up, down, up, and one outer product a phase). Their
multiply-adds over the rate at which this machine multiplies square matrices of 2048, in the same precision.
"""

import argparse
import importlib.util
from collections.abc import Callable
from typing import Any

import timing
import torch
from torch.nn import functional
from torch.nn.grad import conv3d_weight

from geolearn.nn import (
    CDSettings,
    ConvRBM,
    DenseRBM,
    LabelledRBM,
    PersistentChain,
    cd_gradients,
    descent,
    fast_persistent_gradients,
)
from geolearn.reports.page import markdown_table

MOMENTUM, DECAY, RATE = 0.9, 1e-5, 0.01
GENERATOR = torch.Generator().manual_seed(0)


def layers() -> dict[str, tuple[Any, CDSettings]]:
    sparse = CDSettings(skip_empty=True, sparsity_target=0.01, sparsity_cost=0.001)
    second = CDSettings(sparsity_target=0.02, sparsity_cost=0.002)
    return {
        "1: 30^3 x 1, C(48, 6, 2)": (ConvRBM(1, 48, size=(30,) * 3, kernel=6, stride=2), sparse),
        "2: 13^3 x 48, C(160, 5, 2)": (ConvRBM(48, 160, size=(13,) * 3, kernel=5, stride=2), second),
        "3: 5^3 x 160, C(512, 4, 1)": (ConvRBM(160, 512, size=(5,) * 3, kernel=4), CDSettings()),
        "4: 4096 - 1200": (DenseRBM(4096, 1200), CDSettings()),
    }


class EagerConvolution:
    """Contrastive divergence of a convolutional layer, as one writes it down."""

    def __init__(self, rbm: ConvRBM, settings: CDSettings):
        self.w, self.stride = rbm.kernel.detach().clone(), rbm.geometry.stride[0]
        self.b, self.c = torch.zeros(len(self.w)), torch.zeros(rbm.visible_shape)
        self.moved = [torch.zeros_like(p) for p in (self.w, self.b, self.c)]
        self.settings = settings

    def __call__(self, v: torch.Tensor) -> None:
        shape, stride = self.b[:, None, None, None], self.stride
        up = torch.sigmoid(functional.conv3d(v, self.w, stride=stride) + shape)
        h = torch.bernoulli(up.float())
        back = torch.sigmoid(functional.conv_transpose3d(h, self.w, stride=stride) + self.c)
        again = torch.sigmoid(functional.conv3d(back, self.w, stride=stride) + shape)
        places = up[:, 0].numel()
        positive, negative = up, again
        activity = up.mean((0, 2, 3, 4))
        if self.settings.skip_empty:
            seen = (functional.conv3d(v, torch.ones_like(self.w[:1]), stride=stride) > 0).to(up.dtype)
            places = int(seen.sum())
            positive, negative = up * seen, again * seen
            activity = positive.sum((0, 2, 3, 4)) / places
        size = self.w.shape
        dw = conv3d_weight(v, size, positive.to(v.dtype), stride=stride)
        dw = (dw - conv3d_weight(back.to(v.dtype), size, negative.to(v.dtype), stride=stride)) / places
        db = (positive - negative).sum((0, 2, 3, 4)) / places
        db += self.settings.sparsity_cost * (self.settings.sparsity_target - activity)
        dc = (v - back).mean(0) / v.shape[-1]
        for p, m, d in zip((self.w, self.b, self.c), self.moved, (dw - DECAY * self.w, db, dc), strict=True):
            m.mul_(MOMENTUM).add_(d, alpha=RATE)
            p.add_(m)


class EagerDense:
    """The same for a dense layer."""

    def __init__(self, rbm: DenseRBM):
        self.w = rbm.weight.detach().clone()
        self.b, self.c = torch.zeros(len(self.w)), torch.zeros(self.w.shape[1])
        self.moved = [torch.zeros_like(p) for p in (self.w, self.b, self.c)]

    def __call__(self, v: torch.Tensor) -> None:
        up = torch.sigmoid(v @ self.w.T + self.b)
        back = torch.sigmoid(torch.bernoulli(up.float()) @ self.w + self.c)
        again = torch.sigmoid(back @ self.w.T + self.b)
        dw = (up.T @ v - again.T @ back) / len(v)
        for p, m, d in zip(
            (self.w, self.b, self.c), self.moved,
            (dw - DECAY * self.w, (up - again).mean(0), (v - back).mean(0)), strict=True,
        ):  # fmt: skip
            m.mul_(MOMENTUM).add_(d, alpha=RATE)
            p.add_(m)


class EagerTop:
    """Fast persistent CD with labels, as one writes it down."""

    def __init__(self, rbm: LabelledRBM, samples: int):
        self.w = rbm.weight.detach().clone()
        self.k, self.heavy = rbm.classes, rbm.label_weight
        self.b, self.c = torch.zeros(len(self.w)), torch.zeros(self.w.shape[1])
        self.chain = torch.zeros(samples, self.w.shape[1])
        self.moved = [torch.zeros_like(p) for p in (self.w, self.b, self.c)]
        self.fast = [torch.zeros_like(p) for p in (self.w, self.b, self.c)]

    def up(self, v: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(torch.cat([v[:, : -self.k], self.heavy * v[:, -self.k :]], 1) @ w.T + b)

    def __call__(self, v: torch.Tensor) -> None:
        positive = self.up(v, self.w, self.b)
        torch.sigmoid(positive @ self.w + self.c)  # the reconstruction, whose error is logged
        w, b, c = (p + f for p, f in zip((self.w, self.b, self.c), self.fast, strict=True))
        logits = torch.bernoulli(self.up(self.chain, w, b).float()) @ w + c
        units = torch.bernoulli(torch.sigmoid(logits[:, : -self.k].float()))
        label = torch.multinomial(logits[:, -self.k :].float().softmax(1), 1)[:, 0]
        self.chain = torch.cat([units, functional.one_hot(label, self.k).float()], 1)
        negative = self.up(self.chain, w, b)
        dw = positive.T @ v / len(v) - negative.T @ self.chain / len(self.chain)
        db, dc = positive.mean(0) - negative.mean(0), v.mean(0) - self.chain.mean(0)
        steps = zip((self.w, self.b, self.c), self.moved, self.fast, (dw, db, dc), strict=True)
        for p, m, f, d in steps:
            f.mul_(19 / 20).add_(d, alpha=RATE)
            m.mul_(MOMENTUM).add_(d - DECAY * p, alpha=RATE)
            p.add_(m)


def at(precision: str, step: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> None:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            step()

    return run


def ours(rbm: Any, settings: CDSettings, v: torch.Tensor) -> Callable[[], Any]:
    optimiser = descent(rbm, learning_rate=RATE, momentum=MOMENTUM, weight_decay=DECAY)

    def step() -> None:
        cd_gradients(rbm, v, GENERATOR, settings)
        optimiser.step()

    return step


def ours_top(rbm: LabelledRBM, v: torch.Tensor, samples: int) -> Callable[[], Any]:
    optimiser = descent(rbm, learning_rate=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    chain = PersistentChain(rbm, samples)

    def step() -> None:
        fast_persistent_gradients(rbm, v, chain, GENERATOR, fast_rate=RATE)
        optimiser.step()

    return step


def rates() -> dict[str, float]:
    """Multiply-adds per millisecond of square matrices of 2048."""
    side = 2048
    ways = {}
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        a, b, out = (torch.rand(side, side).to(dtype) for _ in range(3))
        ways[precision] = lambda a=a, b=b, out=out: torch.mm(a, b, out=out)
    return {name: side**3 / times.median for name, times in timing.timed(ways, 9).items()}


def learnergy_ways(batch: int) -> dict[tuple[str, str, str], Callable[[], Any]]:
    from learnergy.models.bernoulli import ConvRBM as Peer  # type: ignore

    ways: dict[tuple[str, str, str], Callable[[], Any]] = {}
    for name, channels, filters, side, kernel in (
        ("2D: 28^2 x 1, C(40, 7, 1)", 1, 40, 28, 7), ("2D: 13^2 x 48, C(160, 5, 1)", 48, 160, 13, 5)
    ):  # fmt: skip
        v = (torch.rand(batch, channels, side, side, generator=GENERATOR) < 0.2).float()
        peer = Peer((side, side), (kernel, kernel), filters, channels, learning_rate=RATE, momentum=MOMENTUM)

        def step(peer: Any = peer, v: torch.Tensor = v) -> None:  # one batch of its `fit`
            visible = peer.gibbs_sampling(v)[4].detach()
            cost = torch.mean(peer.energy(v)) - torch.mean(peer.energy(visible))
            peer.optimizer.zero_grad()
            cost.backward()
            peer.optimizer.step()

        ways[name, "learnergy", "float32"] = step
        settings = CDSettings(mean_field=False, average_places=False)
        rbm = ConvRBM(channels, filters, size=(side, side), kernel=kernel)
        for precision in ("float32", "bfloat16"):
            ways[name, "ours", precision] = at(precision, ours(rbm, settings, v))
    return ways


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true", help=f"write into {timing.RESULTS}")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    batch = arguments.batch

    ways: dict[tuple[str, str, str], Callable[[], Any]] = {}
    work: dict[str, int] = {}
    for name, (rbm, settings) in layers().items():
        share = 0.1 if rbm.visible_shape[0] == 1 else 0.3
        v = (torch.rand(batch, *rbm.visible_shape, generator=GENERATOR) < share).float()
        if rbm.visible_shape[0] == 1:
            v[..., :8], v[:, :, :6] = 0, 0  # empty receptive fields, as around shapes
        places = 1 if isinstance(rbm, DenseRBM) else rbm.geometry.places[0] ** 3
        work[name] = 5 * batch * places * rbm.weight.numel()
        for precision in ("float32", "bfloat16"):
            eager = EagerDense(rbm) if isinstance(rbm, DenseRBM) else EagerConvolution(rbm, settings)
            ways[name, "eager", precision] = at(precision, lambda eager=eager, v=v: eager(v))
            ways[name, "ours", precision] = at(precision, ours(rbm, settings, v))
    top, name = LabelledRBM(1200, 4000, 10, label_weight=10.0), "top: 1200 + 10 - 4000"
    units = (torch.rand(batch, 1200, generator=GENERATOR) < 0.3).float()
    v = top.join(units, torch.arange(batch) % 10)
    work[name] = 7 * batch * top.weight.numel()
    for precision in ("float32", "bfloat16"):
        eager = EagerTop(top, batch)
        ways[name, "eager", precision] = at(precision, lambda eager=eager, v=v: eager(v))
        ways[name, "ours", precision] = at(precision, ours_top(top, v, batch))
    peer = importlib.util.find_spec("learnergy") is not None
    if peer:
        ways |= learnergy_ways(batch)

    times, rate = timing.timed(ways, arguments.rounds), rates()
    rows = []
    for (layer, way, precision), taken in times.items():
        slow = times[layer, "learnergy" if layer.startswith("2D") else "eager", "float32"]
        floor = f"{work[layer] / rate[precision]:.1f}" if layer in work else ""
        rows.append(
            {
                "layer": layer, "way": way, "precision": precision, **taken.columns(),
                "samples/s": f"{1e3 * batch / taken.median:.0f}", "floor ms": floor,
                "against the first, wall and CPU": "{:.1f}x, {:.1f}x".format(*timing.ratio(slow, taken)),
            }
        )  # fmt: skip
    text = "# Pre-training 3D ShapeNets, one step\n\n" + markdown_table(rows) + "\n"
    text += f"\nBatches of {batch}; {arguments.threads} threads. Multiplying matrices of 2048: "
    text += ", ".join(f"{1e-6 * each:.0f} G multiply-adds/s in {name}" for name, each in rate.items()) + ".\n"
    if not peer:
        text += "\nlearnergy is not installed, so it is not in the table.\n"
    timing.report(text, timing.bytes_per_ms(), arguments.rounds, "pretrain_shapenets" if arguments.write else None)


if __name__ == "__main__":
    main()
