"""The errors geolearn raises on bad input, and the sentence every unknown name gets.

Each message says which argument, what was expected, what came, and what to do.
"""

import difflib
from collections.abc import Iterable

MOST_NAMES = 40  # that an error lists


def printable(text: object, *, lines: bool = False) -> str:
    """Text from elsewhere, such as the name of a file, with what would not print escaped; `lines` keeps line breaks.

    A name may hold line breaks, the codes that clear or colour a terminal, and marks that turn the way of writing.

    >>> printable("a\\x1b[31mb\\n")
    'a\\\\x1b[31mb\\\\n'
    """
    text = str(text)
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(c if c.isprintable() or c in kept else c.encode("unicode_escape").decode("ascii") for c in text)


class GeolearnError(Exception):
    """Base of every error that geolearn raises on purpose."""


class InvalidInputError(GeolearnError, ValueError):
    """An argument has the wrong shape, type, range or content."""


class MeshFormatError(GeolearnError, ValueError):
    """A mesh, voxel, picture or camera file is damaged or not what its name says; names file, place and remedy."""


class DatasetError(GeolearnError, RuntimeError):
    """A dataset is missing, incomplete or differs from its manifest."""


class CheckpointError(GeolearnError, RuntimeError):
    """Weights or a run folder cannot be read or do not fit the model."""


class MissingDependencyError(GeolearnError, ImportError):
    """An optional package is not installed or does not load; the message names the extra that brings it."""


class UnknownNameError(GeolearnError, KeyError):
    """A registered thing (model, dataset, recipe) was asked for by a name that is not registered."""

    def __str__(self) -> str:  # KeyError would print the message with quotes around it
        return str(self.args[0])


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for an unknown `name`, suggesting the nearest known one; of many names it lists only some.

    >>> print(unknown_name("number", "12a", map(str, range(1000))))
    unknown number '12a'. Did you mean '12'? 1000 are known, such as 12, 912, 812, 712, 612.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    if len(known) <= MOST_NAMES:
        return UnknownNameError(f"unknown {kind} {name!r}.{hint} Known: {', '.join(known) or 'none'}.")
    some = difflib.get_close_matches(name, known, n=5, cutoff=0.0)
    return UnknownNameError(f"unknown {kind} {name!r}.{hint} {len(known)} are known, such as {', '.join(some)}.")
