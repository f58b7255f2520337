"""Time and memory of `fit_mesh` as the views and their pixels grow, one thing at a time.

    python benchmarks/speed/fit.py [--threads 2] [--rounds 5] [--write]

A sphere is fitted to silhouettes and normals of an ellipsoid, at one topology, so that only what the column names
grows. A step draws 8 of the views, so its time should not depend on their number; the rest (reading the views,
checking them, measuring the silhouettes of the result in all of them) should grow in proportion. Both parts come from
fits of 8 and of 32 steps: their difference is 24 steps, what is left of the first is the rest.

Floor: the views are read once (4 channels, float32). A step has to draw 8 views, oversampled to at least 256 px.

Memory is the peak of a process of its own over what it had with the views loaded and a small fit done. `--write` puts
the result into benchmarks/results/.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import timing
import torch
import trimesh

from geolearn.fitting import FitResult, Phase, fit_mesh
from geolearn.render import camera_rig, render_views
from geolearn.reports.page import markdown_table
from geolearn.structures import Mesh, Views

OVER_VIEWS = tuple((count, 64) for count in (8, 16, 32, 64, 128, 256))
OVER_PIXELS = tuple((16, size) for size in (32, 64, 128, 256, 512))
FEW, MANY = 8, 32  # steps
DRAWN = 256  # pixels that silhouettes are oversampled to


def sphere(level: int, stretch: float = 1.0) -> Mesh:
    shape = trimesh.creation.icosphere(subdivisions=level, radius=0.4)
    verts = torch.tensor(shape.vertices, dtype=torch.float32) * torch.tensor([stretch, 1.0, 1.0])
    return Mesh(verts, torch.tensor(shape.faces))


def scene(count: int, size: int) -> Views:
    shape, cameras = sphere(4, 1.2), camera_rig("sphere", count=count, size=size)
    masks = render_views(shape, cameras, shading="silhouette")[:, 0]
    return Views(render_views(shape, cameras, shading="normals"), cameras, masks)


def fit(views: Views, steps: int) -> FitResult:
    size = (views.cameras.height, views.cameras.width)
    phase = Phase(size, max(1, DRAWN // size[0]), None, steps, 0.005)
    return fit_mesh(views, images="normals", start=sphere(4), schedule=[phase])


def measure(cases: tuple[tuple[int, int], ...], rounds: int) -> list[dict[str, Any]]:
    ways: dict[Any, Callable[[], Any]] = {}
    for case in cases:
        views = scene(*case)
        ways |= {(case, steps): partial(fit, views, steps) for steps in (FEW, MANY)}
    times = timing.timed(ways, rounds)
    rows = []
    for count, size in cases:
        few, many = times[(count, size), FEW], times[(count, size), MANY]
        step = (many.median - few.median) / (MANY - FEW)
        rest = few.median - FEW * step
        rows.append(
            {
                "views": count,
                "px": size,
                f"fit of {MANY} steps, ms": many.columns()["ms (median)"],
                "quartiles": many.columns()["quartiles"],
                "a step ms": f"{step:.1f}",
                "the rest ms": f"{rest:.0f}",
                "views MB": f"{16 * count * size**2 / 1e6:.1f}",
                "peak MB": f"{peak(count, size) / 1e6:.1f}",
            }
        )
    return rows


def peak(count: int, size: int) -> int:
    """Bytes that a fit needs at most besides the views, measured in a process of its own."""
    command = [sys.executable, __file__, "--peak", str(count), str(size), "--threads", str(torch.get_num_threads())]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(count: int, size: int) -> None:
    views = scene(count, size)
    fit(scene(8, 32), 2)  # compiles, starts threads
    print(timing.peak_bytes(lambda: fit(views, FEW)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"write into {timing.RESULTS}")
    parser.add_argument("--peak", nargs=2, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.peak:
        print_peak(*arguments.peak)
        return
    text = f"# Growth of `fit_mesh`, {arguments.threads} threads, {len(sphere(4).faces):,} faces, 8 views a step\n"
    for title, cases in (("views", OVER_VIEWS), ("pixels", OVER_PIXELS)):
        text += f"\n## Over {title}\n\n{markdown_table(measure(cases, arguments.rounds))}"
    timing.report(text, timing.bytes_per_ms(), arguments.rounds, "fit" if arguments.write else None)


if __name__ == "__main__":
    main()
