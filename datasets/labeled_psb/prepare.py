"""`LabeledDB_new/<Category>/<number>.off` and `<number>_labels.txt` -> one .npz per mesh, with labels."""

import functools
from pathlib import Path

from geolearn.data.manifest import Manifest
from geolearn.data.prepared.index import Index
from geolearn.data.prepared.meshes import MeshTask, convert_labelled_meshes, mesh_path
from geolearn.data.workers import Workers
from geolearn.io.face_labels import read_part_lists
from geolearn.structures import Mesh
from geolearn.typing import Array


def prepare(data: Path, destination: Path, manifest: Manifest, workers: Workers) -> Index:
    splits = {split: manifest.read_split(split) for split in manifest.splits}
    tasks = []
    for key, label in (entry for entries in splits.values() for entry in entries):
        read = functools.partial(read_labels, parts=manifest.parts[manifest.classes[label]])
        labels = data / f"{key}_labels.txt"
        tasks.append(MeshTask(data / f"{key}.off", mesh_path(destination, key), manifest.up, labels, read))
    convert_labelled_meshes(tasks, workers, manifest)
    return Index(splits)


def read_labels(path: Path, mesh: Mesh, parts: tuple[str, ...]) -> dict[str, Array]:
    return {"face_labels": read_part_lists(path, len(mesh.faces), parts).numpy().astype("int32")}
