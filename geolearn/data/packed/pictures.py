"""Pictures of a split's shapes as 8-bit pixels, in memory or mapped from a file, decoded one batch at a time."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from geolearn.data.packed.split import Packed, Targets, check_targets, select_targets
from geolearn.data.packed.view_draws import ViewAugment, ViewDraw
from geolearn.errors import InvalidInputError
from geolearn.typing import Float, Int, Shaped, Tensor


def decode_pixels(pixels: Shaped[Tensor, "*N"], dtype: torch.dtype = torch.float32) -> Shaped[Tensor, "*N"]:
    """Pixels as a network's input: uint8 becomes `value / 255`, what is float already keeps its values."""
    return pixels.to(dtype).div_(255) if pixels.dtype == torch.uint8 else pixels.to(dtype)


@dataclass(frozen=True, eq=False)
class PackedViews(Packed):
    """One split of pictures: V views of every shape.

    Selecting shapes copies no pixels, so `pixels` may be a mapped file (`torch.from_numpy` of a `np.memmap`) that
    several splits look into.

    Attributes:
        pixels: uint8 (M, V, C, H, W), or float where 8 bits do not do (depth, activations).
        targets: what is to be predicted of each shape, such as class indices, int64 (N,).
        keys: one per shape, in the order of the split.
        classes: class names in label order.
        rows: int64 (N,), the row of `pixels` that shows each shape; by default row after row.

    >>> views = PackedViews(torch.full((2, 12, 1, 8, 8), 255, dtype=torch.uint8), torch.tensor([0, 1]), ("a", "b"))
    >>> views
    PackedViews(2 x 12 views of (1, 8, 8), 0 classes, cpu)
    >>> views.take(torch.tensor([1])).mean()  # in [0, 1] now
    tensor(1.)
    """

    pixels: Shaped[Tensor, "M V C H W"]
    targets: Targets
    keys: tuple[str, ...]
    classes: tuple[str, ...] = ()
    rows: Int[Tensor, " N"] | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.pixels.shape)
        if self.pixels.dtype not in (torch.uint8, torch.float16, torch.float32) or len(shape) != 5 or 0 in shape[1:]:
            raise InvalidInputError(
                f"pixels: expected uint8, float16 or float32 (M, V, C, H, W) with at least one view and pixel, "
                f"got {self.pixels.dtype} {shape}"
            )
        check_targets(self.targets, self.keys, len(self.keys))
        rows = torch.arange(len(self.keys)) if self.rows is None else self.rows
        if rows.dtype != torch.int64 or rows.shape != (len(self.keys),):
            raise InvalidInputError(f"rows: expected int64 ({len(self.keys)},), got {rows.dtype} {tuple(rows.shape)}")
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < shape[0]:
            raise InvalidInputError(
                f"rows: {len(self.keys)} shapes need rows {int(rows.min())}..{int(rows.max())} of pixels, "
                f"which has {shape[0]}"
            )
        object.__setattr__(self, "rows", rows.to(self.pixels.device))
        if isinstance(self.targets, Tensor):
            object.__setattr__(self, "targets", self.targets.to(self.pixels.device))
        object.__setattr__(self, "keys", tuple(self.keys))
        object.__setattr__(self, "classes", tuple(self.classes))

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        views, *picture = self.pixels.shape[1:]
        return (
            f"PackedViews({len(self)} x {views} views of {tuple(picture)}, {len(self.classes)} classes, {self.device})"
        )

    @property
    def views(self) -> int:
        """Pictures per shape."""
        return self.pixels.shape[1]

    @property
    def device(self) -> torch.device:
        return self.pixels.device

    def to(self, device: torch.device | str) -> "PackedViews":
        """On another device, with the pixels of these shapes only."""
        if torch.device(device) == self.device:
            return self
        return replace(self, pixels=self.pixels_of(torch.arange(len(self))).to(device), rows=None)

    def select(self, index: Int[Tensor, " M"] | list[int]) -> "PackedViews":
        """The shapes at `index`, in that order."""
        chosen = torch.as_tensor(index, dtype=torch.int64)
        keys = tuple(self.keys[i] for i in chosen.tolist())
        rows = self._rows[chosen.to(self.device)]
        return replace(self, targets=select_targets(self.targets, chosen), keys=keys, rows=rows)

    def singles(self) -> "PackedViews":
        """Every view as a shape of its own, for training on single views; keys end in `/00`, `/01`, ..."""
        count = self.views
        return PackedViews(
            self.pixels.reshape(-1, 1, *self.pixels.shape[2:]),
            select_targets(self.targets, torch.arange(len(self)).repeat_interleave(count)),
            tuple(f"{key}/{view:02d}" for key in self.keys for view in range(count)),
            self.classes,
            (self._rows[:, None] * count + torch.arange(count, device=self.device)).reshape(-1),
        )

    def draw(self, augment: ViewAugment, generator: torch.Generator) -> ViewDraw:
        """For each shape, whether its views are mirrored, and which are taken."""
        return augment.draw(len(self), self.views, generator)

    def take(
        self, index: Int[Tensor, " B"], drawn: ViewDraw | None = None, *, device: Any = None, dtype: Any = None
    ) -> Shaped[Tensor, "B K C H W"]:
        """The views of the shapes at `index`, chosen, mirrored and decoded; pixels travel to the device in 8 bits."""
        pixels = self.pixels_of(index, None if drawn is None else drawn.views).to(device or self.device)
        if drawn is not None:
            mirrored = drawn.mirror.nonzero()[:, 0].to(pixels.device)
            pixels[mirrored] = pixels[mirrored].flip(-1)
        return decode_pixels(pixels, dtype or torch.float32)

    def pixels_of(
        self, index: Int[Tensor, " B"], views: Int[Tensor, "B K"] | Int[Tensor, " K"] | None = None
    ) -> Shaped[Tensor, "B K C H W"]:
        """Pixels of the shapes at `index`; with `views` only those, the same of each shape or (B, K) of their own."""
        rows = self._rows[index.to(self.device)]
        if views is None:
            return self.pixels.index_select(0, rows)
        flat = self.pixels.reshape(-1, *self.pixels.shape[2:])  # only the chosen views are read
        chosen = rows[:, None] * self.views + views.to(self.device)
        return flat.index_select(0, chosen.reshape(-1)).view(*chosen.shape, *self.pixels.shape[2:])

    def images(self) -> Float[Tensor, "N V C H W"]:
        """All views as float32; 2.4 MB a shape at 12 views of 224 px, so mind the size of the split."""
        return decode_pixels(self.pixels_of(torch.arange(len(self))))

    @property
    def _rows(self) -> Int[Tensor, " N"]:
        return self.rows  # type: ignore[return-value]  # __post_init__ fills it
