"""The border: conversions to and from trimesh, Open3D and PyTorch3D. Each outside library is imported here only."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from geolearn._optional import require
from geolearn.typing import Tensor

if TYPE_CHECKING:
    from geolearn.structures.mesh import Mesh


def to_trimesh(mesh: "Mesh") -> Any:
    import trimesh  # a core dependency, imported late because it costs 0.2 s

    labels: dict[str, Any] = {} if mesh.face_labels is None else {"label": mesh.face_labels.cpu().numpy()}
    return trimesh.Trimesh(
        mesh.verts.detach().cpu().numpy(), mesh.faces.cpu().numpy(), face_attributes=labels, process=False
    )


def from_trimesh(mesh: Any) -> tuple[Tensor, Tensor, Tensor | None]:
    labels = mesh.face_attributes.get("label")
    return (
        torch.tensor(np.asarray(mesh.vertices), dtype=torch.float32),
        torch.tensor(np.asarray(mesh.faces), dtype=torch.int64),
        None if labels is None else torch.tensor(np.asarray(labels), dtype=torch.int64),
    )


def to_open3d(mesh: "Mesh") -> Any:
    o3d = require("open3d", extra="open3d")
    return o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.verts.detach().cpu().double().numpy()),
        o3d.utility.Vector3iVector(mesh.faces.cpu().int().numpy()),
    )


def from_open3d(mesh: Any) -> tuple[Tensor, Tensor]:
    return (
        torch.tensor(np.asarray(mesh.vertices), dtype=torch.float32),
        torch.tensor(np.asarray(mesh.triangles), dtype=torch.int64),
    )


def to_pytorch3d(meshes: "Sequence[Mesh]") -> Any:
    structures = require("pytorch3d.structures", extra="render")
    return structures.Meshes([mesh.verts for mesh in meshes], [mesh.faces for mesh in meshes])
