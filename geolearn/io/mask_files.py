"""Pictures of masks: white on the object; alpha; or labels, where 0 is the background and 1 the object."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from geolearn.io.damage import damaged
from geolearn.io.images import opened, read_image
from geolearn.typing import Array, Float, Tensor

_COLOURED = 16 / 255  # a grey JPEG is less coloured than this
_LABELS = 20  # a picture whose brightest pixel is no brighter holds labels, not shades


class _Mask(NamedTuple):
    values: Array  # (H, W) in [0, 1]
    step: float  # what a difference of one label is in it; 1 where it cannot hold labels


def read_masks(files: list[Path | None]) -> list[Float[Tensor, "H W"] | None]:
    """Masks in [0, 1], 1 on the object; labels 0 and 1 (or a palette's entries, 0 and others) become 0 and 1.

    Raises:
        FileNotFoundError: no such file.
        MeshFormatError: not a picture; one in colours, which is no mask; or more labels than two.
    """
    masks = {number: _read(file) for number, file in enumerate(files) if file is not None}
    levels = max((mask.values.max(initial=0) / mask.step for mask in masks.values()), default=0)
    labels = round(levels) if levels <= _LABELS and all(mask.step < 1 for mask in masks.values()) else 0
    if labels > 1:
        first = next(file for file in files if file is not None)
        raise damaged(
            str(first.parent),
            "the masks",
            f"their values are 0 to {labels} of {round(1 / masks[min(masks)].step)}, so they hold labels",
            "Save masks with 0 on the background and 1, or white, on the object",
        )
    scale = {number: 1 / mask.step if labels else 1.0 for number, mask in masks.items()}
    return [
        torch.from_numpy((masks[n].values * scale[n]).astype(np.float32)) if n in masks else None
        for n in range(len(files))
    ]


def _read(path: Path) -> _Mask:
    with opened(path) as image:
        mode, palette = image.mode, image.mode == "P" and _is_coloured(image)
        if palette:
            image.load()
            return _Mask((np.asarray(image) != 0).astype(np.float32), 1.0)
    pixels = read_image(path)
    colour, alpha = (pixels[..., :-1], pixels[..., -1]) if pixels.shape[-1] in (2, 4) else (pixels, None)
    if alpha is not None and float(alpha.min(initial=1)) < 1:
        return _Mask(alpha, 1.0)
    if np.ptp(colour, axis=-1).max(initial=0) > _COLOURED:
        kinds = np.unique(colour.reshape(-1, 3), axis=0)
        if len(kinds) != 2 or kinds[0].any():  # two colours, one of them black
            remedy = "Save masks as grey pictures, white on the object"
            raise damaged(str(path), "the picture", "a picture in colours, which is no mask", remedy)
        return _Mask((colour.max(axis=-1) > 0).astype(np.float32), 1.0)
    return _Mask(np.asarray(colour.mean(axis=-1)), {"1": 1.0}.get(mode, 1 / 65535 if mode.startswith("I") else 1 / 255))


def _is_coloured(image: object) -> bool:
    """Whether entries of a palette that the picture uses have a colour."""
    image.load()  # type: ignore[attr-defined]
    palette = np.array(image.getpalette("RGB"), dtype=np.int16).reshape(-1, 3)  # type: ignore[attr-defined]
    used = np.unique(np.asarray(image))
    return bool((np.ptp(palette[used[used < len(palette)]], axis=1) > 255 * _COLOURED).any())
