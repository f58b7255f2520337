"""Pictures with known cameras, in and out: `load_views` and `save_views`."""

import logging
from pathlib import Path

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.io.damage import damaged
from geolearn.io.files import write_whole
from geolearn.io.images import Header, png_bytes, read_header, read_image
from geolearn.io.mask_files import read_masks
from geolearn.io.picture_names import find_masks, find_pictures
from geolearn.io.scene_formats import read_scene
from geolearn.io.scenes import Scene
from geolearn.io.transforms import write_transforms
from geolearn.ops.lenses import Lens, undistort
from geolearn.structures import Cameras, Views
from geolearn.typing import PathLike, Tensor

logger = logging.getLogger(__name__)

_LARGEST_FACTOR = 16  # by which pictures may be smaller or larger than their scene file says


def load_views(path: PathLike, *, image_root: PathLike | None = None, masks: PathLike | None = None) -> Views:
    """Load pictures, masks and cameras of one object.

    `path` is a scene file, or a folder that holds one; in a folder the first of these counts:

    | file | written by |
    | --- | --- |
    | `transforms.json`, any other `.json` by name | NeRF's Blender data, nerfstudio, instant-ngp |
    | `cameras.bin` and `images.bin`, or `.txt`; also in `sparse/0`, `sparse`, `colmap/sparse/0` | COLMAP |
    | `cameras_sphere.npz`, `cameras.npz`, `cameras_large.npz`, with pictures in `image`, masks in `mask` | IDR, NeuS |
    | `*_par.txt` | Middlebury's multi-view data |
    | `poses_bounds.npy`, with pictures in `images` | LLFF |
    | `*.xml` | Metashape: Agisoft XML |
    | `*.csv` | RealityCapture: internal/external camera parameters |
    | `bundle.out`, with `list.txt` | Bundler |

    Pictures come in the order of the file (COLMAP: of the names). Colours are as in the files, not multiplied by alpha.
    The world is left as it is. Lens distortion is undone: the pictures are what a pinhole with the same K would have
    taken, of the same size; a lens that moves nothing by 0.01 px is left alone. Pictures that are a whole number of
    times smaller than the file says (`images_2`), or larger, get cameras of their size, and the log says so. Pictures
    of several sizes are brought to the largest height and width of all, each camera with them.

    Args:
        path: a scene file or folder.
        image_root: the folder that pictures and masks may come from, by default the folder of the scene file, or
            `images` beside a COLMAP model (or beside its `sparse`). Names stay relative to the scene file where that
            leads into `image_root`; otherwise they are looked for in `image_root`, if need be without their first
            folders and with another extension, so that `image_root="scene/images_4"` takes the small pictures.
        masks: the folder with a mask for every picture: that of `0.jpg` is `0.jpg.png` or `0.png`.

    Returns:
        Views with RGB images, or with one channel if all are grey. Masks are those of the folder `masks`; else what the
        scene names (`mask_path`, `mask`), or a folder `masks` in or beside `images`; else alpha, where any picture has
        it (1 where a picture has none); otherwise there are none. Labels 0 and 1 are read as masks.

    Raises:
        FileNotFoundError: no scene at `path`, or pictures or masks are missing; all are counted, the first ones named.
        MeshFormatError: a damaged scene file or picture, a lens that no pinhole could replace, or a picture of other
            proportions than the scene file says; the message names file and place.
        InvalidInputError: a picture outside `image_root`, or several scene files of one kind in the folder.
        MissingDependencyError: Pillow is not installed (extra `data`).

    >>> import tempfile
    >>> from geolearn.structures import Cameras
    >>> cameras = Cameras(torch.eye(3).expand(2, 3, 3), torch.eye(4).expand(2, 4, 4), 4, 6)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_views(Views(torch.zeros(2, 3, 4, 6), cameras), folder)
    ...     load_views(folder)
    Views(2 images of (3, 4, 6))
    """
    root = None if image_root is None else Path(image_root)
    scene = read_scene(Path(path), root)
    images = find_pictures(scene, root)
    mask_files = find_masks(scene, images, root, None if masks is None else Path(masks))
    headers = [read_header(file) for file in images]  # before any picture is decoded
    lenses = _lenses(scene, images, headers)
    size = max(header.height for header in headers), max(header.width for header in headers)
    if len({(header.height, header.width) for header in headers}) > 1:
        logger.warning("%s: pictures of several sizes are brought to %d x %d px", scene.source, size[1], size[0])
    pixels, alphas = _decoded(images, mask_files, headers, lenses, size)
    lenses = [lens.scaled(size[1] / h.width, size[0] / h.height) for lens, h in zip(lenses, headers, strict=True)]
    K = torch.from_numpy(np.stack([lens.K for lens in lenses])).float()
    poses = torch.from_numpy(np.stack([shot.world_to_camera for shot in scene.shots]))
    return Views(pixels, Cameras(K, poses, *size), alphas)


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


def _lenses(scene: Scene, files: list[Path], headers: list[Header]) -> list[Lens]:
    """The lens of every picture, in its own pixels."""
    lenses, scaled = [], []
    for shot, file, header in zip(scene.shots, files, headers, strict=True):
        height, width = shot.size or (header.height, header.width)
        lens = shot.lens(height, width)
        if (height, width) != (header.height, header.width):
            if not _is_scaled((header.height, header.width), (height, width)):
                raise damaged(
                    scene.source,
                    shot.place,
                    f"{file} is {header.width} x {header.height} px, but {width} x {height} in the scene file",
                    f"Scale the pictures by a whole number up to {_LARGEST_FACTOR}, or the intrinsics with their "
                    "size, so that they agree; what was cropped needs a principal point of its own",
                )
            lens = lens.scaled(header.width / width, header.height / height)
            scaled.append(f"{file.name} ({header.width} x {header.height} px, not {width} x {height})")
        lenses.append(lens)
    if scaled:
        logger.warning(
            "%s: %d of %d pictures are not of the size that it says, such as %s: their cameras are scaled",
            scene.source,
            len(scaled),
            len(files),
            scaled[0],
        )
    return lenses


def _is_scaled(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one is a whole number of times the other; where a side does not divide, it may have been rounded."""
    small, large = sorted((size, other))
    return any(
        max(abs(s * factor - b) for s, b in zip(small, large, strict=True)) < factor
        for factor in range(1, _LARGEST_FACTOR + 1)
    )


def _decoded(
    files: list[Path],
    mask_files: list[Path | None],
    headers: list[Header],
    lenses: list[Lens],
    size: tuple[int, int],
) -> tuple[Tensor, Tensor | None]:
    """Images (N, C, H, W) and masks (N, H, W), or None if no picture has one, without the bend of the lenses."""
    channels = 1 if all(header.grey for header in headers) else 3
    images, alphas = torch.empty(len(files), channels, *size), torch.ones(len(files), *size)
    masked = False
    masks = read_masks(mask_files)
    for number, (file, mask, lens) in enumerate(zip(files, masks, lenses, strict=True)):
        colour, alpha = _layers(file)
        if mask is not None:
            alpha = _fitted(mask, colour.shape[-2:], mask_files[number] or file, file)
        layers = [colour.expand(channels, -1, -1)] if alpha is None else [colour.expand(channels, -1, -1), alpha[None]]
        layers = _resized(undistort(torch.cat(layers), lens), size)
        images[number] = layers[:channels]
        if alpha is not None:
            alphas[number] = layers[channels]
            masked = True
    return images, alphas if masked else None


def _fitted(mask: Tensor, size: torch.Size, file: Path, picture: Path) -> Tensor:
    """A mask at the size of its picture, of which it may be a whole number of times the size."""
    if not _is_scaled((mask.shape[0], mask.shape[1]), (size[0], size[1])):
        problem = f"{tuple(mask.shape)} (height, width) is not the size of {picture}, {tuple(size)}"
        raise damaged(str(file), "the picture", problem, "Masks lie pixel on pixel over the pictures")
    return _resized(mask[None], (size[0], size[1]))[0]


def _resized(layers: Tensor, size: tuple[int, int]) -> Tensor:
    """Averaged over larger pixels, interpolated between smaller ones; the outer edges stay where they are."""
    if tuple(layers.shape[1:]) == size:
        return layers
    return torch.nn.functional.interpolate(layers[None], size, mode="bilinear", antialias=True)[0].clamp(0, 1)


def _layers(file: Path) -> tuple[Tensor, Tensor | None]:
    """A picture as colour (1 or 3, H, W), and alpha (H, W) if it has one."""
    pixels = torch.from_numpy(read_image(file)).movedim(-1, 0)
    return (pixels[:-1], pixels[-1]) if len(pixels) in (2, 4) else (pixels, None)
