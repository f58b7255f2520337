"""Pictures with known cameras, in and out: `load_views` and `save_views`."""

from pathlib import Path

import torch

from geolearn.errors import InvalidInputError
from geolearn.io.colmap import read_colmap
from geolearn.io.damage import damaged
from geolearn.io.files import read_regular, write_whole
from geolearn.io.images import Header, png_bytes, read_header, read_image
from geolearn.io.scenes import Scene
from geolearn.io.transforms import read_transforms, write_transforms
from geolearn.structures import Views
from geolearn.typing import PathLike, Tensor

_EXTENSIONS = ("", ".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG", ".webp")  # Blender's scenes name pictures without


def load_views(path: PathLike, *, image_root: PathLike | None = None) -> Views:
    """Load pictures, masks and cameras of one object.

    | `path` | read as |
    | --- | --- |
    | a `.json` file, or a folder with `transforms.json` | Blender (NeRF synthetic), instant-ngp or nerfstudio scene |
    | a folder with `cameras.txt` and `images.txt`, itself or in `sparse/0` or `sparse` | COLMAP text model |

    Pictures come in the order of the frames (COLMAP: of the names), all of one size. Colours are as in the files, not
    multiplied by alpha. The world is left as it is.

    Args:
        path: a scene file or folder.
        image_root: the folder that pictures and masks may come from, by default the folder of `transforms.json`, or
            `images` beside the COLMAP model (or beside its `sparse`). Names in `transforms.json` stay relative to that
            file; if they lead elsewhere ("../images/0.png"), `image_root` must allow it. COLMAP's names are relative
            to `image_root`.

    Returns:
        Views with RGB images, or with one channel if all are grey; with masks from `mask_path` or else from alpha,
        where any picture has one (1 where a picture has none), otherwise without masks.

    Raises:
        FileNotFoundError: no scene at `path`, or pictures are missing; all are counted and the first ones named.
        MeshFormatError: a damaged scene file or picture, lens distortion, pictures of different sizes, or a size other
            than the scene file says; the message names file and place.
        InvalidInputError: a picture outside `image_root`.
        MissingDependencyError: Pillow is not installed (extra `data`).

    >>> import tempfile
    >>> from geolearn.structures import Cameras
    >>> cameras = Cameras(torch.eye(3).expand(2, 3, 3), torch.eye(4).expand(2, 4, 4), 4, 6)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_views(Views(torch.zeros(2, 3, 4, 6), cameras), folder)
    ...     load_views(folder)
    Views(2 images of (3, 4, 6))
    """
    path = Path(path)
    scene_file = path / "transforms.json" if path.is_dir() else path
    if scene_file.suffix.lower() == ".json" and (scene_file.exists() or not path.is_dir()):
        scene = read_transforms(read_regular(scene_file), str(scene_file))
        base, root = scene_file.parent, Path(image_root or scene_file.parent)
    else:
        model = _colmap_folder(path)
        scene = read_colmap(read_regular(model / "cameras.txt"), read_regular(model / "images.txt"), str(model))
        base = root = Path(image_root) if image_root is not None else _image_folder(path, model)
    images = [file for file in _found(scene, [shot.image for shot in scene.shots], base, root) if file is not None]
    masks = _found(scene, [shot.mask for shot in scene.shots], base, root)
    header = _common_header(scene, images)
    pixels, alphas = _decoded(images, masks, header)
    return Views(pixels, scene.cameras(header.height, header.width), alphas)


def save_views(views: Views, folder: PathLike) -> None:
    """Write `images/0000.png` ... and `transforms.json` (nerfstudio's flavour), which `load_views` reads back.

    Images have 1 or 3 channels; masks become alpha. Values are rounded to 8 bits. Files of the same name are replaced.

    Args:
        views: at least one view.
        folder: where to write; created if it does not exist.

    Raises:
        InvalidInputError: no views, another number of channels, or cameras with skew, which the file cannot express.
        MissingDependencyError: Pillow is not installed (extra `data`).

    >>> import tempfile
    >>> from geolearn.structures import Cameras
    >>> cameras = Cameras(torch.eye(3).expand(2, 3, 3), torch.eye(4).expand(2, 4, 4), 4, 6)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_views(Views(torch.zeros(2, 3, 4, 6), cameras), folder)
    ...     sorted(file.name for file in Path(folder).rglob("*.*"))
    ['0000.png', '0001.png', 'transforms.json']
    """
    channels = views.images.shape[1]
    if len(views) == 0 or channels not in (1, 3):
        raise InvalidInputError(
            f"views: expected at least one image of 1 or 3 channels, got {len(views)} of {channels} channels"
        )
    folder = Path(folder)
    names = [f"images/{number:04d}.png" for number in range(len(views))]
    document = write_transforms(views.cameras, names)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    layers = [views.images] if views.masks is None else [views.images, views.masks[:, None]]
    for name, pixels in zip(names, torch.cat(layers, dim=1).detach().cpu().movedim(1, -1), strict=True):
        write_whole(folder / name, png_bytes(pixels.numpy()))
    write_whole(folder / "transforms.json", document)  # last: a scene file whose pictures are all there


def _colmap_folder(path: Path) -> Path:
    """The folder with the text model in or below `path`."""
    candidates = [path, path / "sparse" / "0", path / "sparse"]
    for folder in candidates:
        if (folder / "cameras.txt").is_file() and (folder / "images.txt").is_file():
            return folder
    for folder in candidates:
        if (folder / "cameras.bin").is_file():
            raise damaged(
                str(folder),
                "cameras.bin",
                "a binary COLMAP model",
                "Convert it: `colmap model_converter --output_type TXT`",
            )
    others = sorted(file.name for file in path.glob("transforms*.json")) if path.is_dir() else []
    hint = f"; pass one of its scene files: {', '.join(others)}" if others else ""
    raise FileNotFoundError(f"{path}: no transforms.json and no COLMAP text model (cameras.txt and images.txt){hint}")


def _image_folder(path: Path, model: Path) -> Path:
    """Where COLMAP projects keep pictures: beside the model, or beside the `sparse` that holds it."""
    parents = [path, model, model.parent, model.parent.parent]
    for parent in parents:
        if (parent / "images").is_dir():
            return parent / "images"
    raise FileNotFoundError(
        f"{model}: found no folder `images` beside the model; pass image_root=... with the pictures"
    )


def _found(scene: Scene, names: list[str | None], base: Path, root: Path) -> list[Path | None]:
    """The files by these names; all that are missing are reported at once."""
    files = []
    for shot, name in zip(scene.shots, names, strict=True):
        file, inside = (None, True) if name is None else _file(base, name, root.resolve())
        if not inside:
            raise InvalidInputError(
                f"{scene.source}: {shot.place}: {name!r} leads outside {root}. If you trust this file, pass "
                "image_root=... with a folder that holds all pictures"
            )
        files.append(file)
    missing = [ascii(name) for name, file in zip(names, files, strict=True) if name is not None and file is None]
    if missing:
        named = ", ".join(missing[:10]) + (", ..." if len(missing) > 10 else "")
        raise FileNotFoundError(f"{scene.source}: {len(missing)} of {len(names)} pictures are not in {base}: {named}")
    return files


def _file(base: Path, name: str, root: Path) -> tuple[Path | None, bool]:
    """`(file, whether it is inside root)`; links are followed, and nothing outside is looked at."""
    for extension in _EXTENSIONS:
        file = base / (name + extension)
        try:
            if not file.resolve().is_relative_to(root):
                return None, False
            if file.is_file():
                return file, True
        except (OSError, ValueError):  # a name that no file can have: too long, or with a null character
            return None, True
    return None, True


def _common_header(scene: Scene, files: list[Path]) -> Header:
    """The size of all pictures, and whether all are grey, from their headers: before any of them is decoded."""
    headers = [read_header(file) for file in files]
    first = headers[0]
    for shot, file, header in zip(scene.shots, files, headers, strict=True):
        size = (header.height, header.width)
        if shot.size not in (None, size):
            raise damaged(
                scene.source,
                shot.place,
                f"{file} is {header.width} x {header.height} px, but {shot.size[1]} x {shot.size[0]} in the scene file",
                "Scale the pictures, or the intrinsics with their size, so that they agree",
            )
        if size != (first.height, first.width):
            raise damaged(
                scene.source,
                shot.place,
                f"{file} is {header.width} x {header.height} px, {files[0]} is {first.width} x {first.height}",
                "Views share one size: load groups of equal size on their own, or crop the pictures",
            )
    return Header(first.height, first.width, all(header.grey for header in headers))


def _decoded(files: list[Path], masks: list[Path | None], header: Header) -> tuple[Tensor, Tensor | None]:
    """Images (N, C, H, W) and masks (N, H, W), or None if no picture has one."""
    images = torch.empty(len(files), 1 if header.grey else 3, header.height, header.width)
    alphas = torch.ones(len(files), header.height, header.width)
    masked = False
    for number, (file, mask) in enumerate(zip(files, masks, strict=True)):
        colour, alpha = _layers(file)
        images[number] = colour
        if mask is not None:
            alpha = _layers(mask)[0].mean(0)
            if alpha.shape != alphas[number].shape:
                problem = (
                    f"{tuple(alpha.shape)} (height, width) is not the size of {file}, {tuple(alphas[number].shape)}"
                )
                raise damaged(str(mask), "the picture", problem, "Masks lie pixel on pixel over the pictures")
        if alpha is not None:
            alphas[number] = alpha
            masked = True
    return images, alphas if masked else None


def _layers(file: Path) -> tuple[Tensor, Tensor | None]:
    """A picture as colour (1 or 3, H, W), and alpha (H, W) if it has one."""
    pixels = torch.from_numpy(read_image(file)).movedim(-1, 0)
    return (pixels[:-1], pixels[-1]) if len(pixels) in (2, 4) else (pixels, None)
