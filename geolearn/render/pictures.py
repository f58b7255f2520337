"""Pictures of meshes from many cameras, for networks, caches and reports: no gradient, but fast."""

from typing import Literal, get_args

import numpy as np
import torch

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.render.projection import batch_in_view, image_size
from geolearn.structures import Cameras, Mesh, MeshBatch
from geolearn.structures.foreign import takes_meshes
from geolearn.typing import Float, Int, Shaped, Tensor

Shading = Literal["smooth", "flat", "depth", "normals", "silhouette"]
SHADINGS: tuple[Shading, ...] = get_args(Shading)
TASKS_PER_THREAD = 4  # images are cut into bands of rows until there are this many tasks per thread


@takes_meshes
def render_views(
    mesh: Mesh | MeshBatch,
    cameras: Cameras,
    size: int | tuple[int, int] | None = None,
    shading: Shading = "smooth",
    *,
    ambient: float = 0.3,
    diffuse: float = 0.6,
    background: float = 0.0,
) -> Float[Tensor, "*B V C H W"]:
    """Render every mesh from every camera.

    | shading | C | value |
    | --- | --- | --- |
    | `smooth` | 1 | `ambient + diffuse * abs(cos)` of the angle between the interpolated normal and the ray |
    | `flat` | 1 | the same with the normal of the face |
    | `depth` | 1 | distance in front of the camera along its axis, in world units |
    | `normals` | 3 | unit normals turned to the viewer, (x right, y up, z to the viewer) from -1..1 to 0..1 |
    | `silhouette` | 1 | 1 |

    The light is a headlight at the camera, the same for both sides of a face. A pixel shows what its centre sees; where
    it sees nothing it is 0 (`smooth` and `flat`: `background`). Values are in [0, 1], except `depth`. Faces may cross
    the camera's plane or surround the camera. No gradient flows. The work is done on the CPU; the result does not
    depend on the number of threads.

    Args:
        mesh: a mesh, or a batch of B meshes that are all seen by the same cameras.
        cameras: V cameras.
        size: side in pixels, or (height, width), if another than that of the cameras; the intrinsics are scaled.
        shading: see the table.
        ambient, diffuse: light from everywhere and from the camera; together at most 1.
        background: value where nothing is seen, for `smooth` and `flat`.

    Returns:
        float32 (V, C, H, W), or (B, V, C, H, W) for a batch, on the device of the mesh.

    Raises:
        UnknownNameError: no such shading.
        InvalidInputError: an image without pixels, or light or background outside [0, 1].

    >>> import trimesh
    >>> from geolearn.render import camera_rig
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> images = render_views(ball, camera_rig("ring", count=3, size=32))
    >>> images.shape, bool((images[:, 0, 16, 16] > 0.8).all())
    (torch.Size([3, 1, 32, 32]), True)
    """
    if shading not in SHADINGS:
        raise unknown_name("shading", shading, SHADINGS)
    if min(ambient, diffuse) < 0 or ambient + diffuse > 1 or not 0 <= background <= 1:
        raise InvalidInputError(
            "ambient, diffuse, background: expected light >= 0 that sums to at most 1 and a background in [0, 1], got "
            f"{ambient}, {diffuse}, {background}"
        )
    size = image_size(cameras, size)
    batch = batch_in_view(mesh, cameras)
    filling = background if shading in ("smooth", "flat") else 0.0
    images = torch.full((len(batch), len(cameras), 3 if shading == "normals" else 1, *size), filling)
    _render(batch, cameras, SHADINGS.index(shading), images, ambient, diffuse)
    images = images.to(batch.verts.device)
    return images[0] if isinstance(mesh, Mesh) else images


@takes_meshes
def visible_faces(mesh: Mesh | MeshBatch, cameras: Cameras, size: tuple[int, int]) -> Int[Tensor, "B V H W"]:
    """The packed index of the face that every pixel centre sees, int32, -1 for none; as in `render_views`."""
    batch = batch_in_view(mesh, cameras)
    faces = torch.full((len(batch), len(cameras), 1, *size), -1, dtype=torch.int32)
    _render(batch, cameras, len(SHADINGS), faces, 0.0, 0.0)
    return faces[:, :, 0].to(batch.verts.device)


def _render(
    batch: MeshBatch,
    cameras: Cameras,
    shading: int,
    images: Shaped[Tensor, "B V C H W"],
    ambient: float,
    diffuse: float,
) -> None:
    """Draw into `images`; `shading` is an index into SHADINGS, or the one after it for `visible_faces`."""
    from geolearn.kernels.rasterize_views import render, vertex_normals  # late: Numba takes a while to import

    height, width = images.shape[-2:]
    verts = batch.verts.detach().cpu().contiguous().numpy()
    faces = batch.faces.cpu().int().contiguous().numpy()
    smooth = shading in (SHADINGS.index("smooth"), SHADINGS.index("normals"))
    normals = np.zeros((len(verts) if smooth else 0, 3))
    if smooth:
        vertex_normals(verts, faces, normals)
    matrices, rays, rotations = _projections(cameras.resized(height, width))
    pictures, threads = len(batch) * len(cameras), torch.get_num_threads()
    bands = min(height, -(-TASKS_PER_THREAD * threads // max(pictures, 1)))
    items = min(pictures * bands, threads)
    render(
        verts, faces, normals, _starts(batch.verts_per_mesh), _starts(batch.faces_per_mesh), matrices, rays, rotations,
        bands, items, shading, float(ambient), float(diffuse), images.numpy(),
    )  # fmt: skip


def _projections(cameras: Cameras) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """World to pixels (N, 3, 4), pixels (u, v, 1) to ray directions in the world (N, 3, 3), rotations (N, 3, 3)."""
    K = cameras.K.detach().cpu().double().numpy()
    pose = cameras.world_to_camera.detach().cpu().double().numpy()
    rotations = np.ascontiguousarray(pose[:, :3, :3])
    return np.ascontiguousarray(K @ pose[:, :3]), rotations.transpose(0, 2, 1) @ np.linalg.inv(K), rotations


def _starts(counts: Tensor) -> np.ndarray:
    return np.concatenate([[0], counts.cpu().numpy().cumsum()])
