"""Views that cannot be right get the right shape or a sentence, and sound ones are left as they are."""

import itertools
import warnings

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.fitting.doubts import check_masks, find_normal_frame
from geolearn.fitting.targets import targets_from
from geolearn.ops.isosurface import isosurface
from geolearn.render import camera_rig, render_views
from geolearn.structures import Views


def blob(size=24):
    x, y, z = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, size)] * 3, indexing="ij"))
    return isosurface(0.8 - (x**2 + 2 * y**2 + 3 * (z - 0.3 * x**2) ** 2).sqrt(), 0.0).normalised()


def box(size=24):
    places = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, size)] * 3, indexing="ij"))
    return isosurface(
        0.7 - (places * torch.tensor([1.0, 1.4, 1.8])[:, None, None, None]).abs().amax(0), 0.0
    ).normalised()


def views_of(mesh, count=6, size=48):
    cameras = camera_rig("sphere", count=count, size=size)
    masks = torch.nn.functional.avg_pool2d(render_views(mesh, cameras, size * 4, "silhouette"), 4)[:, 0]
    return Views(render_views(mesh, cameras, shading="normals"), cameras, masks)


def turns():
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            turn = torch.zeros(3, 3)
            turn[range(3), order] = torch.tensor(signs)
            yield turn


def encoded(normals):
    return ((normals + 1) / 2).clamp(0, 1)


def in_world(views):
    flip = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    turn = (flip @ views.cameras.world_to_camera[:, :3, :3]).mT
    return torch.einsum("nij,njhw->nihw", turn, 2 * views.images - 1)


class TestMasks:
    def test_sound_masks_are_left_alone(self):
        masks = views_of(blob()).masks
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert check_masks(masks) is masks
            assert len(check_masks(masks[:0])) == 0
            at_the_border = masks.clone()
            at_the_border[0] = 1  # one close-up
            at_the_border[0, 20:24, 20:24] = 0
            assert check_masks(at_the_border) is at_the_border

    def test_inverted_masks(self):
        views = views_of(blob())
        with pytest.raises(InvalidInputError, match=r"in 6 of 6 views .* look inverted; .* pass 1 - masks"):
            targets_from(Views(views.images, views.cameras, 1 - views.masks), "none")

    @pytest.mark.parametrize("opacity", [0.6, 0.2, 1 / 255])
    def test_faint_objects_and_labels_are_taken_for_whole(self, opacity):
        views = views_of(blob())
        masks = (views.masks >= 0.5).float() if opacity < 0.1 else views.masks
        with pytest.warns(UserWarning, match="no pixel is more opaque than"):
            found = targets_from(Views(views.images, views.cameras, masks * opacity), "none").masks
        torch.testing.assert_close(found, masks)

    def test_noise_is_no_label(self):
        noise = 0.02 * torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))
        assert check_masks(noise) is noise


class TestNormals:
    @pytest.mark.parametrize("shape", [blob, box])
    def test_every_frame_is_found(self, shape):
        views = views_of(shape())
        given, world = 2 * views.images - 1, in_world(views)
        inside = (views.masks >= 0.99)[:, None]
        for turn in turns():
            for normals in (given, world):
                turned = torch.einsum("ji,njhw->nihw", turn, normals)
                frame = find_normal_frame(turned, views.masks, views.cameras)
                assert frame.known
                found = frame.to_ours(turned, views.cameras)
                assert float(((found - given) * inside).abs().max()) < 1e-5
                assert frame.is_ours == (normals is given and bool(turn.trace() == 3))

    def test_opencv_and_world_normals_are_taken_with_a_warning(self):
        views = views_of(blob())
        opencv = (2 * views.images - 1) * torch.tensor([1.0, -1.0, -1.0])[:, None, None]
        expected = targets_from(views, "auto").pictures
        inside = (views.masks >= 0.99)[:, None]
        for normals, words in (
            (opencv, r"\(right, -up, -to the viewer\) of the camera"),
            (in_world(views), r"\(x, y, z\) of the world"),
        ):
            with pytest.warns(UserWarning, match=words):
                found = targets_from(Views(encoded(normals), views.cameras, views.masks), "auto")
            assert found.kind == "normals"
            assert float(((found.pictures - expected) * inside).abs().max()) < 1e-4

    def test_our_own_are_left_as_they_are(self):
        views = views_of(blob())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = targets_from(views, "auto")
        assert torch.equal(found.pictures, torch.nn.functional.normalize(2 * views.images - 1, dim=1))

    def test_vectors_that_are_no_normals(self):
        views = views_of(blob())
        noise = torch.randn(views.images.shape, generator=torch.Generator().manual_seed(0))
        views = Views(encoded(torch.nn.functional.normalize(noise, dim=1)), views.cameras, views.masks)
        assert targets_from(views, "auto").kind == "none"
        with pytest.raises(InvalidInputError, match="agree with the outlines in no order and signs"):
            targets_from(views, "normals")

    def test_too_short_an_outline_says_nothing(self):
        views = views_of(blob(), count=2, size=8)
        masks = torch.zeros(2, 8, 8)
        masks[:, 4, 4] = 1
        assert find_normal_frame(2 * views.images - 1, masks, views.cameras) is None
