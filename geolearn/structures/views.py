"""Images of one shape together with the cameras that took them."""

from dataclasses import dataclass

import torch

from geolearn.errors import InvalidInputError
from geolearn.structures._door import to_tensor
from geolearn.structures.cameras import Cameras
from geolearn.typing import Float, Tensor


@dataclass(frozen=True, eq=False)
class Views:
    """N images, optional masks, and their cameras.

    Attributes:
        images: float32 (N, C, H, W) in [0, 1].
        cameras: N cameras with the same H and W.
        masks: optional float32 (N, H, W) in [0, 1], 1 on the object.
    """

    images: Float[Tensor, "N C H W"]
    cameras: Cameras
    masks: Float[Tensor, "N H W"] | None = None

    def __post_init__(self) -> None:
        images = to_tensor(self.images, "images", torch.float32, (None, None, None, None))
        count, _, height, width = images.shape
        if len(self.cameras) != count or (self.cameras.height, self.cameras.width) != (height, width):
            raise InvalidInputError(
                f"cameras: expected {count} of {height} x {width} px to match the images, "
                f"got {len(self.cameras)} of {self.cameras.height} x {self.cameras.width} px"
            )
        checked = [("images", images)]
        if self.masks is not None:
            masks = to_tensor(self.masks, "masks", torch.float32, (count, height, width)).to(images.device)
            checked.append(("masks", masks))
        for name, value in checked:
            if value.numel() and (float(value.min()) < 0 or float(value.max()) > 1):
                raise InvalidInputError(
                    f"{name}: expected values in [0, 1], got {float(value.min()):.4g}..{float(value.max()):.4g}; "
                    "divide 8-bit images by 255"
                )
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.images)
