"""The colours of a fitted mesh's vertices, from the pictures it was fitted to."""

import math

import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting.picture_samples import is_in_picture, sample_pictures
from geolearn.ops import mesh_edges, vertex_normals
from geolearn.render import render_depth
from geolearn.structures import Mesh, Views
from geolearn.typing import Bool, Float, Tensor

DEPTH_SLACK = 0.01  # of the mesh's longest side, by which a vertex may lie behind what its pixel sees
STEEP = 0.1  # cosine between normal and ray below which the colour of a pixel is not used
NEARLY_FULL = 0.99  # opacity: pixels of the rim mix in the background


def vertex_colours(mesh: Mesh, views: Views) -> Float[Tensor, "V 3"]:
    """Mean of the colours that the views show at every vertex, weighted by the cosine between normal and ray squared.

    A view counts where the vertex lies in the picture, faces the camera, is not hidden and, where there are masks, lies
    on the object alone. Pictures are interpolated between pixels. A vertex that no view shows takes the mean of its
    neighbours, ring by ring; without any colour at all it is grey (1/2). What shines or is lit differs between views,
    and is averaged.

    Args:
        mesh: in the world of the cameras.
        views: pictures of 1 or 3 channels.

    Raises:
        InvalidInputError: another number of channels.

    >>> import trimesh
    >>> from geolearn.render import camera_rig, render_views
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> cameras = camera_rig("sphere", count=8, size=16)
    >>> masks = render_views(ball, cameras, shading="silhouette")
    >>> views = Views(masks, cameras, masks[:, 0])
    >>> red = Views(masks * torch.tensor([1.0, 0, 0])[:, None, None], cameras, masks[:, 0])
    >>> vertex_colours(ball, red).mean(0).round(decimals=1).tolist()
    [1.0, 0.0, 0.0]
    """
    if views.images.shape[1] not in (1, 3):
        raise InvalidInputError(f"views: expected pictures of 1 or 3 channels, got {views.images.shape[1]}")
    total, weight = torch.zeros(len(mesh.verts), 3), torch.zeros(len(mesh.verts))
    verts, normals = mesh.verts.detach(), vertex_normals(mesh).detach()
    slack = DEPTH_SLACK * float((mesh.bounds[1] - mesh.bounds[0]).max())
    for number in range(len(views)):
        camera = views.cameras[number]
        pixels, depth = (values[0].detach() for values in camera.project(verts))
        inside = is_in_picture(pixels, depth, camera.height, camera.width)
        nearest = render_depth(mesh, camera)[0].detach()
        rays = torch.nn.functional.normalize(camera.centres - verts, dim=1)
        cosine = (rays * normals).sum(1)
        steep = (1 - cosine.square()).clamp(min=0).sqrt() / cosine.clamp(min=STEEP)
        ahead = slack + 2 * steep * depth / camera.K[0, 0, 0]  # how much deeper the surface is two pixels on
        seen = inside & (cosine > STEEP) & (depth <= _nearest_around(nearest, pixels, inside) + ahead)
        if views.masks is not None:
            seen &= sample_pictures(views.masks[number, None].detach().cpu(), pixels)[0] >= NEARLY_FULL
        share = torch.where(seen, cosine.square(), 0)
        total += share[:, None] * sample_pictures(views.images[number].detach().cpu(), pixels).T.expand(-1, 3)
        weight += share
    known = weight > 0
    colours = torch.where(known[:, None], total / weight.where(known, 1)[:, None], 0.5)
    return _spread(colours, known, mesh).clamp(0, 1)


def _nearest_around(depth: Float[Tensor, "H W"], pixels: Float[Tensor, "V 2"], inside: Bool[Tensor, " V"]) -> Tensor:
    """The depth that the pixel of every vertex sees, the nearest of it and its eight neighbours."""
    depth = torch.where(depth > 0, depth, math.inf)
    wide = -torch.nn.functional.max_pool2d(-depth[None, None], 3, 1, 1)[0, 0]
    height, width = depth.shape
    column = pixels[:, 0].where(inside, 0).long().clamp(0, width - 1)
    row = pixels[:, 1].where(inside, 0).long().clamp(0, height - 1)
    return wide[row, column]


def _spread(colours: Tensor, known: Tensor, mesh: Mesh) -> Tensor:
    """Colours of unknown vertices as means of known neighbours, from the rim of the unknown inward."""
    edges = mesh_edges(mesh.faces)
    both = torch.cat([edges, edges.flip(1)])
    while bool(known.any()) and not bool(known.all()):
        at_rim = both[known[both[:, 0]] & ~known[both[:, 1]]]
        if len(at_rim) == 0:  # parts of the mesh without any colour
            break
        count = torch.bincount(at_rim[:, 1], minlength=len(known))
        total = torch.zeros_like(colours).index_add(0, at_rim[:, 1], colours[at_rim[:, 0]])
        reached = count > 0
        colours = torch.where(reached[:, None], total / count.clamp(min=1)[:, None], colours)
        known = known | reached
    return colours
