"""Pictures in part colours: the colour where a face is seen, the background elsewhere."""

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.render import camera_rig
from geolearn.render.part_pictures import part_colours, render_parts
from geolearn.structures import Mesh

# A square across the view of the first camera of a ring (on the +X side), its left half label 1, its right half 3.
CORNERS = torch.tensor([[0.0, y, z] for y in (-0.5, 0.0, 0.5) for z in (-0.5, 0.5)])
FACES = torch.tensor([[0, 2, 3], [0, 3, 1], [2, 4, 5], [2, 5, 3]])
SQUARE = Mesh(CORNERS, FACES, torch.tensor([1, 1, 3, 3]))


def test_every_part_has_its_colour_and_the_rest_is_background():
    camera = camera_rig("ring", size=32, count=1, elevation_rad=0.0)
    picture = render_parts(SQUARE, cameras=camera, size=32, background=0.5)[0]
    colours = part_colours(4)
    for column, label in ((13, 1), (18, 3)):  # +Y is to the right of a camera on the +X side
        pixel = picture[:, 16, column]
        assert torch.allclose(pixel / pixel.max(), colours[label] / colours[label].max(), atol=1e-3)
        assert float(pixel.max() / colours[label].max()) > 0.95  # seen nearly from the front
    assert picture[:, 0, 0].tolist() == [0.5] * 3


def test_by_default_four_pictures_filled_by_the_mesh():
    pictures = render_parts(Mesh(100 + 7 * CORNERS, FACES), torch.zeros(4, dtype=torch.int64), size=48)
    assert pictures.shape == (4, 3, 48, 48)
    assert float((pictures[0] < 1).any(0).float().mean()) > 0.2


def test_colours_differ_and_go_on_after_the_palette():
    colours = part_colours(30)
    assert float(torch.cdist(colours, colours).add(torch.eye(30)).min()) > 0.02
    assert 0 <= float(colours.min()) <= float(colours.max()) <= 1


@pytest.mark.parametrize(
    "labels, message",
    [
        (None, "labels: mesh 'bare' has no face_labels"),
        (torch.tensor([0, 1]), "labels: expected 4 labels >= 0, one per face, got 2"),
        (torch.tensor([0, -1, 0, 0]), "labels: expected 4 labels >= 0, one per face, got 4, the least -1"),
    ],
)
def test_labels_that_cannot_be_shown_are_refused(labels, message, as_installed):
    with pytest.raises(InvalidInputError, match=message):
        render_parts(Mesh(CORNERS, FACES, name="bare"), labels)
