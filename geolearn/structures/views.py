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

    Raises:
        InvalidInputError: wrong shapes, values outside [0, 1], or cameras of another number or image size.

    >>> cameras = Cameras(torch.eye(3).expand(2, 3, 3), torch.eye(4).expand(2, 4, 4), 4, 6)
    >>> Views(torch.zeros(2, 3, 4, 6), cameras, torch.ones(2, 4, 6))
    Views(2 images of (3, 4, 6), masked)
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
            low, high = value.detach().aminmax() if value.numel() else (0, 1)
            if low < 0 or high > 1:
                raise InvalidInputError(
                    f"{name}: expected values in [0, 1], got {float(low):.4g}..{float(high):.4g}; "
                    "divide 8-bit images by 255"
                )
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        masks = "" if self.masks is None else ", masked"
        return f"Views({len(self)} images of {tuple(self.images.shape[1:])}{masks})"

    @property
    def device(self) -> torch.device:
        return self.images.device

    def __getitem__(self, index: int | slice | list[int] | Tensor) -> "Views":
        """The chosen views; an int gives one view as a batch of one."""
        chosen = [index] if isinstance(index, int) else index
        masks = None if self.masks is None else self.masks[chosen]
        return Views(self.images[chosen], self.cameras[chosen], masks)

    def to(self, device: torch.device | str) -> "Views":
        masks = None if self.masks is None else self.masks.to(device)
        return Views(self.images.to(device), self.cameras.to(device), masks)
