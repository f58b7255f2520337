"""The state of a fit in a file: written every half minute, whole or not at all, and read by the same fit only."""

import io
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from geolearn.errors import InvalidInputError, printable
from geolearn.io.files import read_regular, write_whole
from geolearn.typing import Array, PathLike

SECONDS_BETWEEN = 30.0


class Checkpoint:
    """Arrays by name in an npz file, with the name of the fit that they belong to.

    Args:
        path: the file.
        digest: of what is fitted and how.

    Raises:
        FileNotFoundError: the folder of the file does not exist.
    """

    def __init__(self, path: PathLike, digest: str) -> None:
        self._path, self._digest = Path(path), digest
        if not self._path.absolute().parent.is_dir():
            raise FileNotFoundError(f"{path}: its folder does not exist; create it first")
        self._last = time.monotonic()

    def exists(self) -> bool:
        return self._path.is_file()

    def load(self, needed: Iterable[str] = ()) -> dict[str, Array]:
        """
        Args:
            needed: names of arrays that must be there.

        Raises:
            InvalidInputError: not a whole checkpoint, or one of a fit of other views or settings.
        """
        data = read_regular(self._path)
        if not data.startswith(b"PK"):
            raise self._damaged("it is no npz file")
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                state = dict(file)
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise self._damaged(type(error).__name__) from error
        if str(state.pop("digest", "")) != self._digest:
            raise InvalidInputError(
                f"{self._path}: belongs to a fit of other views or settings; go on with the same ones, or remove it to "
                "begin anew"
            )
        missing = sorted(set(needed) - state.keys())
        if missing:
            raise self._damaged(f"it lacks {', '.join(missing)}")
        return state

    def _damaged(self, problem: str) -> InvalidInputError:
        return InvalidInputError(f"{printable(self._path)}: damaged ({problem}); remove it to begin anew")

    def save(self, state: dict[str, Array]) -> None:
        file = io.BytesIO()
        entries: dict[str, Any] = {"digest": np.array(self._digest), **state}
        np.savez(file, **entries)
        write_whole(self._path, file.getvalue())
        self._last = time.monotonic()

    def save_now_and_then(self, state: Callable[[], dict[str, Array]]) -> None:
        """If half a minute has passed since the last time."""
        if time.monotonic() - self._last >= SECONDS_BETWEEN:
            self.save(state())
