"""Contact sheets: many pictures side by side in one."""

import math

import torch

from geolearn.errors import InvalidInputError
from geolearn.typing import Float, Tensor


def contact_sheet(
    images: Float[Tensor, "N C H W"], columns: int | None = None, *, gap: int = 2, background: float = 1.0
) -> Float[Tensor, "C H2 W2"]:
    """The pictures in rows, from the top left, with `gap` pixels of `background` around each.

    Args:
        images: at least one picture.
        columns: pictures in a row; by default as many as make the sheet about square.

    Raises:
        InvalidInputError: no pictures, or fewer than one column.
    """
    count, channels, height, width = images.shape
    if count == 0:
        raise InvalidInputError("images: expected at least one picture, got none")
    if columns is None:
        columns = min(count, math.ceil(math.sqrt(count * height / width)))
    if columns < 1 or gap < 0:
        raise InvalidInputError(f"columns, gap: expected at least 1 and 0, got {columns} and {gap}")
    rows = -(-count // columns)
    cells = images.new_full((rows * columns, channels, height + gap, width + gap), background)
    cells[:count, :, gap:, gap:] = images
    sheet = cells.view(rows, columns, channels, height + gap, width + gap).permute(2, 0, 3, 1, 4)
    sheet = sheet.reshape(channels, rows * (height + gap), columns * (width + gap))
    return torch.nn.functional.pad(sheet, (0, gap, 0, gap), value=background)
