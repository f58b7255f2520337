"""Files that a file names: only inside its own folder, links followed, so that no other file of the machine is read."""

from pathlib import Path

_LONGEST = 1000


def path_beside(name: str, folder: Path) -> Path | None:
    """Where `name` stands in `folder` or below it; None for any other place, whether or not it exists."""
    folder = folder.resolve()
    if "\0" in name or ":" in name or "\\" in name or len(name) > _LONGEST:
        return None
    try:
        path = (folder / name).resolve()
    except (OSError, RuntimeError):  # a name too long, a loop of links
        return None
    return path if path.is_relative_to(folder) else None


def file_beside(name: str, folder: Path) -> Path | None:
    """The regular file `name` in `folder` or below it, or None. A backslash, as on Windows, counts as a slash."""
    path = path_beside(name.replace("\\", "/"), folder)
    return path if path is not None and path.is_file() else None
