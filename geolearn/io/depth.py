"""Depth maps in and out: 16-bit PNG and npy."""

import io
from pathlib import Path

import numpy as np
import torch

from geolearn._optional import require
from geolearn.errors import InvalidInputError
from geolearn.io.damage import damaged
from geolearn.io.files import read_regular, write_whole
from geolearn.io.images import read_image
from geolearn.typing import Float, PathLike, Tensor

MILLIMETRES = 0.001  # what a step of a 16-bit PNG means, as depth cameras write it
_DEPTHS = {".png": "16-bit PNG", ".npy": "NumPy"}


def load_depth(path: PathLike, *, unit: float = MILLIMETRES, missing: str = "nothing") -> Float[Tensor, "H W"]:
    """A depth map: distances along the camera's z axis at pixel centres.

    Args:
        path: a grey 16-bit PNG of whole steps, or an npy file of floats, in the unit of the world.
        unit: what a step of a PNG means, in the unit of the world; 0.001 for millimetres in a world of metres.
        missing: what a 0 means: "nothing" (the ray meets nothing, as around a shape that was cut out), or "unmeasured"
            (the sensor gave no answer). NaN is unmeasured in any case.

    Returns:
        float32 (H, W), 0 where a ray meets nothing, NaN where nothing was measured.

    Raises:
        FileNotFoundError: no such file.
        MeshFormatError: not a depth map, or damaged.
        InvalidInputError: another ending, a unit <= 0, or another word for what is missing.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_depth(torch.tensor([[1.5, 0.0]]), f"{folder}/depth.npy")
        ...     load_depth(f"{folder}/depth.npy", missing="unmeasured")
        tensor([[1.5000,    nan]])
    """
    path = Path(path)
    if missing not in ("nothing", "unmeasured"):
        raise InvalidInputError(f"missing: expected 'nothing' or 'unmeasured', got {missing!r}")
    if not unit > 0:
        raise InvalidInputError(f"unit: expected a length > 0, got {unit}")
    if path.suffix.lower() == ".npy":
        depth = _read_npy(path)
    elif path.suffix.lower() == ".png":
        pixels = read_image(path)
        if pixels.shape[2] != 1:
            raise damaged(str(path), "the whole file", "a picture in colour", "Give a grey 16-bit PNG of depths")
        depth = torch.from_numpy(np.round(pixels[..., 0].astype(np.float64) * 65535) * unit).float()
    else:
        raise InvalidInputError(f"{path.name}: expected a depth map as {', '.join(_DEPTHS.values())} (.png, .npy)")
    return torch.where(depth == 0, torch.nan, depth) if missing == "unmeasured" else depth


def save_depth(depth: Float[Tensor, "H W"], path: PathLike, *, unit: float = MILLIMETRES) -> None:
    """Write a depth map as a 16-bit PNG (rounded to whole steps; what is not measured becomes 0) or npy (as it is).

    Raises:
        InvalidInputError: another ending, a unit <= 0, or depths beyond 65,535 steps.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_depth(torch.tensor([[1.2344, 0.0]]), f"{folder}/depth.png")  # in millimetres
        ...     load_depth(f"{folder}/depth.png")
        tensor([[1.2340, 0.0000]])
    """
    path, values = Path(path), depth.detach().cpu().float().numpy()
    file = io.BytesIO()
    if path.suffix.lower() == ".npy":
        np.save(file, values)
    elif path.suffix.lower() == ".png":
        if not unit > 0:
            raise InvalidInputError(f"unit: expected a length > 0, got {unit}")
        steps = np.round(np.where(np.isfinite(values), values, 0.0).astype(np.float64) / unit).clip(0)
        if steps.max(initial=0) > 65535:
            raise InvalidInputError(
                f"depth: expected at most 65,535 steps of {unit}, got {steps.max():.0f}; raise unit"
            )
        require("PIL.Image", extra="data").fromarray(steps.astype(np.uint16)).save(file, "PNG")
    else:
        raise InvalidInputError(f"{path.name}: expected a name that ends in .png or .npy")
    write_whole(path, file.getvalue())


def _read_npy(path: Path) -> Float[Tensor, "H W"]:
    try:
        values = np.load(io.BytesIO(read_regular(path)), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise damaged(str(path), "the whole file", f"not an npy file ({error})") from error
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise damaged(str(path), "the array", f"expected numbers of shape (H, W), got {values.dtype} {values.shape}")
    return torch.from_numpy(values.astype(np.float32))
