"""MeshCNN's folders `<train|test>/<shape>.obj` and `seg/<shape>.eseg` -> one .npz per mesh, with labels."""

from pathlib import Path

from geolearn.data.manifest import Manifest
from geolearn.data.prepared.index import Index
from geolearn.data.prepared.meshes import convert_edge_labelled
from geolearn.data.workers import Workers


def prepare(data: Path, destination: Path, manifest: Manifest, workers: Workers) -> Index:
    return convert_edge_labelled(data, destination, manifest, workers)
