"""Which of ModelNet10's grids modelnet10_views shows: whether learning from training grids shows test shapes.

    python benchmarks/accuracy/views_among_grids.py

The names of the pictured shapes are lost. Compares their twelve silhouettes, cropped to the shape, with those of all
4,899 grids, in all four quarter turns, and says in which official split the best match is. Writes
benchmarks/results/views_among_grids.md.
"""

import argparse
from pathlib import Path

import torch
from torch.nn import functional as F

from geolearn.data import RenderViews, ShapeDataset
from geolearn.reports.files import write_text
from geolearn.reports.page import markdown_table
from geolearn.typing import Bool, Float, Int, Tensor

SIDE = 24  # cells of a cropped silhouette
CLEAR = 0.03  # how much larger the IoU of a clear match is than the next


def cropped(outlines: Bool[Tensor, "N V H W"]) -> Float[Tensor, "N V S S"]:
    """Every silhouette stretched to fill a square."""
    found = torch.zeros(*outlines.shape[:2], SIDE, SIDE)
    for shape, views in zip(found, outlines, strict=True):
        for place, outline in zip(shape, views, strict=True):
            rows, columns = outline.any(1).nonzero()[:, 0], outline.any(0).nonzero()[:, 0]
            if len(rows):
                inside = outline[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].float()
                place.copy_(F.interpolate(inside[None, None], (SIDE, SIDE), mode="area")[0, 0])
    return found


def similarity(pictures: Float[Tensor, "N V S S"], grids: Float[Tensor, "M V S S"]) -> Float[Tensor, "N M"]:
    """IoU of all silhouettes together, the best of four quarter turns."""
    best, flat = torch.zeros(len(pictures), len(grids)), grids.flatten(1)
    for quarter in range(4):
        turned = pictures.roll(quarter * pictures.shape[1] // 4, 1).flatten(1)
        both = turned @ flat.T
        best = best.maximum(both / (turned.sum(1)[:, None] + flat.sum(1) - both))
    return best


def place_in_class(labels: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
    """How many of its class come before each."""
    return torch.stack([(labels[:i] == label).sum() for i, label in enumerate(labels)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    outline = RenderViews("mvcnn12", 48, "silhouette", fit="sphere")
    official = [ShapeDataset("modelnet10_voxels", split, representation=outline) for split in ("trainval", "test")]
    grids = torch.cat([cropped(data.packed(jobs=-1).images()[:, :, 0] > 0.5) for data in official])
    labels, places = (torch.cat([make(data.labels) for data in official]) for make in (torch.as_tensor, place_in_class))
    tested = torch.arange(len(grids)) >= len(official[0])
    rows = []
    for split in ("trainval", "test"):
        data = ShapeDataset("modelnet10_views", split)
        alike = similarity(cropped(data.packed().images()[:, :, 0] < 0.985), grids)
        best = alike.topk(2, 1)
        clear = best.values[:, 0] - best.values[:, 1] > CLEAR
        same = (labels == data.labels[:, None]) & (places == place_in_class(data.labels)[:, None])
        same &= tested == (split == "test")
        rank = 1 + (alike > alike[same][:, None]).sum(1)
        rows.append(
            {
                "pictured shapes": f"{split}, {len(data)}",
                "clear matches": int(clear.sum()),
                "of these in the official test split": int(tested[best.indices[clear, 0]].sum()),
                "rank of the grid at the same place of its class, median": int(rank.median()),
                "90 %": int(rank.float().quantile(0.9)),
            }
        )
    table = markdown_table(rows)
    print(table)
    title = "# Which of ModelNet10's grids the shapes of modelnet10_views are"
    text = f"Twelve silhouettes against those of {len(grids):,} grids; a match is clear where the next best has an IoU "
    text += f"lower by {CLEAR}."
    write_text(arguments.output / "views_among_grids.md", f"{title}\n\n{text}\n\n{table}")


if __name__ == "__main__":
    main()
