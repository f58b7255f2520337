"""Pictures of meshes in the colours of their parts."""

import torch
from torch.nn import functional as F

from geolearn.errors import InvalidInputError
from geolearn.render.pictures import render_views, visible_faces
from geolearn.render.rigs import camera_rig, frame_mesh
from geolearn.structures import Cameras, Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Float, Int, Tensor

# sRGB, 0..255; one after the other far apart, so that neighbouring labels are told apart.
_PALETTE = (
    (96, 144, 208), (224, 128, 72), (96, 172, 108), (190, 96, 160), (204, 180, 76), (112, 196, 200), (164, 124, 96),
    (150, 150, 150), (230, 96, 96), (104, 80, 168), (56, 104, 72), (232, 170, 196),
)  # fmt: skip


def part_colours(count: int) -> Float[Tensor, "K 3"]:
    """Red, green and blue in [0, 1] for every label; the palette has 12 colours and then starts again, darker.

    >>> part_colours(2).mul(255).round().int().tolist()
    [[96, 144, 208], [224, 128, 72]]
    """
    palette = torch.tensor(_PALETTE, dtype=torch.float32) / 255
    label = torch.arange(count)
    return palette[label % len(palette)] * 0.7 ** (label // len(palette))[:, None]


@takes_mesh
def render_parts(
    mesh: Mesh,
    labels: Int[Tensor, " F"] | None = None,
    cameras: Cameras | None = None,
    size: int = 256,
    *,
    background: float = 1.0,
) -> Float[Tensor, "V 3 H W"]:
    """The mesh from every camera, each face in the colour of its label, lit from the camera.

    Args:
        labels: one per face, >= 0; by default the mesh's own.
        cameras: by default four around it, a little above; the mesh is scaled to fill their pictures.
        size: pixels a side; every pixel is the mean of 2 x 2.

    Raises:
        InvalidInputError: no labels, not one per face, or one below 0.
    """
    labels = mesh.face_labels if labels is None else labels
    if labels is None:
        raise InvalidInputError(f"labels: mesh {mesh.name!r} has no face_labels; give labels")
    if labels.shape != (len(mesh.faces),) or bool((labels < 0).any()):
        raise InvalidInputError(
            f"labels: expected {len(mesh.faces)} labels >= 0, one per face, got {len(labels)}, the least "
            f"{int(labels.min()) if len(labels) else 'none'}"
        )
    if cameras is None:
        cameras = camera_rig("ring", size=size, count=4, elevation_rad=0.35)
        mesh = frame_mesh(mesh, "sphere")
    fine = (2 * size, 2 * size)
    light = render_views(mesh, cameras, fine, "flat", ambient=0.45, diffuse=0.55)
    hit = visible_faces(mesh, cameras, fine)[0].long()
    colours = part_colours(int(labels.max()) + 1).to(labels.device)[labels[hit.clamp(min=0)]].permute(0, 3, 1, 2)
    pictures = torch.where(hit[:, None] >= 0, colours * light, background)
    return F.avg_pool2d(pictures, 2)
