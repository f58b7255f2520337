"""Meshes of prepared datasets: one `meshes/<key>.npz` each, and how the prepare.py of a dataset makes them."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from geolearn.data.manifest import Manifest
from geolearn.data.prepared.arrays import read_arrays, write_arrays
from geolearn.data.prepared.index import Entry, Index
from geolearn.data.prepared.orientation import turn_positions
from geolearn.data.workers import Workers
from geolearn.errors import DatasetError
from geolearn.ops.edge_labels import edges_in_face_order, face_labels_from_edges
from geolearn.structures import Mesh
from geolearn.typing import Array, Int, Tensor


class MeshTask(NamedTuple):
    """One mesh file to convert; `up` is the axis that points up in it.

    `labels`, where a dataset has labels of parts, is a file and `read_labels` gives arrays of it: `face_labels`, and
    `edge_labels` where the file is by edge.
    """

    source: Path
    target: Path
    up: str
    labels: Path | None = None
    read_labels: Callable[[Path, Mesh], dict[str, Array]] | None = None


def convert_class_folders(data: Path, destination: Path, manifest: Manifest, workers: Workers, suffix: str) -> Index:
    """Meshes laid out as `<class>/<split>/<shape><suffix>`; keys are that path without the suffix.

    Where the dataset has split files they decide what is needed and in which order; otherwise the sorted folders do.
    Capitals in the suffix do not matter.

    Raises:
        DatasetError: no class has a folder, a listed file is missing, two files have one key, or files cannot be read;
            names them.
    """
    if not any((data / name).is_dir() for name in manifest.classes):
        wanted = " or ".join(archive.folder for archive in manifest.archives)
        found = ", ".join(sorted(path.name for path in data.iterdir())[:5]) or "nothing"
        raise DatasetError(
            f"{data}: there is no folder {wanted} in it, nor those of the classes ({', '.join(manifest.classes[:3])}, "
            f"...); it holds {found}"
        )
    files = _files_by_key(data, manifest, suffix)
    splits = {split: _entries(files, split, manifest) for split in manifest.splits}
    keys = [key for entries in splits.values() for key, _ in entries]
    missing = [key + suffix for key in keys if key not in files]
    if missing:
        raise DatasetError(f"{data}: {len(missing)} of {len(keys)} files are missing, first {missing[:5]}")
    tasks = [MeshTask(files[key], mesh_path(destination, key), manifest.up) for key in keys]
    sizes = workers.map(convert_mesh, tasks, f"converting {manifest.name}")
    no_faces = [key for key, (_, faces) in zip(keys, sizes, strict=True) if faces == 0]
    return Index(splits, {"no_faces": no_faces} if no_faces else {})


def _files_by_key(data: Path, manifest: Manifest, suffix: str) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for name in manifest.classes:
        for path in sorted((data / name).glob("*/*")):
            key = f"{name}/{path.parent.name}/{path.stem}"
            if path.suffix.lower() == suffix and path.is_file():
                if key in files:
                    raise DatasetError(f"{path.parent}: {files[key].name} and {path.name} have one key, {key}")
                files[key] = path
    return files


def _entries(files: dict[str, Path], split: str, manifest: Manifest) -> list[Entry]:
    if split in manifest.split_files:
        return manifest.read_split(split)
    labels = {name: label for label, name in enumerate(manifest.classes)}
    named = ((labels[name], key, folder) for key in files for name, folder in [key.split("/")[:2]])
    return [(key, label) for label, key, folder in sorted(named) if folder == split]


def mesh_path(root: Path, key: str) -> Path:
    return root / "meshes" / f"{key}.npz"


def convert_mesh(task: MeshTask) -> tuple[int, int]:
    """Write one mesh, unless that is done; its numbers of vertices and faces."""
    from geolearn.io import load_mesh  # late: reading prepared data needs no file formats

    if task.target.is_file():
        try:
            done = read_mesh(task.target)
            return len(done.verts), len(done.faces)
        except DatasetError:
            pass  # damaged while it was written: convert it again
    mesh = load_mesh(task.source, attributes=False)
    arrays = _arrays_of(mesh, task.up)
    if task.labels is not None and task.read_labels is not None:
        arrays |= task.read_labels(task.labels, mesh)
    write_arrays(task.target, arrays)
    return len(mesh.verts), len(mesh.faces)


def mesh_arrays(path: Path, up: str, front: str) -> dict[str, Array]:
    """The mesh of a file, upright, as it is kept."""
    from geolearn.io import load_mesh

    return _arrays_of(load_mesh(path, attributes=False), up, front)


def _arrays_of(mesh: Mesh, up: str, front: str = "-y") -> dict[str, Array]:
    arrays = {"verts": turn_positions(mesh.verts, up, front).numpy(), "faces": mesh.faces.numpy().astype(np.int32)}
    if mesh.face_labels is not None:
        arrays["face_labels"] = mesh.face_labels.numpy().astype(np.int32)
    return arrays


def convert_labelled_meshes(tasks: list[MeshTask], workers: Workers, manifest: Manifest) -> None:
    """Write every mesh with its labels.

    Raises:
        DatasetError: files that are missing or cannot be read, or labels that do not fit their mesh; names them.
    """
    files = [file for task in tasks for file in (task.source, task.labels) if file is not None]
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise DatasetError(f"{manifest.name}: {len(missing)} of {len(files)} files are missing, first {missing[:5]}")
    workers.map(convert_mesh, tasks, f"converting {manifest.name}")


def convert_edge_labelled(data: Path, destination: Path, manifest: Manifest, workers: Workers) -> Index:
    """MeshCNN's layout for one class: `<split>/<shape>.obj`, and the labels of its edges in `seg/<shape>.eseg`.

    Raises:
        DatasetError: as `convert_labelled_meshes`.
    """
    splits = {split: manifest.read_split(split) for split in manifest.splits}
    read = functools.partial(_edge_labels, num_labels=len(manifest.parts[manifest.classes[0]]))
    tasks = []
    for key, _ in (entry for entries in splits.values() for entry in entries):
        labels = data / "seg" / f"{Path(key).name}.eseg"
        tasks.append(MeshTask(data / f"{key}.obj", mesh_path(destination, key), manifest.up, labels, read))
    convert_labelled_meshes(tasks, workers, manifest)
    return Index(splits)


def _edge_labels(path: Path, mesh: Mesh, num_labels: int) -> dict[str, Array]:
    from geolearn.io import face_labels  # late: reading prepared data needs no file formats

    edges = edges_in_face_order(mesh.faces)
    labels = face_labels.read_edge_labels(path, len(edges.ends), num_labels)
    arrays = {"edge_labels": labels, "face_labels": face_labels_from_edges(edges.face_edges, labels)}
    return {name: array.numpy().astype(np.int32) for name, array in arrays.items()}


def to_z_up(verts: Tensor, up: str) -> Tensor:
    """Rotate positions so that `up` becomes z; "none" and "z" leave them."""
    return turn_positions(verts, up)


def read_mesh(path: Path, name: str = "") -> Mesh:
    """A prepared mesh.

    Raises:
        DatasetError: the file is missing or damaged.
    """
    arrays = read_arrays(path)
    if not {"verts", "faces"} <= arrays.keys():
        raise DatasetError(f"{path}: expected the arrays verts and faces, got {sorted(arrays)}")
    faces = torch.from_numpy(arrays["faces"]).long()
    labels = arrays.get("face_labels")
    return Mesh(
        torch.from_numpy(arrays["verts"]), faces, None if labels is None else torch.from_numpy(labels).long(), name
    )


def read_edge_labels(path: Path) -> Int[Tensor, " E"] | None:
    """The labels per edge of a prepared mesh, in the order of `edges_in_face_order`; None where it has none."""
    labels = read_arrays(path).get("edge_labels")
    return None if labels is None else torch.from_numpy(labels).long()
