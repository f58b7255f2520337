"""The views that a shape is fitted to, validated once, and averaged down for coarse phases."""

import warnings
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.fitting.doubts import RIGHT, check_masks, find_normal_frame
from geolearn.structures import Cameras, Views
from geolearn.typing import Bool, Float, Tensor

ImageKind = Literal["auto", "none", "normals", "shading"]
IMAGE_KINDS: tuple[ImageKind, ...] = get_args(ImageKind)
FULL = 0.99  # opacity from which a pixel shows the object alone
BACKGROUND_SPREAD = 0.04  # of a border that counts as one colour; and twice it tells the object from it


@dataclass(frozen=True, eq=False)
class Targets:
    """Masks (N, H, W), pictures (N, C, H, W) of the kind "normals" (as unit vectors) or "shading", cameras."""

    masks: Float[Tensor, "N H W"]
    pictures: Float[Tensor, "N C H W"] | None
    kind: str
    cameras: Cameras

    @property
    def full(self) -> Bool[Tensor, "N H W"]:
        """Pixels that show the object alone."""
        return self.masks >= FULL

    def at(self, size: tuple[int, int]) -> "Targets":
        """Averaged over the area of larger pixels; pictures only over the object."""
        if tuple(self.masks.shape[1:]) == size:
            return self
        masks = _average_down(self.masks[:, None], size)
        pictures = self.pictures
        if pictures is not None:
            pictures = _average_down(pictures * self.masks[:, None], size) / masks.clamp(min=1e-6)
            if self.kind == "normals":
                pictures = torch.nn.functional.normalize(pictures, dim=1)
        return Targets(masks[:, 0], pictures, self.kind, self.cameras)

    def select(self, index: list[int]) -> "Targets":
        pictures = None if self.pictures is None else self.pictures[index]
        return Targets(self.masks[index], pictures, self.kind, self.cameras[index])


def targets_from(views: Views, images: ImageKind) -> Targets:
    """What the views offer.

    Raises:
        UnknownNameError: no such kind of images.
        InvalidInputError: no views, no view that shows something, or images that cannot be of the kind that was named.
    """
    if images not in IMAGE_KINDS:
        raise unknown_name("kind of images", images, IMAGE_KINDS)
    if len(views) == 0:
        raise InvalidInputError("views: expected at least one view, got none")
    masks = masks_of(views).detach().cpu()
    keep = in_sight(masks)
    if not keep:
        raise InvalidInputError("views: all masks are empty; expected 1 on the object and 0 elsewhere")
    if bool((masks.amin((1, 2)) >= 0.5).all()):
        raise InvalidInputError(
            "views: all masks are full, so no outline is seen; expected 1 on the object and 0 elsewhere. Do the images "
            "have an alpha channel that is 255 throughout?"
        )
    cameras = views.cameras.to("cpu")
    cameras = replace(cameras, K=cameras.K.detach(), world_to_camera=cameras.world_to_camera.detach())
    pictures, kind = views.images.detach().cpu(), images
    if images == "auto":
        kind = "normals" if _are_unit_vectors(pictures, masks) else "none"
    if kind == "normals":
        if pictures.shape[1] != 3:
            raise InvalidInputError(f"images: normals have 3 channels, got {pictures.shape[1]}")
        pictures = torch.nn.functional.normalize(2 * pictures - 1, dim=1)
        pictures = _in_our_frame(pictures, masks, cameras, asked=images == "normals")
        kind = "none" if pictures is None else kind
    elif kind == "shading":
        pictures = pictures.mean(1, keepdim=True)
    return Targets(masks, None if kind == "none" else pictures, kind, cameras).select(keep)


def masks_of(views: Views) -> Float[Tensor, "N H W"]:
    """The masks of the views, checked (`check_masks`), or those from the background where they have none.

    Raises:
        InvalidInputError: as `masks_from_background` or `check_masks`.
    """
    return masks_from_background(views.images) if views.masks is None else check_masks(views.masks)


def in_sight(masks: Float[Tensor, "N H W"]) -> list[int]:
    """Numbers of the views that show something of the object."""
    return torch.nonzero(masks.amax((1, 2)) >= 0.5)[:, 0].tolist()


def masks_from_background(images: Float[Tensor, "N C H W"]) -> Float[Tensor, "N H W"]:
    """Masks of pictures without alpha, where the border of every picture has one colour; with a warning.

    Raises:
        InvalidInputError: borders of many colours.
    """
    border = torch.cat([images[..., 0, :], images[..., -1, :], images[..., :, 0], images[..., :, -1]], -1)
    colour = border.median(-1).values
    even = ((border - colour[..., None]).abs().amax(1) <= BACKGROUND_SPREAD).float().mean(1)
    if len(even) == 0 or float(even.median()) < 0.9:
        raise InvalidInputError(
            "views: no masks, and the background has no single colour to tell the object from; pass images with alpha, "
            "or Views(images, cameras, masks=...)"
        )
    warnings.warn(
        "views have no masks: what differs from the colour of the picture's border is taken for the object",
        stacklevel=5,
    )
    distance = (images - colour[..., None, None]).abs().amax(1)
    return (distance > 2 * BACKGROUND_SPREAD).to(images.dtype)


def _are_unit_vectors(pictures: Tensor, masks: Tensor) -> bool:
    """Whether nearly all colours on the object are unit vectors, as those of normals."""
    inside = masks >= FULL
    if pictures.shape[1] != 3 or not bool(inside.any()):
        return False
    vectors = 2 * pictures.movedim(1, -1)[inside] - 1
    unit = (vectors.norm(dim=1) - 1).abs() < 0.05
    return bool(unit.float().mean() > 0.9) and float(vectors.std(0).max()) > 0.02


def _in_our_frame(normals: Tensor, masks: Tensor, cameras: Cameras, *, asked: bool) -> Tensor | None:
    """Normals in camera axes, from the frame that agrees with the outlines; None where they are no normals.

    Raises:
        InvalidInputError: normals were asked for, and no frame agrees, or several do.
    """
    frame = find_normal_frame(normals, masks, cameras)
    if frame is not None and not frame.is_ours:
        if frame.agreement < RIGHT or not frame.known:
            if not asked:
                return None
            raise InvalidInputError(
                "images: the normals agree with the outlines in no order and signs of their channels, or in several; "
                "expected those of render_views(shading='normals'): x right, y up, z to the viewer, as (n + 1) / 2"
            )
        warnings.warn(
            f"images: the normals are not in our frame; their channels are taken for {frame}, as the outlines say",
            stacklevel=5,
        )
        normals = frame.to_ours(normals, cameras)
    toward = normals[:, 2][masks >= FULL] > -0.05
    return normals if asked or bool(toward.float().mean() > 0.9) else None


def _average_down(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.nn.functional.interpolate(pictures, size=size, mode="area")
