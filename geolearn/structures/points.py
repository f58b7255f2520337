"""Points in space without a surface, as scanners give them."""

from dataclasses import dataclass, field, replace

import torch

from geolearn.errors import InvalidInputError
from geolearn.structures._door import to_tensor
from geolearn.typing import Float, Tensor


@dataclass(frozen=True, eq=False)
class PointCloud:
    """N points.

    Attributes:
        points: float32 (N, 3) positions; right-handed world, unit of the source.
        normals: optional float32 (N, 3).
        colours: optional float32 (N, 3) or, with opacity, (N, 4), in [0, 1] as in pictures (sRGB).
        name: where they came from; free text, may be empty.
        origin: optional float64 (3,), where `points` count from in the world of the file, as in `Mesh`.

    Arrays and sequences are converted. An empty cloud is a valid record.

    Raises:
        InvalidInputError: wrong shapes, or non-finite values.

    >>> cloud = PointCloud(torch.tensor([[0.0, 0, 0], [1, 2, 3]]), origin=torch.tensor([1000.0, 0, 0]))
    >>> cloud.world_points()[1].tolist()
    [1001.0, 2.0, 3.0]
    """

    points: Float[Tensor, "N 3"]
    normals: Float[Tensor, "N 3"] | None = None
    colours: Float[Tensor, "N C"] | None = None
    name: str = ""
    origin: Float[Tensor, " 3"] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        points = to_tensor(self.points, "points", torch.float32, (None, 3))
        object.__setattr__(self, "points", points)
        for name, width in (("normals", 3), ("colours", None)):
            value = getattr(self, name)
            if value is not None:
                value = to_tensor(value, name, torch.float32, (len(points), width)).to(points.device)
                object.__setattr__(self, name, value)
        if self.colours is not None and self.colours.shape[1] not in (3, 4):
            raise InvalidInputError(f"colours: expected 3 or 4 values each, got shape {tuple(self.colours.shape)}")
        if self.origin is not None:
            object.__setattr__(self, "origin", to_tensor(self.origin, "origin", torch.float64, (3,)).to(points.device))

    def __len__(self) -> int:
        return len(self.points)

    def __repr__(self) -> str:
        kinds = "".join(f", {kind}" for kind in ("normals", "colours") if getattr(self, kind) is not None)
        origin = "" if self.origin is None else f", about {tuple(self.origin.tolist())}"
        return f"PointCloud({self.name!r}, {len(self)} points{kinds}{origin})"

    @property
    def device(self) -> torch.device:
        return self.points.device

    def world_points(self) -> Float[Tensor, "N 3"]:
        """Positions in the world of the file, float64 (N, 3): `points` about `origin`."""
        return self.points.double() if self.origin is None else self.points.double() + self.origin

    def to(self, device: torch.device | str) -> "PointCloud":
        moved = {}
        for name in ("points", "normals", "colours", "origin"):
            value = getattr(self, name)
            moved[name] = None if value is None else value.to(device)
        return replace(self, **moved)
