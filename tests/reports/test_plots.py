"""Pictures of meshes in reports: what is in front is what is seen, in the colour of its label."""

import numpy as np
import torch
import trimesh
from PIL import Image

from geolearn.reports.plots import plot_meshes
from geolearn.structures import Mesh

BLUE, LIGHT_BLUE = np.array([31, 119, 180]), np.array([174, 199, 232])  # tab20's first two


def pixels_of_hue(picture: np.ndarray, colour: np.ndarray) -> int:
    """Pixels that are a shade of `colour`: the same direction in RGB, as dark as light makes it."""
    flat = picture.reshape(-1, 3).astype(float)
    cosine = flat @ colour / (np.linalg.norm(flat, axis=1) * np.linalg.norm(colour) + 1e-9)
    return int(((cosine > 0.999) & (flat.sum(1) > 60)).sum())


def test_the_upper_half_of_a_cube_hides_nothing_and_is_hidden_by_nothing(tmp_path):
    cube = Mesh.from_trimesh(trimesh.creation.box().subdivide())
    upper = (cube.triangles().mean(1)[:, 2] > 0).long()
    halves = Mesh(cube.verts, cube.faces, upper)
    inner = Mesh(cube.verts * 0.5, cube.faces, torch.ones(len(cube.faces), dtype=torch.int64))
    outer = Mesh(cube.verts, cube.faces, torch.zeros(len(cube.faces), dtype=torch.int64))
    hidden = Mesh(
        torch.cat([outer.verts, inner.verts]),
        torch.cat([outer.faces, inner.faces + len(outer.verts)]),
        torch.cat([outer.face_labels, inner.face_labels]),
    )
    plot_meshes(
        [(halves, "halves"), (Mesh(cube.verts, cube.faces), "no labels"), (hidden, "hidden")], tmp_path / "s.png", 3
    )
    with Image.open(tmp_path / "s.png") as image:
        picture = np.asarray(image.convert("RGB"))
    third = picture.shape[1] // 3
    left, middle, right = (picture[:, k * third : (k + 1) * third] for k in range(3))
    lower_seen, upper_seen = pixels_of_hue(left, BLUE), pixels_of_hue(left, LIGHT_BLUE)
    assert upper_seen > 1.5 * lower_seen > 1000  # from above: the top as well
    assert pixels_of_hue(middle, BLUE) > 0.9 * (lower_seen + upper_seen)
    for one in (middle, right):
        assert pixels_of_hue(one, LIGHT_BLUE) < 0.01 * upper_seen
