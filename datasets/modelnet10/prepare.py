"""`ModelNet10/<class>/<train|test>/<name>.off` -> one .npz per mesh; the folders are the official split."""

from pathlib import Path

from geolearn.data.manifest import Manifest
from geolearn.data.prepared.index import Index
from geolearn.data.prepared.meshes import convert_class_folders
from geolearn.data.workers import Workers


def prepare(data: Path, destination: Path, manifest: Manifest, workers: Workers) -> Index:
    return convert_class_folders(data, destination, manifest, workers, suffix=".off")
