"""How the files of a folder are read: what only their owner knows."""

from dataclasses import dataclass
from typing import Literal

from geolearn.data.prepared.orientation import FRONTS, UPS
from geolearn.errors import InvalidInputError
from geolearn.io.upright import customary_up

Up = Literal["auto", "x", "y", "z"]
Front = Literal["-y", "+y", "-x", "+x"]


@dataclass(frozen=True)
class Reading:
    """How the files of a folder of one's own are read.

    Attributes:
        up: the axis of the files that points up: "x", "y", "z", or "auto": y in OBJ, GLB and glTF, else z.
        front: where shapes face once z points up: "-y", "+y", "-x" or "+x".
        skip_broken: leave out files that cannot be read, instead of refusing the folder.

    >>> Reading(up="y", skip_broken=True)
    Reading(up='y', front='-y', skip_broken=True)
    """

    up: Up = "auto"
    front: Front = "-y"
    skip_broken: bool = False

    def __post_init__(self) -> None:
        if self.up not in ("auto", *UPS):
            raise InvalidInputError(f"up: expected auto, {', '.join(UPS)}, got {self.up!r}")
        if self.front not in FRONTS:
            raise InvalidInputError(f"front: expected {', '.join(FRONTS)}, got {self.front!r}")

    def up_of(self, suffix: str) -> str:
        """The up axis of a file with this ending, such as ".off".

        >>> Reading().up_of(".glb"), Reading().up_of(".off"), Reading("y").up_of(".off")
        ('y', 'z', 'y')
        """
        return customary_up(f"shape{suffix}") if self.up == "auto" else self.up
