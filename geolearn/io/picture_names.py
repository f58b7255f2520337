"""The files behind the names of pictures and masks that a scene gives, inside folders that may be read."""

import logging
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from geolearn.errors import InvalidInputError, printable
from geolearn.io.damage import damaged
from geolearn.io.scenes import Scene

logger = logging.getLogger(__name__)

_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_EXTENSIONS = ("", *_ENDINGS, *(ending.upper() for ending in _ENDINGS))  # Blender's scenes name pictures without
_SHOWN = 10


def pictures_in(folder: Path) -> list[str]:
    """The names of the pictures in a folder, sorted; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(file.name for file in folder.iterdir() if file.suffix.lower() in _ENDINGS and file.is_file())


def find_pictures(scene: Scene, image_root: Path | None) -> list[Path]:
    """The picture of every shot.

    Without `image_root`, names are relative to the scene's folders and must not lead out of them. With it, everything
    below it may be read, and a name that is not found in the scene's folders is looked for there, whole or without its
    first folders, with another extension if need be: `images/0.jpg` is also `0.png` of the folder `images_4`.

    Raises:
        FileNotFoundError: pictures are missing; all are counted and the first ones named.
        InvalidInputError: a name leads outside.
        MeshFormatError: two names are one file.
    """
    if image_root is None and not scene.folders:
        raise FileNotFoundError(
            f"{scene.source}: found no folder `images` beside it; pass image_root=... with the pictures"
        )
    found = _files(scene, [(shot.place, shot.image) for shot in scene.shots], image_root)
    seen: dict[Path, str] = {}
    for shot, file in zip(scene.shots, found, strict=True):
        if seen.setdefault(file, shot.image) != shot.image:
            problem = f"{shot.image!r} and {seen[file]!r} are both {file}"
            raise damaged(scene.source, shot.place, problem, "Give pictures names of their own")
    return found


def find_masks(scene: Scene, pictures: list[Path], image_root: Path | None, masks: Path | None) -> list[Path | None]:
    """The mask of every shot, None where it has none.

    They are in the folder `masks` if it is given; otherwise as the scene names them; otherwise in a folder `masks` in
    that of the pictures or beside `images`, if it has any. The mask of `a/0.jpg` is `a/0.jpg.png`, as COLMAP calls it,
    or `a/0.png`, or another picture of that name; in `masks`, folders may be left out.

    Raises:
        FileNotFoundError: no such folder, or masks are missing; all are counted and the first ones named.
        InvalidInputError: a name in the scene leads outside.
        MeshFormatError: one file would be the mask of two pictures.
    """
    if masks is not None:
        if not masks.is_dir():
            raise FileNotFoundError(f"masks: there is no folder {printable(masks)}")
        return _all_found(scene, _in_folder(scene, pictures, masks), masks)
    named = [(shot.place, shot.mask) for shot in scene.shots if shot.mask]
    if named:
        files = iter(_files(scene, named, image_root))
        return [next(files) if shot.mask else None for shot in scene.shots]
    for folder in _mask_folders((*scene.folders, *([] if image_root is None else [image_root]))):
        found = _in_folder(scene, pictures, folder)
        if any(found):
            return _all_found(scene, found, folder)
        logger.warning("%s: it holds no mask of any picture, so it is not used", folder)
    return [None] * len(pictures)


def _mask_folders(pictures: tuple[Path, ...]) -> list[Path]:
    """Folders `masks` in those of the pictures, or beside them if they are called `images` or the like."""
    folders = []
    for folder in pictures:
        beside = [folder.absolute().parent / "masks"] if folder.name.startswith("image") else []
        folders += [masks for masks in (folder / "masks", *beside) if masks.is_dir()]
    return list(dict.fromkeys(folders))


def _in_folder(scene: Scene, pictures: list[Path], folder: Path) -> list[Path | None]:
    return [next(_mask(shot.image, file, folder), None) for shot, file in zip(scene.shots, pictures, strict=True)]


def _all_found(scene: Scene, masks: list[Path | None], folder: Path) -> list[Path | None]:
    missing = [shot.image for shot, mask in zip(scene.shots, masks, strict=True) if mask is None]
    if missing:
        example = PurePosixPath(_slashed(missing[0])).name
        raise FileNotFoundError(
            f"{folder}: no masks for {len(missing)} of {len(masks)} pictures: {_shown(missing)}; expected names such "
            f"as {example + '.png'!a} or {PurePosixPath(example).stem + '.png'!a}"
        )
    seen: dict[Path | None, str] = {}
    for shot, mask in zip(scene.shots, masks, strict=True):
        if seen.setdefault(mask, shot.image) != shot.image:
            problem = f"{mask} would be the mask of {seen[mask]!r} and of {shot.image!r}"
            raise damaged(str(folder), shot.place, problem, "Keep masks in the folders of their pictures")
    return masks


def _mask(name: str, picture: Path, folder: Path) -> Iterator[Path]:
    """The files in `folder` that may be the mask of a picture, the likeliest first."""
    for tail in dict.fromkeys((*_tails(name), picture.name)):
        stem = str(PurePosixPath(tail).with_suffix("")) if PurePosixPath(tail).suffix.lower() in _ENDINGS else tail
        for spelled in dict.fromkeys((tail + ".png", *(stem + ending for ending in _EXTENSIONS[1:]))):
            file, inside = _inside(folder, spelled, [folder])
            if file is not None and inside and file != picture.resolve():
                yield file


def _files(scene: Scene, named: list[tuple[str, str]], image_root: Path | None) -> list[Path]:
    """The files by these (place in the scene, name); all that are missing are reported at once."""
    roots = [image_root] if image_root is not None else list(scene.folders)
    files: list[Path] = []
    missing = []
    for place, name in named:
        file, outside = _look_up(name, scene.folders, image_root, roots)
        if file is None and outside and image_root is None:
            shown = ", ".join(map(str, roots))
            raise InvalidInputError(
                f"{scene.source}: {place}: {name!r} leads outside {shown}. If you trust this file, pass "
                "image_root=... with a folder that holds all pictures"
            )
        if file is None:
            missing.append(name)
        else:
            files.append(file)
    if missing:
        where = ", ".join(map(str, dict.fromkeys((*scene.folders, *roots))))
        raise FileNotFoundError(
            f"{scene.source}: {len(missing)} of {len(named)} pictures are not in {where}: {_shown(missing)}; "
            "image_root=... gives the folder that holds them"
        )
    return files


def _look_up(
    name: str, folders: tuple[Path, ...], image_root: Path | None, roots: list[Path]
) -> tuple[Path | None, bool]:
    """`(file, whether some reading of the name led outside)`."""
    places = [(folder, spelled) for spelled in dict.fromkeys((name, _slashed(name))) for folder in folders]
    if image_root is not None:
        tails = list(_tails(name))
        places += [(image_root, tail) for tail in tails]
        places += [
            (image_root, str(PurePosixPath(tail).with_suffix(""))) for tail in tails if PurePosixPath(tail).suffix
        ]
    outside = False
    for folder, spelled in places:
        for extension in _EXTENSIONS:
            file, inside = _inside(folder, spelled + extension, roots)
            outside |= not inside
            if file is not None:
                return file, outside
    return None, outside


def _inside(folder: Path, name: str, roots: list[Path]) -> tuple[Path | None, bool]:
    """`(file, whether it is inside a root)`; links are followed, and nothing outside is looked at."""
    try:
        file = (folder / name).resolve()
        if not any(file.is_relative_to(root.resolve()) for root in roots):
            return None, False
        return (file, True) if file.is_file() else (None, True)
    except (OSError, ValueError, RuntimeError):  # a name that no file can have: too long, a null character, a loop
        return None, True


def _slashed(name: str) -> str:
    return name.replace("\\", "/")


def _tails(name: str) -> Iterator[str]:
    """A name without its first folders: a/b/c.png, b/c.png, c.png; with slashes alone."""
    parts = [part for part in PurePosixPath(_slashed(name)).parts if part not in ("/", "..")]
    yield from ("/".join(parts[n:]) for n in range(len(parts)))


def _shown(names: list[str]) -> str:
    return ", ".join(map(ascii, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
