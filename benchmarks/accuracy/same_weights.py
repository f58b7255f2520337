"""Digests of the weights that recipes give in two epochs, to compare before and after a change to the training.

    python benchmarks/accuracy/same_weights.py [--output FOLDER] [MODEL/RECIPE ...]

Prints a line for each recipe: its name, the data, and the SHA-256 of names, shapes and bytes of the trained tensors.
Equal lines on two commits, on the same machine and number of threads, mean the same training to the bit.
"""

import argparse
import hashlib
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

from geolearn.cli.main import main as geolearn

DATA = {
    "voxnet/best": "modelnet10_voxels",
    "voxresnet/best": "modelnet10_voxels",
    "mvcnn/best": "modelnet10_views",
    "mvcnn/grids": "modelnet10_views",
}


def weights_digest(path: Path) -> str:
    """SHA-256 of the tensors in a safetensors file; its header does not count."""
    digest = hashlib.sha256()
    for name, tensor in sorted(load_file(path).items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=list(DATA), help=f"any of {', '.join(DATA)}")
    parser.add_argument("--output", type=Path, default=None, help="keep the runs here; by default they are thrown away")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as thrown_away:
        folder = options.output or Path(thrown_away)
        for name in options.recipes:
            model, recipe = name.split("/")
            run = folder / f"{model}-{recipe}"
            command = ["train", model, "--recipe", recipe, "--data", DATA[name], "--epochs", "2", "--seed", "0"]
            if status := geolearn([*command, "--output", str(run)]):
                raise SystemExit(status)
            print(name, DATA[name], weights_digest(run / "model.safetensors"), flush=True)


if __name__ == "__main__":
    main()
