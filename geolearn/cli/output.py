"""Lines on standard output."""

from geolearn.errors import printable


def say(text: object) -> None:
    """Print one line; names of files and classes in it cannot steer the terminal, nor begin another line.

    >>> say("a\\x1b[31m.off: a chair")
    a\\x1b[31m.off: a chair
    """
    print(printable(text))
