"""The course of a fit as a picture."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import torch

from geolearn.fitting.result import Step
from geolearn.reports.plots import make_figure, save_figure


def plot_fit(history: Sequence[Step], path: Path) -> None:
    """Loss (logarithmic) and IoU of the views of every step of a fit, faint, and their running means over 20 steps."""
    figure = make_figure(9.0, 3.6)
    numbers = [step.number for step in history]
    for axes, name in zip(figure.subplots(1, 2), ("loss", "iou"), strict=True):
        values = torch.tensor([getattr(step, name) for step in history], dtype=torch.float64)
        total = torch.cat([values.new_zeros(1), values.cumsum(0)])
        first = (torch.arange(len(values)) - 19).clamp(min=0)
        means = (total[1:] - total[first]) / (torch.arange(len(values)) + 1 - first)
        axes.plot(numbers, values.tolist(), alpha=0.3)
        axes.plot(numbers, means.tolist(), color="C0")
        for before, after in itertools.pairwise(history):
            if after.phase != before.phase:
                axes.axvline(after.number, color="0.7", linewidth=0.8)
        axes.set(xlabel="step", ylabel="IoU" if name == "iou" else name)
        axes.grid(alpha=0.3)
        if name == "loss" and bool((values > 0).any()):
            axes.set_yscale("log")
    save_figure(figure, path)
