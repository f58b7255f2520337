"""Chairs from 1, 2, 4 and 8 silhouettes: `fit_latent` with a decoder of chairs, beside `fit_grid` that learned nothing.

    python benchmarks/accuracy/fit_few_views.py [--decoder voxelvae-chairs] [--seed 0] [--output]
    python benchmarks/accuracy/fit_few_views.py --split val --decoder FILE   # to choose settings

The 100 chairs of `datasets/shapenets_chairs/splits/test.txt`, which the decoder has not seen (trained by
`geolearn train voxelvae --data shapenets_chairs --protocol aligned` on the 789 others; --split val takes those that
--validation 0.1 holds out). Binary
silhouettes of 64 px of the chair's cells themselves, by cameras 30 degrees above the horizon around the cube of 24^3
cells that the chairs of this set fill; first from 135 degrees (a front corner), then 45, 225, 315 and the sides. Rows
with noise have 10 % of all pixels flipped, drawn by --seed. Both ways get the same masks and cameras, and `fit_grid`
the cube itself.

Volume IoU with the true cells, both cut at 1/2, mean over the chairs and its standard error. Finished parts are kept in
--work, from which the same command goes on; empty it after a change to the fits themselves.
"""

import argparse
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch

from geolearn._optional import require
from geolearn.data import ShapeDataset
from geolearn.fitting import FitResult, Step, fit_grid, fit_latent
from geolearn.models import VoxelVAE
from geolearn.ops.isosurface import voxel_surface
from geolearn.render import RaySums, camera_rig, render_views
from geolearn.render.sheets import contact_sheet
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import markdown_table
from geolearn.structures import Cameras, Mesh, Views, VoxelGrid
from geolearn.typing import Float, Tensor

ROOT = Path(__file__).resolve().parents[2]
RESOLUTION, FILLED = 32, 24  # cells of a decoded grid, and of the cube in its middle that chairs fill
PIXELS = 64
ORDER = (3, 1, 5, 7, 4, 2, 0, 6)  # of the cameras on the ring: the first 1, 2, 4 or 8
SCENES = tuple((count, flip) for flip in (0.0, 0.1) for count in (1, 2, 4, 8))
TOGETHER = 25  # chairs fitted side by side
REFINED = 4  # views from which a free refinement follows
SHEET = 8  # chairs in the picture


def load_chairs(split: str) -> tuple[Float[Tensor, "N 1 R R R"], tuple[str, ...]]:
    validation = 0.1 if split == "val" else 0.0
    chairs = ShapeDataset("shapenets_chairs", split, protocol="aligned", validation=validation).packed()
    return chairs.resized(RESOLUTION).occupancy(), chairs.keys


def cameras_around() -> Cameras:
    distance = FILLED / RESOLUTION * math.sqrt(3) / 2 / math.sin(math.radians(20))
    return camera_rig("ring", count=8, size=PIXELS, distance=distance)[list(ORDER)]


def silhouettes(chairs: Tensor, cameras: Cameras) -> Float[Tensor, "N V H W"]:
    """1 where the ray through the middle of a pixel meets an occupied cell."""
    rays = RaySums(cameras, RESOLUTION)
    return (rays.thickness(chairs, list(range(len(cameras)))) > 0).float()


def volume_iou(results: Sequence[FitResult], truth: Tensor) -> list[float]:
    """Of grids, or of those that fill only the middle cube."""
    ious = []
    for result, grid in zip(results, truth[:, 0] > 0.5, strict=True):
        found = in_place(cast(VoxelGrid, result.shape).occupancy) > 0
        ious.append(float((found & grid).sum() / (found | grid).sum()))
    return ious


def in_place(grid: Tensor) -> Float[Tensor, "R R R"]:
    """A grid of the middle cube, padded to the whole."""
    margin = (RESOLUTION - len(grid)) // 2
    return torch.nn.functional.pad(grid.float(), (margin,) * 6)


def by_grid(views: list[Views], seed: int, progress: Callable[[Step], None]) -> dict[str, list[FitResult]]:
    side = FILLED / RESOLUTION / 1.06  # fit_grid leaves a margin
    box = torch.tensor([[-side / 2] * 3, [side / 2] * 3])
    generator = torch.Generator().manual_seed(seed)
    return {"fit_grid": fit_grid(views, resolution=FILLED, box=box, progress=progress, generator=generator)}


def by_latent(
    decoder: VoxelVAE, views: list[Views], seed: int, progress: Callable[[Step], None]
) -> dict[str, list[FitResult]]:
    """With what the code alone decodes to, where the grid was refined after it."""
    refine = len(views[0]) >= REFINED
    with torch.autocast("cpu", torch.bfloat16):
        results = fit_latent(
            decoder, views, refine=refine, progress=progress, generator=torch.Generator().manual_seed(seed)
        )
        if not refine:
            return {"fit_latent": results}
        with torch.no_grad():
            codes = [result.code for result in results if result.code is not None]
            grids = decoder(torch.stack(codes))[:, 0].float()
    plain = [
        replace(result, shape=replace(cast(VoxelGrid, result.shape), values=grid))
        for result, grid in zip(results, grids, strict=True)
    ]
    return {"fit_latent": plain, "refined": results}


def figures(results: Sequence[FitResult], chairs: Tensor) -> dict[str, Any]:
    return {
        "iou": volume_iou(results, chairs),
        "converged": [result.converged for result in results],
        "seconds": [result.metrics["seconds"] / len(results) for result in results],
    }


def surface(grid: Float[Tensor, "R R R"]) -> Mesh:
    return voxel_surface(VoxelGrid(grid, torch.full((3,), -0.5), 1 / RESOLUTION))


def sheet(chairs: Tensor, masks: Tensor, found: list[list[Tensor]]) -> Float[Tensor, "3 H W"]:
    """A row per chair: the first silhouette, the chair, and what was found in every column."""
    camera = camera_rig("ring", count=8, size=128, distance=1.9)[2]
    cells = []
    for number in range(len(chairs)):
        first = torch.nn.functional.interpolate(1 - masks[number, None, :1], size=(128, 128))
        cells.append(first.expand(-1, 3, -1, -1))
        for grid in (chairs[number, 0], *(column[number] for column in found)):
            cells.append(render_views(surface(grid), camera).expand(-1, 3, -1, -1))
    return contact_sheet(torch.cat(cells), 2 + len(found))


def summary(records: dict[str, dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    rows = []
    for count, flip in SCENES:
        row: dict[str, Any] = {"views": count, "pixels flipped": f"{100 * flip:.0f} %"}
        for way in ("fit_grid", "fit_latent", "refined"):
            record = records.get(key(way, count, flip, seed))
            if record is None:
                row[way] = None
                continue
            ious = torch.tensor(record["iou"])
            row[way] = f"{ious.mean():.3f} ± {ious.std() / len(ious) ** 0.5:.3f}"
        both = [records.get(key(way, count, flip, seed)) for way in ("fit_grid", "fit_latent")]
        if both[0] and both[1]:
            gain = torch.tensor(both[1]["iou"]) - torch.tensor(both[0]["iou"])
            row["fit_latent - fit_grid"] = f"{gain.mean():+.3f} ± {gain.std() / len(gain) ** 0.5:.3f}"
            row["converged, latent"] = f"{100 * sum(both[1]['converged']) / len(gain):.0f} %"
            for label, record in zip(("grid", "latent"), both, strict=True):
                row[f"s per chair, {label}"] = float(torch.tensor(record["seconds"]).mean())
        rows.append(row)
    return rows


def key(way: str, count: int, flip: float, seed: int) -> str:
    return f"{way}-{count}-{flip}-{seed}"


class Bench:
    """All chairs by all ways in all scenes, group by group, each kept when it is done."""

    def __init__(self, arguments: argparse.Namespace):
        self.work, self.seed = arguments.work, arguments.seed
        self.decoder = VoxelVAE.from_pretrained(arguments.decoder)
        weights = b"".join(value.numpy().tobytes() for value in self.decoder.state_dict().values())
        self.name = f"{hashlib.sha256(weights).hexdigest()[:8]}-{arguments.split}-{arguments.limit}"
        chairs, keys = load_chairs(arguments.split)
        self.chairs, self.keys = chairs[: arguments.limit], keys[: arguments.limit]
        self.cameras = cameras_around()
        self.clean = silhouettes(self.chairs, self.cameras)
        self.noise = torch.rand(self.clean.shape, generator=torch.Generator().manual_seed(arguments.seed))
        self.groups = [slice(first, first + TOGETHER) for first in range(0, len(self.chairs), TOGETHER)]
        self.records: dict[str, dict[str, Any]] = {}
        self.pictures: dict[str, list[Tensor]] = {}

    def run(self, bar: Any) -> None:
        task = bar.add_task("chairs", total=2 * len(SCENES) * len(self.groups))
        for count, flip in SCENES:
            for way in ("fit_grid", "fit_latent"):
                for number in range(len(self.groups)):
                    label = f"{key(way, count, flip, self.seed)}, group {number + 1} of {len(self.groups)}"

                    def show(step: Step, label: str = label) -> None:
                        bar.update(task, description=f"{label}: step {step.number + 1} of {step.total}")

                    for name, (record, shapes) in self.part(way, count, flip, number, show).items():
                        merged = self.records.setdefault(key(name, count, flip, self.seed), {})
                        for entry, values in record.items():
                            merged.setdefault(entry, []).extend(values)
                        if number == 0:
                            self.pictures[key(name, count, flip, self.seed)] = list(shapes)
                    bar.advance(task)

    def part(
        self, way: str, count: int, flip: float, number: int, show: Callable[[Step], None]
    ) -> dict[str, tuple[dict[str, Any], Tensor]]:
        """The figures and the first grids of one group, by one or two ways."""
        names = [way, "refined"] if way == "fit_latent" and count >= REFINED else [way]
        paths = {name: self.work / f"{self.name}-{key(name, count, flip, self.seed)}-{number}" for name in names}
        if not all(path.with_name(path.name + ".json").is_file() for path in paths.values()):
            group = self.groups[number]
            masks = torch.where(self.noise[group] < flip, 1 - self.clean[group], self.clean[group])[:, :count]
            views = [Views(mask[:, None], self.cameras[list(range(count))], mask) for mask in masks]
            if way == "fit_grid":
                found = by_grid(views, self.seed, show)
            else:
                found = by_latent(self.decoder, views, self.seed, show)
            for name, results in found.items():
                grids = torch.stack([in_place(cast(VoxelGrid, result.shape).values) for result in results[:SHEET]])
                keep(paths[name], figures(results, self.chairs[group]), grids)
        return {name: kept(path) for name, path in paths.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decoder", default="voxelvae-chairs")
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--limit", type=int, default=None, help="only so many chairs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "fit_few_views")
    parser.add_argument("--output", action="store_true", help="write benchmarks/results/fit_few_views.json and .md")
    arguments = parser.parse_args()
    bench = Bench(arguments)
    rich = require("rich.progress", extra="data")
    with rich.Progress(console=require("rich.console", extra="data").Console(stderr=True)) as bar:
        bench.run(bar)
    rows = summary(bench.records, bench.seed)
    print(markdown_table(rows))
    picture = sheet(bench.chairs[:SHEET], bench.clean[:SHEET], list(bench.pictures.values()))
    image = require("PIL.Image", extra="data")
    image.fromarray((255 * picture.clamp(0, 1)).byte().movedim(0, 2).numpy()).save(bench.work / "sheet.png")
    print(f"{bench.work / 'sheet.png'}: silhouette, chair, then {', '.join(bench.pictures)}")
    if arguments.output:
        results = ROOT / "benchmarks" / "results" / "fit_few_views"
        report = {
            "decoder": arguments.decoder, "split": arguments.split, "seed": bench.seed, "table": rows,
            "chairs": bench.keys, "records": bench.records, "environment": describe_environment(),
        }  # fmt: skip
        write_json(results.with_suffix(".json"), report)
        write_text(results.with_suffix(".md"), f"# Chairs from few silhouettes\n\n{__doc__}\n{markdown_table(rows)}")


def kept(path: Path) -> tuple[dict[str, Any], Tensor]:
    shapes = torch.load(path.with_name(path.name + ".pt"), weights_only=True)
    return json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8")), shapes.float()


def keep(path: Path, record: dict[str, Any], shapes: Tensor) -> None:
    """The record is written last: where it is, the part is done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(shapes.half(), path.with_name(path.name + ".pt"))
    write_json(path.with_name(path.name + ".json"), record)


if __name__ == "__main__":
    main()
