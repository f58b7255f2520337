"""Every kind of scene that `load_views` reads, and which one a path is."""

from pathlib import Path

from geolearn.errors import InvalidInputError, printable
from geolearn.io import bundler, colmap, llff, metashape, middlebury, neus, realitycapture, transforms
from geolearn.io.damage import damaged
from geolearn.io.files import read_regular
from geolearn.io.formats import looks_like
from geolearn.io.scenes import Scene, SceneFormat

FORMATS: tuple[SceneFormat, ...] = (
    transforms.FORMAT,
    colmap.FORMAT,
    neus.FORMAT,
    middlebury.FORMAT,
    llff.FORMAT,
    metashape.FORMAT,
    realitycapture.FORMAT,
    bundler.FORMAT,
)


def read_scene(path: Path, image_root: Path | None) -> Scene:
    """The scene at `path`: a scene file, or a folder, where the first of `FORMATS` that it holds counts.

    Raises:
        FileNotFoundError: nothing there, or a folder without any of `FORMATS`; all are listed.
        InvalidInputError: a folder with several files of the kind.
        MeshFormatError: a file that is none of `FORMATS`, or a damaged one.
    """
    if path.is_dir():
        kind, file = _in_folder(path)
    else:
        data = read_regular(path)[:4096]  # also says what is wrong with a path that is no file
        kind, file = next((kind for kind in FORMATS if kind.recognises(path)), None), path
        if kind is None:
            problem = f"none of the scenes that are read here; the content looks like {looks_like(data)}"
            raise damaged(printable(path), "the whole file", problem, f"Expected one of: {_known()}")
    return kind.read(file, image_root)


def _in_folder(folder: Path) -> tuple[SceneFormat, Path]:
    for kind in FORMATS:
        for pattern in kind.patterns:
            files = sorted(file for file in folder.glob(pattern) if file.is_file() and kind.recognises(file))
            if len(files) > 1:
                shown = ", ".join(printable(file.name) for file in files[:10])
                raise InvalidInputError(
                    f"{printable(folder)}: {len(files)} scenes ({kind.name}): {shown}; pass one of them"
                )
            if files:
                return kind, files[0]
    others = sorted(file.name for file in folder.glob("transforms*.json"))
    hint = f"; pass one of its scene files: {', '.join(others[:10])}" if others else ""
    raise FileNotFoundError(f"{printable(folder)}: no scene in this folder{hint}. Expected one of: {_known()}")


def _known() -> str:
    return "; ".join(f"{kind.files} ({kind.name})" if kind.files not in kind.name else kind.name for kind in FORMATS)
