"""`--up`, `--front`, `--skip-broken`: how the files of a folder of one's own are read."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from geolearn.data import Reading


@dataclass(frozen=True)
class FolderFlags:
    """How the files of a folder are read, where the data is one."""

    up: Literal["auto", "x", "y", "z"] = "auto"
    """Where the data is a folder: the axis of its files that points up. auto: y for OBJ, GLB and glTF, else z."""
    front: Literal["-y", "+y", "-x", "+x"] = "-y"
    """Where the data is a folder: where its shapes face, once z points up."""
    skip_broken: bool = False
    """Where the data is a folder: leave out files that cannot be read; every report then says so."""

    def reading(self) -> "Reading | None":
        """What was asked for; None where nothing was."""
        from geolearn.data import Reading

        return None if self == FolderFlags() else Reading(self.up, self.front, self.skip_broken)
