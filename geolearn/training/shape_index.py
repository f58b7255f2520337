"""Which shapes of a folder are nearest to another: their descriptors by trained weights, kept on disk.

An index lies in the cache under a name made of the weights and of names, sizes and times of change of the files. Where
one of these changes, another index is built.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geolearn.data.cache import cached, entry_path
from geolearn.data.places import cache_folder
from geolearn.errors import DatasetError, GeolearnError, MissingDependencyError, printable
from geolearn.progress import progress_bar
from geolearn.training.method import Method
from geolearn.training.methods.retrieval import find_nearest
from geolearn.training.shape_files import Up, as_shape, read_shape, shape_files
from geolearn.training.testing import Trained
from geolearn.typing import Array, Float, PathLike, Tensor

AT_ONCE = 16  # shapes that are described together
SHOWN = 10


@dataclass(frozen=True)
class Neighbour:
    """A shape that is near to another.

    Attributes:
        path: its file.
        similarity: the cosine of the descriptors, at most 1.

    >>> Neighbour(Path("shapes/chair.off"), 0.98).path.name
    'chair.off'
    """

    path: Path
    similarity: float


@dataclass(frozen=True, eq=False, repr=False)
class ShapeIndex:
    """The shapes of a folder by their descriptors; made by `Predictor.index`.

    Attributes:
        files: N names, relative to the folder.
        descriptors: (N, D).
        left_out: file to why it cannot be read.

    >>> from geolearn.training.testing import load_trained
    >>> trained = load_trained("voxnet-modelnet10")
    >>> index = ShapeIndex(trained, Path("shapes"), ("a.off", "b.off"), torch.eye(2), {})
    >>> index.nearest_to(torch.tensor([[1.0, 3.0]]), 1)[0][0].path.name
    'b.off'
    """

    trained: Trained
    folder: Path
    files: tuple[str, ...]
    descriptors: Float[Tensor, "N D"]
    left_out: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        return f"ShapeIndex({str(self.folder)!r}, {len(self)} shapes, by {self.trained.name!r})"

    def nearest(self, shape: Any, count: int = 5) -> list[Neighbour]:
        """The nearest shapes of the folder, the nearest first; a shape that is in the folder is its own nearest.

        Args:
            shape: anything that a `Predictor` takes.
        """
        return self.nearest_to(describe_shape(self.trained, shape)[None], count)[0]

    def nearest_to(self, descriptors: Float[Tensor, "Q D"], count: int = 5) -> list[list[Neighbour]]:
        """The same for descriptors, see `describe_shape`."""
        similarities, rows = find_nearest(descriptors, self.descriptors, count)
        return [
            [Neighbour(self.folder / self.files[row], value) for row, value in zip(*each, strict=True)]
            for each in zip(rows.tolist(), similarities.tolist(), strict=True)
        ]


def describe_shape(trained: Trained, shape: Any) -> Float[Tensor, " D"]:
    """The descriptor of one shape.

    Raises:
        InvalidInputError: weights of a method that has no descriptors.
    """
    return trained.method.describe(trained.net, [as_shape(shape)])[0]


def open_index(
    trained: Trained,
    folder: PathLike,
    *,
    up: Up = "auto",
    skip_broken: bool = False,
    root: PathLike | None = None,
    progress: bool = False,
) -> ShapeIndex:
    """The index of all mesh and voxel files in a folder, however deep; built where it is not kept already.

    Args:
        up: the axis that points up in mesh files, see `read_shape`.
        skip_broken: leave out files that cannot be read, instead of refusing the folder.
        root: the data home; by default `$GEOLEARN_HOME` or `~/.cache/geolearn`.

    Raises:
        InvalidInputError: a folder without shapes, or weights of a method that has no descriptors.
        DatasetError: files that cannot be read, and are not to be left out; says how many, and names them.
    """
    if type(trained.method).describe is Method.describe:
        trained.method.describe(trained.net, ())  # says so
    folder = Path(folder)
    files = shape_files(folder)
    listed = [[file.path, file.size, file.mtime_ns] for file in files]
    path = entry_path(cache_folder("indices", root), digest_of(trained), listed, up)
    names = [file.path for file in files]
    kept = cached(path, lambda: _describe_files(trained, folder, names, up, progress))
    left_out = json.loads(kept["left_out"].tobytes())
    if left_out and (not skip_broken or len(left_out) == len(files)):
        first = "\n  ".join(printable(reason, lines=True) for reason in list(left_out.values())[:SHOWN])
        more = f"\n  ... and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
        remedy = "" if skip_broken else "; leave them out with --skip-broken (skip_broken=True)"
        raise DatasetError(
            f"{printable(folder)}: {len(left_out)} of {len(files)} files cannot be read{remedy}:\n  {first}{more}"
        )
    readable = tuple(name for name in names if name not in left_out)
    return ShapeIndex(trained, folder, readable, torch.from_numpy(kept["descriptors"]), left_out)


def digest_of(trained: Trained) -> str:
    """A hash of everything that descriptors depend on besides the shape: the recipe and the tensors."""
    digest = hashlib.sha256(repr((trained.record["model"], trained.net.config, trained.method.recipe)).encode())
    for name, value in trained.net.state_dict().items():
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _describe_files(trained: Trained, folder: Path, names: Sequence[str], up: Up, progress: bool) -> dict[str, Array]:
    rows: list[Tensor] = []
    left_out: dict[str, str] = {}
    with progress_bar(f"indexing {printable(folder.name)}", len(names), show=progress) as bar:
        for first in range(0, len(names), AT_ONCE):
            part, shapes = names[first : first + AT_ONCE], {}
            for name in part:
                try:
                    shapes[name] = read_shape(folder / name, up)
                except MissingDependencyError:
                    raise
                except (GeolearnError, OSError) as error:
                    left_out[name] = str(error)
            rows += _describe(trained, shapes, left_out)
            bar.advance(len(part))
    descriptors = torch.stack(rows) if rows else torch.zeros(0, 1)
    reasons = np.frombuffer(json.dumps(left_out).encode(), np.uint8)
    return {"descriptors": descriptors.cpu().numpy(), "left_out": reasons}


def _describe(trained: Trained, shapes: Mapping[str, Any], left_out: dict[str, str]) -> list[Tensor]:
    """Descriptors of shapes, all at once where that works, else of each by itself."""
    if not shapes:
        return []
    try:
        return list(trained.method.describe(trained.net, list(shapes.values())))
    except MissingDependencyError:
        raise
    except GeolearnError as error:
        if len(shapes) > 1:
            return [row for name, shape in shapes.items() for row in _describe(trained, {name: shape}, left_out)]
        (name,) = shapes
        left_out[name] = f"{name}: {error}"
        return []
