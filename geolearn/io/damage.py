"""The sentence a damaged file gets: which file, where in it, what is wrong, what to do."""

import logging

from geolearn.errors import MeshFormatError

logger = logging.getLogger(__name__)

REMEDY = "The file is damaged or was cut off: fetch it or export it again"


def damaged(source: str, place: str, problem: str, remedy: str = REMEDY) -> MeshFormatError:
    """The error for `problem` at `place` ("line 12", "byte 80", "accessors[3]") of the file `source`."""
    return MeshFormatError(f"{source}: {place}: {problem}. {remedy}.")


def excerpt(data: bytes, length: int = 40) -> str:
    """The beginning of `data`, printable."""
    tail = "..." if len(data) > length else ""
    return ascii(data[:length].decode("latin-1") + tail)


def leftover(source: str, place: str, what: str, data: bytes) -> None:
    """Say in the log that `what` stands at `place`, behind the promised end, begins with `data` and was not read."""
    logger.warning("%s: %s: %s behind what the header promises are not read (%s)", source, place, what, excerpt(data))
