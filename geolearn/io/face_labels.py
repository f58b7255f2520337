"""Label files beside a mesh: the lists of the labeled Princeton benchmark, and MeshCNN's labels per edge."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.io.damage import damaged, excerpt
from geolearn.io.files import read_regular, write_whole
from geolearn.io.words import Words, plain_text
from geolearn.typing import Int, PathLike, Tensor

OTHER_MESH = "Is it the label file of another mesh?"
SHOWN = 5


def read_part_lists(path: PathLike, num_faces: int, parts: Sequence[str]) -> Int[Tensor, " F"]:
    """Labels from a `_labels.txt` of the labeled Princeton Segmentation Benchmark.

    The file holds two lines per part: its name, then the faces it is made of, counted from 1 (Kalogerakis et al.,
    "Learning 3D mesh segmentation and labeling", SIGGRAPH 2010). A name may come more than once.

    Args:
        num_faces: of the mesh; every face has to be listed exactly once.
        parts: names in label order; the label of a part is its place here.

    Returns:
        int64, one label per face.

    Raises:
        MeshFormatError: a name that is not one of the parts, a face that the mesh does not have, that two parts claim,
            or that none does. The message says how many.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "cup_labels.txt")
    ...     _ = path.write_text("handle\\n2 3\\nbody\\n1\\n")
    ...     read_part_lists(path, 3, ["body", "handle"]).tolist()
    [0, 1, 1]
    """
    source = str(path)
    rows = [line for line in plain_text(read_regular(path), comments=False).splitlines() if line.strip()]
    if not rows or len(rows) % 2:
        raise damaged(
            source, "the whole file", f"expected a name and a line of faces for each part, got {len(rows)} lines"
        )
    labels = np.full(num_faces, -1, dtype=np.int64)
    listed = np.zeros(num_faces, dtype=np.int64)
    for place, (name_row, faces_row) in enumerate(zip(rows[::2], rows[1::2], strict=True)):
        name = name_row.decode("utf-8", "replace").strip()
        if name not in parts:
            raise damaged(
                source, f"part {place + 1}", f"expected one of {', '.join(parts)}, got {name!r}", "Name it so"
            )
        faces = _whole_numbers(faces_row, source, f"the faces of {name}") - 1
        outside = (faces < 0) | (faces >= num_faces)
        if outside.any():
            raise damaged(
                source,
                f"the faces of {name}",
                f"{int(outside.sum())} of {len(faces)} are not among the faces 1..{num_faces} of the mesh, first "
                f"{int(faces[outside][0]) + 1}",
                OTHER_MESH,
            )
        np.add.at(listed, faces, 1)
        labels[faces] = parts.index(name)
    for wrong, what in ((listed == 0, "are in no part"), (listed > 1, "are listed more than once")):
        if wrong.any():
            first = (np.flatnonzero(wrong)[:SHOWN] + 1).tolist()
            problem = f"{int(wrong.sum())} of {num_faces} faces {what}, first {first}"
            raise damaged(source, "the whole file", problem, OTHER_MESH)
    return torch.from_numpy(labels)


def read_edge_labels(path: PathLike, num_edges: int, num_labels: int) -> Int[Tensor, " E"]:
    """Labels from an `.eseg` file of MeshCNN: one per line and edge, counted from 1; returned from 0.

    Lines are in the order of `geolearn.ops.edge_labels.edges_in_face_order`.

    Args:
        num_edges: of the mesh.
        num_labels: values go from 1 to this.

    Raises:
        MeshFormatError: another number of lines than edges, or a label out of range; says how many.
    """
    source = str(path)
    labels = _whole_numbers(plain_text(read_regular(path)), source, "the labels")
    if len(labels) != num_edges:
        problem = f"expected one label for each of {num_edges} edges, got {len(labels)}"
        raise damaged(source, "the whole file", problem, OTHER_MESH)
    outside = (labels < 1) | (labels > num_labels)
    if outside.any():
        raise damaged(
            source,
            f"label {int(outside.argmax()) + 1}",
            f"{int(outside.sum())} of {num_edges} labels are not in 1..{num_labels}, first {int(labels[outside][0])}",
            "Count labels from 1, and name all parts in the manifest",
        )
    return torch.from_numpy(labels - 1)


def read_face_labels(path: PathLike, num_faces: int) -> tuple[Int[Tensor, " F"], list[str]]:
    """Labels of one's own: a text with a label per line and face, or a `.npy` of whole numbers.

    Args:
        path: `.npy`, or text. A line holds a whole number >= 0 or the name of a part; one file holds only one kind.
        num_faces: of the mesh, in the order of its file.

    Returns:
        labels: int64 (F,). Names are numbered in alphabetical order.
        names: of the labels 0, 1, ... where the file has names, else empty.

    Raises:
        MeshFormatError: another number of labels than faces, a label below 0, or something that is neither.
    """
    path, source = Path(path), str(path)
    if path.suffix.lower() == ".npy":
        labels, names = _array(path), []
    else:
        lines = [line.strip() for line in plain_text(read_regular(path)).splitlines()]
        words = [line.decode("utf-8", "replace") for line in lines if line]
        if words and not any(_is_number(word) for word in words):
            names = sorted(set(words))
            place = {name: label for label, name in enumerate(names)}
            labels = np.array([place[word] for word in words], dtype=np.int64)
        else:
            labels, names = _whole_numbers(b"\n".join(lines), source, "the labels"), []
    if len(labels) != num_faces:
        problem = f"expected one label for each of {num_faces} faces, got {len(labels)}"
        raise damaged(source, "the whole file", problem, OTHER_MESH)
    if (labels < 0).any():
        problem = f"{int((labels < 0).sum())} of {num_faces} labels are below 0"
        raise damaged(source, f"label {int((labels < 0).argmax()) + 1}", problem, "Give every face a label from 0 on")
    return torch.from_numpy(labels), names


def write_face_labels(labels: Int[Tensor, " F"], path: PathLike, names: Sequence[str] = ()) -> None:
    """One line per face, as `read_face_labels` reads it: the label, or with `names` its name.

    Raises:
        InvalidInputError: a label without a name.
    """
    values = labels.cpu().tolist()
    if names and values and not 0 <= min(values) <= max(values) < len(names):
        raise InvalidInputError(f"labels: expected values in 0..{len(names) - 1}, got {min(values)}..{max(values)}")
    write_whole(path, "".join(f"{names[value] if names else value}\n" for value in values).encode())


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _array(path: Path) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise damaged(str(path), "the whole file", f"not a .npy array of numbers ({error})") from error
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.kind not in "iu":
        raise damaged(
            str(path), "the whole file", "expected one row of whole numbers", "Save labels.astype(numpy.int64)"
        )
    return array.astype(np.int64)


def _whole_numbers(text: bytes, source: str, place: str) -> np.ndarray:
    values = Words(text, source).numbers(slice(None), whole=True)
    good = (values == np.floor(values)) & (np.abs(values) < 2**53)
    if not good.all():
        raise damaged(source, place, f"expected whole numbers, got {excerpt(str(values[~good][0]).encode())}")
    return values.astype(np.int64)
