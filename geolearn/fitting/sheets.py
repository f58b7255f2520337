"""Pictures of a fit: before and after beside the views, where silhouettes are wrong, and once around."""

import math

import torch

from geolearn.fitting.metrics import coverage_iou, draw_coverage
from geolearn.render import camera_rig, render_views
from geolearn.render.pictures import visible_faces
from geolearn.render.sheets import contact_sheet
from geolearn.reports.mesh_viewer import y_up
from geolearn.structures import Cameras, Mesh, Views
from geolearn.typing import Float, Tensor

LARGEST = 256  # pixels of a picture in a sheet
BACKGROUND = 0.9
MISSING, TOO_MUCH = (0.85, 0.2, 0.15), (0.15, 0.35, 0.85)


def before_after_sheet(views: Views, start: Mesh | None, mesh: Mesh, columns: int = 6) -> Float[Tensor, "3 H W"]:
    """Rows: the views, the start of the fit and its end from the same cameras; views spread over all of them."""
    chosen = torch.linspace(0, len(views) - 1, min(columns, len(views))).round().long().tolist()
    some = views[chosen]
    factor = max(1, LARGEST // max(some.cameras.height, some.cameras.width))  # of small pictures, to see what is there
    size = (factor * some.cameras.height, factor * some.cameras.width)
    rows = [torch.nn.functional.interpolate(_show_masked(some), size=size)]
    for shape in (start, mesh):
        if shape is not None:
            light = render_views(shape, some.cameras, size, "smooth", background=BACKGROUND)
            rows.append(light.expand(-1, 3, -1, -1))
    return contact_sheet(_shrink(torch.cat(rows)), len(chosen), background=1.0)


def silhouette_errors(
    masks: Float[Tensor, "N H W"], cameras: Cameras, mesh: Mesh
) -> tuple[Float[Tensor, "N 3 H W"], list[float]]:
    """Pictures of the masks, red where the mesh is missing and blue where it is in excess, and their coverage IoU."""
    pictures, agreement = [], []
    for number in range(len(cameras)):
        drawn, mask = draw_coverage(mesh, cameras[number]), masks[number, None]
        both = torch.minimum(drawn, mask)
        picture = 0.97 - 0.4 * both.expand(3, -1, -1)
        for excess, colour in ((mask - drawn, MISSING), (drawn - mask, TOO_MUCH)):
            share = excess.clamp(0, 1)
            picture = picture * (1 - share) + share * torch.tensor(colour)[:, None, None]
        pictures.append(picture)
        agreement.append(float(coverage_iou(drawn, mask)))
    return torch.stack(pictures), agreement


def error_sheet(pictures: Float[Tensor, "N 3 h w"], agreement: list[float], count: int = 12) -> Float[Tensor, "3 H W"]:
    """The worst views first."""
    order = sorted(range(len(agreement)), key=lambda number: agreement[number])[:count]
    return contact_sheet(_shrink(pictures[order]), min(6, len(order)), background=1.0)


def turntable(
    mesh: Mesh,
    up: Float[Tensor, " 3"],
    colours: Float[Tensor, "V 3"] | None = None,
    *,
    frames: int = 48,
    size: int = 256,
) -> Float[Tensor, "N C H W"]:
    """Once around the mesh, seen from a little above; shaded, in its colours where it has some."""
    low, high = mesh.bounds
    z_up = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]) @ y_up(up).to(mesh.verts)
    verts = (mesh.verts.detach() - (low + high) / 2) / (high - low).norm() * math.sqrt(3)
    turned = Mesh(verts @ z_up.T, mesh.faces)
    cameras = camera_rig("ring", count=frames, size=size, elevation_rad=math.radians(20))
    return _render_light(turned, cameras, colours)


def up_of(cameras: Cameras) -> Float[Tensor, " 3"]:
    """The direction that points up in most pictures; +Z where they disagree."""
    mean = -cameras.world_to_camera[:, 1, :3].detach().mean(0)
    return mean / mean.norm() if float(mean.norm()) > 0.1 else mean.new_tensor([0.0, 0.0, 1.0])


def _render_light(mesh: Mesh, cameras: Cameras, colours: Tensor | None = None) -> Tensor:
    light = render_views(mesh, cameras, shading="smooth", background=BACKGROUND)
    if colours is None:
        return light.expand(-1, 3, -1, -1)
    face = visible_faces(mesh, cameras, (cameras.height, cameras.width))[0].long()
    seen = colours[mesh.faces].mean(1)[face].movedim(-1, 1)
    return torch.where(face[:, None] >= 0, seen * (light + 0.1), BACKGROUND)


def _show_masked(views: Views) -> Tensor:
    """The pictures, before a plain background where there are masks."""
    images = views.images[:, :3] if views.images.shape[1] >= 3 else views.images[:, :1].expand(-1, 3, -1, -1)
    if views.masks is None:
        return images
    masks = views.masks[:, None]
    return images * masks + BACKGROUND * (1 - masks)


def _shrink(pictures: Tensor) -> Tensor:
    height, width = pictures.shape[-2:]
    factor = LARGEST / max(height, width)
    if factor >= 1:
        return pictures
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    return torch.nn.functional.interpolate(pictures, size=size, mode="area")
