"""Speed of the loaders of views: packed pixels from a mapped file, cached samples, and rendering anew.

    python benchmarks/speed/view_batches.py [--rounds 5] [--size 224] [--shapes 64] [--batch 16]

Procedural shapes, 12 views each; one pass over all of them per round, all ways in turns, files warm in the page cache.
"decode" is the conversion of those pixels to float32 alone, and what every way must at least do; "copy" is the cost of
moving as many bytes as the decoded batch has.
"""

import argparse
import tempfile

import timing
import torch

from geolearn.data import Batches, RenderViews, ShapeDataset, ViewAugment, make_loader
from geolearn.data.packed.pictures import decode_pixels
from geolearn.reports.page import markdown_table


def drain(loader) -> int:
    return sum(len(batch.target) for batch in loader)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--shapes", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        look = RenderViews("mvcnn12", options.size, fit="sphere")
        shapes = ShapeDataset("procedural", "test", representation=look, count=options.shapes, root=root)
        meshes = [ShapeDataset("procedural", "test", count=options.shapes)[i].data for i in range(options.shapes)]
        packed = shapes.packed()
        pixels = packed.pixels_of(torch.arange(options.batch))
        images = decode_pixels(pixels)
        batches = options.shapes / options.batch
        ways = {
            "copy (x batches)": lambda: images.clone(),
            "decode (x batches)": lambda: decode_pixels(pixels),
            "Batches": lambda: drain(Batches(packed, options.batch)),
            "Batches, mirrored, 6 of 12 views": lambda: drain(
                Batches(packed, options.batch, augment=ViewAugment(views=6))
            ),
            "make_loader over cached samples": lambda: drain(make_loader(shapes, options.batch)),
            "rendering each mesh": lambda: [look(mesh) for mesh in meshes],
        }
        times = timing.timed(ways, options.rounds)
    rows = []
    for name, result in times.items():
        per_shape = result.median * (batches if "batches)" in name else 1) / options.shapes
        rows.append({"way": name, **result.columns(), "ms per shape": f"{per_shape:.3f}"})
    print(markdown_table(rows), end="")
    print(f"\n{options.shapes} shapes x 12 views of {options.size} px; {torch.get_num_threads()} torch threads")
    print(f"cache: {pixels[0].numel():,} bytes a shape packed, {4 * pixels[0].numel():,} as float32")


if __name__ == "__main__":
    main()
