"""`fit_latent`: the code of a learned decoder whose shape has the given silhouettes."""

from collections.abc import Callable, Sequence
from typing import Any, overload

import torch
from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.fitting.decoded_shapes import DecodedGrids, DecodedMeshes, decode_shapes, evaluation_mode, size_of_codes
from geolearn.fitting.descent import Descent, Objective
from geolearn.fitting.grid_fit import descend_grid
from geolearn.fitting.metrics import coverage_iou
from geolearn.fitting.result import FitResult, Step
from geolearn.fitting.silhouette_batch import SilhouetteBatch, batch_of
from geolearn.structures import Views
from geolearn.typing import Float, Tensor

SEARCH = 1 / 3  # of the steps are spent on all starts, the rest on the best
SOFTNESS = (4.0, 0.1)  # squared pixels, of the outlines of meshes in the search and after it
REFINED = 4  # views from which a free refinement is worth it
REFINEMENT_STEPS = 60
REFINEMENT_RATE = 0.1  # in log-odds
SURE = 0.02  # opacities are kept this far from 0 and 1 where a refinement starts


@overload
def fit_latent(decoder: nn.Module, views: Views, **options: Any) -> FitResult: ...
@overload
def fit_latent(decoder: nn.Module, views: Sequence[Views], **options: Any) -> list[FitResult]: ...
def fit_latent(  # type: ignore[reportInconsistentOverload]  # options of the overloads stand here
    decoder: nn.Module,
    views: Views | Sequence[Views],
    *,
    starts: int = 2,
    draws: int = 64,
    steps: int = 100,
    rate: float = 0.1,
    prior: float = 0.01,
    refine: bool | None = None,
    smoothness: float = 0.3,
    views_per_step: int = 8,
    progress: Callable[[Step], None] | None = None,
    generator: torch.Generator | None = None,
) -> FitResult | list[FitResult]:
    """The shape of a learned kind whose silhouettes are the masks.

        argmin over z of  mean over views |S(D(z)) - mask|  +  prior * mean(z^2) / 2

    D is the decoder, S its silhouettes: along rays through solid cells for opacities (`RaySums`), soft ones for meshes
    (`render_silhouette`). The code 0 and `draws` random ones are compared with the masks; the `starts` best are moved
    by Adam for a third of the steps, then the best of them for the rest. The prior keeps the shape plausible where the
    views do not constrain it. Many views show more than the decoder can express: a free refinement (`refine`) then
    moves the opacities of the cells themselves, as `fit_grid` does, from where the decoder left them.

    Args:
        decoder: any module with the contract of `geolearn.models.decoders`, on the CPU. It is used in evaluation mode,
            and not changed.
        views: of one shape, with masks, in the decoder's frame; or of several shapes, all by the same cameras, which
            are fitted side by side, each as if it were alone.
        starts, draws: see above.
        steps, rate: of Adam, on the entries of the code; the rate falls to a twentieth in both parts.
        prior: see above; more for fewer or worse views.
        refine: whether to refine freely; by default from 4 views on, where the decoder gives opacities. A mesh is
            refined by `fit_mesh(views, start=result.shape)`.
        smoothness: of the refinement, see `fit_grid`.
        views_per_step: how many views a step draws.
        progress: called after every step, with the mean over the shapes.
        generator: draws codes and views; by default one with seed 0.

    Returns:
        A `VoxelGrid` of opacities or a `Mesh`, in the world of the cameras, and the code (of the shape before the
        refinement); or one result per shape. `metrics`: `iou` (cut at 1/2) and `coverage_iou` of the silhouettes over
        all views, `code_norm` = |z| / sqrt(D), which is about 1 or less for shapes that the decoder knows, and
        `seconds` of the whole call. `converged` says whether the loss stood still. A KeyboardInterrupt ends the fit
        early; the result is what there is then, or where its stage began if that fits better, and says so.

    Raises:
        InvalidInputError: a decoder without the contract, views that show nothing or everywhere something, cameras that
            see nothing of the decoder's grid, or options out of range.

    >>> import trimesh
    >>> from geolearn.render import camera_rig, render_views
    >>> from geolearn.structures import Mesh
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> cameras = camera_rig("sphere", count=4, size=16)
    >>> masks = render_views(ball, cameras, shading="silhouette")
    >>> views = Views(masks, cameras, masks[:, 0])
    >>> from geolearn.models import VoxelVAE
    >>> decoder = VoxelVAE(2, resolution=16, widths=(4, 4, 4))  # untrained; load weights for a prior on shapes
    >>> fit_latent(decoder, views, starts=1, draws=2, steps=2, refine=False).code.shape
    torch.Size([2])
    """
    if min(starts, draws + 1, steps, views_per_step) < 1 or starts > draws + 1:
        raise InvalidInputError(
            "starts, draws, steps, views_per_step: expected at least 1, 0, 1 and 1, and no more starts than draws + 1, "
            f"got {starts}, {draws}, {steps} and {views_per_step}"
        )
    if not rate > 0 or not prior >= 0 or not smoothness >= 0:
        raise InvalidInputError(
            f"rate, prior, smoothness: expected a rate > 0 and weights >= 0, got {rate}, {prior} and {smoothness}"
        )
    generator = generator or torch.Generator().manual_seed(0)
    code_size = size_of_codes(decoder)
    with evaluation_mode(decoder):
        with torch.no_grad():
            example = decode_shapes(decoder, torch.zeros(1, code_size))
        shapes = DecodedGrids(decoder, example) if isinstance(example, Tensor) else DecodedMeshes()
        batch = batch_of(views, shapes.longest)
        shapes.see(batch)
        count = len(batch.cameras)
        if refine is None:
            refine = isinstance(shapes, DecodedGrids) and count >= REFINED
        if refine and not isinstance(shapes, DecodedGrids):
            raise InvalidInputError("refine: only opacities are; for a mesh, fit_mesh(views, start=result.shape)")
        descent = Descent(count, views_per_step, steps + REFINEMENT_STEPS * refine, generator, progress)
        problem = _Problem(decoder, shapes, batch, prior)
        searching = round(SEARCH * steps) if starts > 1 else 0
        codes = problem.first_codes(starts, draws, generator)
        search = problem.objective(SOFTNESS[0], starts)
        codes = descent.stage(codes, search, steps=searching, rate=rate, phase=0, best_of=starts)
        codes = problem.best(codes, starts)
        settle = problem.objective(SOFTNESS[1], 1)
        codes = descent.stage(codes, settle, steps=steps - searching, rate=rate, phase=1)
        with torch.no_grad():
            found = decode_shapes(decoder, codes)
    if refine and isinstance(shapes, DecodedGrids) and isinstance(found, Tensor):
        odds = torch.logit(found.float().clamp(SURE, 1 - SURE))
        odds = descend_grid(
            odds,
            batch,
            shapes.rays,
            descent,
            steps=REFINEMENT_STEPS,
            rate=REFINEMENT_RATE,
            smoothness=smoothness,
            phase=2,
        )
        found = torch.sigmoid(odds)
    results = []
    for number in range(len(batch)):
        shape, metrics = shapes.outcome(found, number)  # type: ignore[arg-type]
        metrics["code_norm"] = float(codes[number].square().mean().sqrt())
        metrics["seconds"] = descent.elapsed()
        course, verdict = descent.history(number), descent.verdict(number)
        results.append(FitResult(shape, codes[number], course, metrics, *verdict, batch.targets[number]))
    return results[0] if isinstance(views, Views) else results


class _Problem:
    """The objective of the codes."""

    def __init__(self, decoder: nn.Module, shapes: DecodedGrids | DecodedMeshes, batch: SilhouetteBatch, prior: float):
        self.decoder, self.shapes, self.batch, self.prior = decoder, shapes, batch, prior
        self.everything = list(range(len(batch.cameras)))

    def objective(self, softness: float, starts: int) -> Callable[[Tensor, list[int]], Objective]:
        """Of codes (B * starts, D), those of a shape one after another."""

        def measure(codes: Tensor, chosen: list[int]) -> Objective:
            drawn = self.shapes.draw_silhouettes(decode_shapes(self.decoder, codes), chosen, softness)  # type: ignore[arg-type]
            masks = self.batch.masks[:, chosen].repeat_interleave(starts, 0)
            loss = (drawn - masks).abs().mean((1, 2, 3)) + self._unlikeliness(codes)
            return Objective(loss, coverage_iou(drawn.detach(), masks))

        return measure

    @torch.no_grad()
    def first_codes(self, starts: int, draws: int, generator: torch.Generator) -> Float[Tensor, "S D"]:
        """For every shape the `starts` best of 0 and `draws` random codes."""
        size = size_of_codes(self.decoder)
        codes = torch.cat([torch.zeros(1, size), torch.randn(draws, size, generator=generator)])
        drawn = self.shapes.draw_silhouettes(decode_shapes(self.decoder, codes), self.everything, SOFTNESS[0])  # type: ignore[arg-type]
        misses = torch.stack([(drawn - masks).abs().mean((1, 2, 3)) for masks in self.batch.masks])
        order = (misses + self._unlikeliness(codes)).topk(starts, largest=False).indices
        return codes[order.flatten()]

    @torch.no_grad()
    def best(self, codes: Float[Tensor, "S D"], starts: int) -> Float[Tensor, "B D"]:
        """Of the codes of every shape the one with the least loss in all views."""
        losses = self.objective(SOFTNESS[1], starts)(codes, self.everything).loss.reshape(-1, starts)
        return codes.reshape(len(losses), starts, -1)[torch.arange(len(losses)), losses.argmin(1)]

    def _unlikeliness(self, codes: Tensor) -> Tensor:
        return self.prior * codes.square().mean(1) / 2
