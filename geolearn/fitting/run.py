"""A fit from start to report: a mesh from views alone, or the shape that a learned decoder gives."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from geolearn.data.locks import sole_use
from geolearn.errors import InvalidInputError
from geolearn.fitting import FitResult, Step, coarse_to_fine, fit_latent, fit_mesh, silhouette_iou, soundness
from geolearn.fitting.decoded_shapes import decode_shapes, size_of_codes
from geolearn.fitting.report import write_fit
from geolearn.fitting.targets import ImageKind, masks_of
from geolearn.models import find_weights, load_model
from geolearn.ops.isosurface import voxel_surface
from geolearn.structures import Mesh, MeshBatch, Views
from geolearn.typing import PathLike

CHECKPOINT = "checkpoint.npz"
LEVELS = (0.5, 0.35, 0.2, 0.1)  # at which decoded opacities may be cut


@dataclass(frozen=True)
class FitSettings:
    """How a fit is run; the names are those of `fit_mesh`.

    Attributes:
        hold_out: every n-th view is kept out of the fit and only measured; 0: none.
        colours: whether the vertices get colours from the pictures; None: if the pictures are colours.
        decoder: a run folder, a file or the name of the weights of a decoder, for `fit_latent` instead of `fit_mesh`;
            `images`, `picture_weight` and `refine_cameras` are not for it.
    """

    images: ImageKind = "auto"
    views_per_step: int = 8
    picture_weight: float = 1.0
    seed: int = 0
    hold_out: int = 0
    colours: bool | None = None
    refine_cameras: bool = False
    decoder: str | None = None


def run_fit(
    views: Views,
    folder: PathLike,
    settings: FitSettings,
    *,
    title: str = "Fit",
    resume: bool = False,
    progress: Callable[[Step], None] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Fit a shape to views, and write everything about it (`write_fit`).

    Args:
        folder: for what is written, and checkpoint.npz of a fit without a decoder.
        resume: go on from the checkpoint.
        options: more of `fit_mesh` or `fit_latent`.

    Returns:
        The record that is in result.json.

    Raises:
        InvalidInputError: views that cannot be fitted, all of them held out, or a decoder with settings that are not
            for it.
        CheckpointError: another process fits or trains into the folder.
    """
    folder = Path(folder)
    with sole_use(folder):
        return _fit_into(folder, views, settings, title, resume, progress, options)


def _fit_into(
    folder: Path,
    views: Views,
    settings: FitSettings,
    title: str,
    resume: bool,
    progress: Callable[[Step], None] | None,
    options: dict[str, Any],
) -> dict[str, Any]:
    views, unseen = _split(Views(views.images, views.cameras, masks_of(views)), settings.hold_out)
    shared: dict[str, Any] = {
        "views_per_step": settings.views_per_step, "progress": progress,
        "generator": torch.Generator().manual_seed(settings.seed),
    }  # fmt: skip
    record = asdict(settings)
    if settings.decoder is not None:
        if resume or settings.refine_cameras:
            raise InvalidInputError(
                "decoder: a fit by a decoder takes seconds and keeps no checkpoint to resume from, and its cameras are "
                "as they are given; leave resume and refine_cameras out"
            )
        decoder = load_decoder(settings.decoder)
        result = convert_to_mesh(fit_latent(decoder, views, **shared, **options), decoder)
        record["images"] = "none"
    else:
        schedule = options.pop("schedule", None) or coarse_to_fine((views.cameras.height, views.cameras.width))
        result = fit_mesh(
            views,
            images=settings.images,
            picture_weight=settings.picture_weight,
            refine_cameras=settings.refine_cameras,
            schedule=schedule,
            checkpoint=folder / CHECKPOINT,
            resume=resume,
            **shared,
            **options,
        )
        record["schedule"] = [asdict(phase) for phase in schedule]
    return write_fit(result, views, folder, record, unseen=unseen, title=title)


def load_decoder(run_or_weights: PathLike) -> nn.Module:
    """The decoder with weights by run folder, file or name.

    Raises:
        UnknownNameError: no such weights.
        CheckpointError: damaged weights.
        InvalidInputError: weights of a model that decodes nothing.
    """
    model, record = load_model(find_weights(run_or_weights))
    if model.inputs != "codes":
        raise InvalidInputError(
            f"decoder: {run_or_weights} holds a {record['model']}, which looks at {model.inputs}; expected a decoder "
            "(voxelvae, sdfdecoder, pcadecoder), such as voxelvae-chairs"
        )
    return model


def convert_to_mesh(result: FitResult, decoder: nn.Module) -> FitResult:
    """The fit of a decoder as a mesh, with the figures of a mesh; what it began with is the shape of the code 0.

    Opacities are cut where the outline agrees best with the masks (metric `level`): half-opaque cells cast a shadow,
    so that at 1/2 a soft shape looks thinner than it was fitted.

    Raises:
        InvalidInputError: opacities without a surface.
    """
    with torch.no_grad():
        mean = decode_shapes(decoder, torch.zeros(1, size_of_codes(decoder)))

    def agreement(mesh: Mesh) -> dict[str, float]:
        return silhouette_iou(mesh, result.targets.masks, result.targets.cameras)

    if isinstance(result.shape, Mesh):
        mesh, start = result.shape, mean.unbind()[0] if isinstance(mean, MeshBatch) else None
        metrics = agreement(mesh)
    else:
        grid = result.shape
        cuts = [(level, voxel_surface(grid, level)) for level in LEVELS]
        found = [(agreement(mesh) | {"level": level}, mesh) for level, mesh in cuts if len(mesh.faces)]
        if not found:
            raise InvalidInputError(
                f"decoder: the opacities that fit best stay below {LEVELS[-1]} everywhere, so there is no surface. Do "
                "the views show a shape of its kind, in its frame?"
            )
        metrics, mesh = max(found, key=lambda pair: pair[0]["coverage_iou"])
        start = None
        if isinstance(mean, torch.Tensor):
            start = voxel_surface(replace(grid, values=mean[0, 0].float()), metrics["level"])
    if start is not None and len(start.faces) == 0:
        start = None
    begun = None if start is None else agreement(start) | soundness(start)
    metrics = result.metrics | metrics | soundness(mesh)
    return replace(result, shape=mesh, metrics=metrics, start=start, start_metrics=begun)


def _split(views: Views, hold_out: int) -> tuple[Views, Views | None]:
    if hold_out == 0:
        return views, None
    if hold_out < 2 or len(views) < hold_out:
        raise InvalidInputError(
            f"hold_out: expected 0 or a number from 2 to that of the views, {len(views)}, got {hold_out}"
        )
    held = list(range(hold_out - 1, len(views), hold_out))
    return views[[number for number in range(len(views)) if number not in held]], views[held]
