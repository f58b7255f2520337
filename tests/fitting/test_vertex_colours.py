"""Vertex colours from pictures: those of a painted shape come back, hidden sides do not take the colour in front."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting import vertex_colours
from geolearn.ops.isosurface import isosurface
from geolearn.render import camera_rig, render_views
from geolearn.render.pictures import visible_faces
from geolearn.structures import Mesh, Views


def two_balls():
    axis = torch.linspace(-1.2, 1.2, 50)
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    apart = torch.maximum(0.5 - ((x - 0.6) ** 2 + y**2 + z**2).sqrt(), 0.5 - ((x + 0.6) ** 2 + y**2 + z**2).sqrt())
    mesh = isosurface(apart, 0.0)
    return Mesh(mesh.verts, mesh.faces).normalised()


def painted(mesh):
    """Left red, right a ramp of green; lit by nothing."""
    x, _, z = mesh.verts.unbind(1)
    red = torch.stack([torch.full_like(x, 0.9), torch.full_like(x, 0.1), torch.full_like(x, 0.1)], 1)
    green = torch.stack([torch.full_like(x, 0.1), 0.5 + 1.5 * z, torch.full_like(x, 0.2)], 1)
    return torch.where(x[:, None] < 0, red, green)


def pictures(mesh, colours, cameras):
    face = visible_faces(mesh, cameras, (cameras.height, cameras.width))[0].long()
    images = colours[mesh.faces].mean(1)[face].movedim(-1, 1)
    masks = render_views(mesh, cameras, shading="silhouette")[:, 0]
    return Views(images * masks[:, None], cameras, masks)


def test_the_paint_comes_back():
    mesh = two_balls()
    colours = painted(mesh)
    found = vertex_colours(mesh, pictures(mesh, colours, camera_rig("sphere", count=12, size=96)))
    error = (found - colours).abs().amax(1)
    assert float(error.median()) < 0.02
    assert float((error > 0.1).double().mean()) < 0.02


def test_what_is_hidden_takes_the_colour_of_its_neighbours():
    """From +X the left ball is behind the right one: it has no colour, the back of the right one that of its front."""
    mesh = two_balls()
    views = pictures(mesh, painted(mesh), camera_rig("ring", count=1, size=96, elevation_rad=0.0))
    found = vertex_colours(mesh, views)
    left = mesh.verts[:, 0] < 0
    assert torch.equal(found[left], torch.full_like(found[left], 0.5))
    assert float(found[~left][:, 0].max()) < 0.15


def test_grey_pictures_and_other_channels():
    mesh = two_balls()
    cameras = camera_rig("sphere", count=4, size=48)
    masks = render_views(mesh, cameras, shading="silhouette")
    found = vertex_colours(mesh, Views(0.25 * masks, cameras, masks[:, 0]))
    assert torch.allclose(found, torch.full_like(found, 0.25), atol=0.003)
    with pytest.raises(InvalidInputError, match="1 or 3 channels, got 2"):
        vertex_colours(mesh, Views(masks.expand(-1, 2, -1, -1), cameras))
