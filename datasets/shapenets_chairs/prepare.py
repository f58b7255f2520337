"""`chair_<number>_<rotation>.mat` -> packed columns per split; keys are `chair_<number>/<rotation>`."""

from pathlib import Path

from geolearn.data.manifest import Manifest
from geolearn.data.prepared.grids import convert_grids
from geolearn.data.prepared.index import Index
from geolearn.data.workers import Workers


def prepare(data: Path, destination: Path, manifest: Manifest, workers: Workers) -> Index:
    splits, files = {}, {}
    rotations = range(1, manifest.variants + 1)
    for split in manifest.splits:
        shapes = manifest.read_split(split)
        splits[split] = [(f"{shape}/{turn:02d}", label) for shape, label in shapes for turn in rotations]
        files[split] = [data / f"{shape}_{turn}.mat" for shape, _ in shapes for turn in rotations]
    return convert_grids(splits, files, destination, manifest, workers)
