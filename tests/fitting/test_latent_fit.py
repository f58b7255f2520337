"""`fit_latent` and `fit_grid` on boxes whose code is known."""

import math
from dataclasses import replace

import pytest
import torch
from box_scenes import CODE, CORNERS, FACES, MeshBoxes, SoftBoxes, flipped, views_of, volume_iou
from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.fitting import fit_latent
from geolearn.models import PCADecoder
from geolearn.render import RaySums, camera_rig, render_views
from geolearn.structures import Cameras, Mesh, Views


class SumOfBoxes(SoftBoxes):
    """The same, but the code goes through a layer that autocast runs in lower precision."""

    def forward(self, codes):
        return super().forward((codes @ torch.eye(3)).float())


class TestLatent:
    @pytest.mark.parametrize("decoder", [SoftBoxes(32), MeshBoxes()])
    def test_finds_the_code(self, decoder):
        seen = []
        result = fit_latent(decoder, views_of(size=96), prior=1e-5, refine=False, draws=8, progress=seen.append)
        # Half a cell or a pixel of softness is about 0.2 of a code.
        torch.testing.assert_close(result.code, CODE, atol=0.25, rtol=0)
        assert result.metrics["iou"] > 0.9
        assert result.converged, result.message
        assert [step.number for step in seen] == list(range(100))
        assert tuple(seen) == result.history
        assert seen[-1].loss < seen[0].loss

    def test_three_views_with_a_tenth_of_their_pixels_flipped(self):
        clean = views_of(count=3, size=48)
        found, noisy = (fit_latent(SoftBoxes(), views, prior=1e-3) for views in (clean, flipped(clean)))
        assert float((found.code - noisy.code).abs().max()) < 0.3
        assert volume_iou(noisy.shape) > volume_iou(found.shape) - 0.1
        assert volume_iou(noisy.shape) > 0.6

    def test_the_prior_keeps_codes_near_zero(self):
        norms = [float(fit_latent(SoftBoxes(), views_of(), prior=weight).code.norm()) for weight in (1e-4, 0.1, 10.0)]
        assert norms[0] > norms[1] > norms[2]
        assert norms[2] < 0.1

    def test_shapes_side_by_side_are_fitted_as_if_alone(self):
        several = [views_of(), views_of(-CODE)]
        options = {"starts": 2, "draws": 4, "steps": 30}
        both = fit_latent(SoftBoxes(), several, **options)
        assert [result.code.shape for result in both] == [(3,), (3,)]
        for views, result in zip(several, both, strict=True):
            alone = fit_latent(SoftBoxes(), views, **options)
            torch.testing.assert_close(alone.code, result.code, atol=1e-4, rtol=0)
            assert alone.history[-1].loss == pytest.approx(result.history[-1].loss, rel=1e-3)

    def test_refinement_goes_where_the_decoder_cannot(self):
        """A ball, from a decoder of boxes."""
        cameras = camera_rig("sphere", count=12, size=32)
        centres = (torch.arange(16) + 0.5) / 16 - 0.5
        places = torch.stack(torch.meshgrid(centres, centres, centres, indexing="ij"))
        truth = places.norm(dim=0) < 0.4
        masks = (RaySums(cameras, 16).silhouettes(9.0 * truth[None, None], list(range(12)))[0] > 0.5).float()
        views = Views(masks[:, None], cameras, masks)
        ious = {}
        for refine in (False, None):
            result = fit_latent(SoftBoxes(), views, refine=refine)
            found = result.shape.occupancy
            ious[refine] = float((found & truth).sum() / (found | truth).sum())
            assert len(result.history) == (100 if refine is False else 160)
        assert ious[None] > ious[False] + 0.02

    def test_a_decoder_with_a_frame_of_its_own(self):
        """The unit cube's shape, in a cube twice as large that lies elsewhere."""
        decoder = SoftBoxes()
        decoder.origin, decoder.voxel_size = torch.tensor([2.0, 3.0, 4.0]), 2 / 16
        rig = camera_rig("sphere", count=4, size=32)
        pose = rig.world_to_camera.clone()
        pose[:, :3, 3] = 2 * pose[:, :3, 3] - pose[:, :3, :3] @ torch.tensor([3.0, 4.0, 5.0])
        views = views_of()
        moved = Views(views.images, Cameras(rig.K, pose, 32, 32), views.masks)
        one, other = fit_latent(SoftBoxes(), views, steps=20), fit_latent(decoder, moved, steps=20)
        torch.testing.assert_close(one.code, other.code, atol=1e-2, rtol=0)
        assert other.shape.origin.tolist() == [2, 3, 4]
        assert other.shape.voxel_size == 2 / 16

    def test_a_linear_basis_of_registered_meshes(self):
        generator = torch.Generator().manual_seed(0)
        sizes = 0.25 + 0.05 * torch.randn(20, 3, generator=generator)
        decoder = PCADecoder.from_meshes([Mesh(CORNERS * size, FACES) for size in sizes], 3)
        truth = Mesh(CORNERS * torch.tensor([0.3, 0.2, 0.27]), FACES)
        cameras = camera_rig("sphere", count=4, size=48)
        masks = render_views(truth, cameras, shading="silhouette")[:, 0]
        result = fit_latent(decoder, Views(masks[:, None], cameras, masks), prior=1e-4, draws=8)
        torch.testing.assert_close(result.shape.verts, truth.verts, atol=0.02, rtol=0)
        assert torch.equal(result.shape.faces, FACES)

    def test_interrupt_keeps_what_there_is(self):
        def stop(step):
            if step.number == 9:
                raise KeyboardInterrupt

        result = fit_latent(SoftBoxes(), views_of(), progress=stop)
        assert len(result.history) == 10
        assert not result.converged
        assert result.message == "interrupted after 10 of 160 steps"
        assert result.metrics["iou"] > 0.5

    @pytest.mark.parametrize("rate, kept", [(0.05, False), (50.0, True)])
    def test_interrupt_keeps_the_beginning_where_that_is_better(self, rate, kept):
        def stop(step):
            if step.number == 1:
                raise KeyboardInterrupt

        result = fit_latent(SoftBoxes(), views_of(), starts=1, draws=0, rate=rate, refine=False, progress=stop)
        assert torch.equal(result.code, torch.zeros(3)) == kept

    def test_the_decoder_is_left_as_it_was(self):
        decoder = nn.Sequential(SoftBoxes(8), nn.BatchNorm3d(1), nn.Sigmoid())
        decoder.code_size = 3
        before = {key: value.clone() for key, value in decoder.state_dict().items()}
        fit_latent(decoder, views_of(), steps=3, starts=1)
        assert decoder.training
        assert all(torch.equal(value, before[key]) for key, value in decoder.state_dict().items())
        assert all(weight.grad is None for weight in decoder.parameters())

    def test_lower_precision_for_a_whole_fit(self):
        views = views_of()
        with torch.autocast("cpu", torch.bfloat16):
            result = fit_latent(SumOfBoxes(), views, draws=0, starts=1, steps=40, refine=False)
        exact = fit_latent(SumOfBoxes(), views, draws=0, starts=1, steps=40, refine=False)
        assert result.history[-1].loss < 0.8 * result.history[0].loss
        torch.testing.assert_close(result.code, exact.code, atol=0.2, rtol=0)

    def test_few_steps_are_not_called_converged(self):
        assert not fit_latent(SoftBoxes(), views_of(), steps=4, refine=False).converged

    @pytest.mark.parametrize(
        "decoder, message",
        [
            (nn.Identity(), "attribute `code_size`"),
            (lambda codes: codes, r"expected opacities \(1, 1, R, R, R\) or a MeshBatch of 1, got \(1, 3\)"),
            (lambda codes: 3.0, "or a MeshBatch of 1, got float"),
            (lambda codes: torch.full((len(codes), 1, 4, 4, 4), 2.0), r"opacities in \[0, 1\], got 2\.\.2"),
            (lambda codes: torch.full((len(codes), 1, 4, 4, 4), math.nan), r"opacities in \[0, 1\], got nan"),
        ],
    )
    def test_a_decoder_without_the_contract(self, decoder, message):
        if not isinstance(decoder, nn.Module):

            class Wrong(nn.Module):
                code_size = 3

                def forward(self, codes):
                    return decoder(codes)

            wrong = Wrong()
        else:
            wrong = decoder
        with pytest.raises(InvalidInputError, match=message):
            fit_latent(wrong, views_of())

    def test_bad_options_and_views(self):
        views = views_of()
        with pytest.raises(InvalidInputError, match="no more starts than draws"):
            fit_latent(SoftBoxes(), views, starts=4, draws=2)
        with pytest.raises(InvalidInputError, match="rate, prior, smoothness"):
            fit_latent(SoftBoxes(), views, prior=-1.0)
        with pytest.raises(InvalidInputError, match="for a mesh, fit_mesh"):
            fit_latent(MeshBoxes(), views, refine=True)
        with pytest.raises(InvalidInputError, match="all masks are empty"):
            fit_latent(SoftBoxes(), replace(views, masks=torch.zeros_like(views.masks)))
        away = views.cameras.world_to_camera.clone()
        away[:, :3] = torch.diag(torch.tensor([-1.0, 1, -1])) @ away[:, :3]
        with pytest.raises(InvalidInputError, match="no camera sees anything of the grid"):
            fit_latent(SoftBoxes(), replace(views, cameras=Cameras(views.cameras.K, away, 32, 32)))
        with pytest.raises(InvalidInputError, match="shape 1 has others than shape 0"):
            fit_latent(SoftBoxes(), [views, views_of(count=3)])
        with pytest.raises(InvalidInputError, match="at least one shape, got none"):
            fit_latent(SoftBoxes(), [])
