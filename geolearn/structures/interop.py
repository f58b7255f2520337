"""Meshes at the border: their arrays to and from trimesh, Open3D and PyTorch3D."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from geolearn._optional import require
from geolearn.typing import Float, Int, Tensor


def to_trimesh(verts: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], face_labels: Int[Tensor, " F"] | None) -> Any:
    import trimesh  # a core dependency, imported late because it costs 0.2 s

    labels: dict[str, Any] = {} if face_labels is None else {"label": face_labels.cpu().numpy()}
    return trimesh.Trimesh(verts.detach().cpu().numpy(), faces.cpu().numpy(), face_attributes=labels, process=False)


def from_trimesh(mesh: Any) -> tuple[Tensor, Tensor, Tensor | None]:
    labels = mesh.face_attributes.get("label")
    return (
        torch.tensor(np.asarray(mesh.vertices), dtype=torch.float32),
        torch.tensor(np.asarray(mesh.faces), dtype=torch.int64),
        None if labels is None else torch.tensor(np.asarray(labels), dtype=torch.int64),
    )


def to_open3d(verts: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"]) -> Any:
    o3d = require("open3d", extra="open3d")
    return o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(verts.detach().cpu().double().numpy()),
        o3d.utility.Vector3iVector(faces.cpu().int().numpy()),
    )


def from_open3d(mesh: Any) -> tuple[Tensor, Tensor]:
    return (
        torch.tensor(np.asarray(mesh.vertices), dtype=torch.float32),
        torch.tensor(np.asarray(mesh.triangles), dtype=torch.int64),
    )


def to_pytorch3d(verts: Sequence[Float[Tensor, "_ 3"]], faces: Sequence[Int[Tensor, "_ 3"]]) -> Any:
    structures = require("pytorch3d.structures", extra="render")
    return structures.Meshes(list(verts), list(faces))
