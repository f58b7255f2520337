"""`dataset/<split>/<class>/<number>/<number>_001.png`..`_012.png` -> one file of pixels, views in that order."""

from pathlib import Path

from geolearn.data.manifest import Manifest
from geolearn.data.prepared.index import Index
from geolearn.data.prepared.pictures import convert_views
from geolearn.data.workers import Workers


def prepare(data: Path, destination: Path, manifest: Manifest, workers: Workers) -> Index:
    splits = {split: manifest.read_split(split) for split in manifest.splits}
    files = {}
    for key in (key for entries in splits.values() for key, _ in entries):
        folder = data / key
        files[key] = [folder / f"{folder.name}_{view:03d}.png" for view in range(1, manifest.views + 1)]
    return convert_views(splits, files, destination, manifest, workers)
