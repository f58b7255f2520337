"""`*_par.txt` of the Middlebury multi-view data: a line `name K R t` for every picture, all matrices by rows.

The pictures are beside the file; pixels count from the centre of the first one.
Source: https://vision.middlebury.edu/mview/data/ (Seitz et al., CVPR 2006)
"""

from pathlib import Path

import numpy as np

from geolearn.io.damage import damaged
from geolearn.io.files import read_regular
from geolearn.io.scenes import Scene, SceneFormat, Shot, rigid
from geolearn.io.words import to_utf8
from geolearn.ops.lenses import Lens


def read_middlebury(path: Path, image_root: Path | None = None) -> Scene:
    """Parse the file; no picture is opened.

    Raises:
        FileNotFoundError: no such file.
        MeshFormatError: a line that is not a name and 21 numbers, another number of lines than the first one says, a K
            that is not upper triangular, or an R that is no rotation.
    """
    source = str(path)
    try:
        lines = to_utf8(read_regular(path)).decode().splitlines()
    except UnicodeDecodeError as error:
        raise damaged(source, "the whole file", f"not UTF-8 text ({error})") from error
    rows = [(f"line {number}", words) for number, line in enumerate(lines, 1) if (words := line.split())]
    if not rows or len(rows[0][1]) != 1 or not rows[0][1][0].isdigit():
        raise damaged(source, "line 1", "expected the number of pictures", "Is this a Middlebury _par.txt?")
    if len(rows[0][1][0]) > 9 or int(rows[0][1][0]) != len(rows) - 1 or len(rows) == 1:
        raise damaged(source, "line 1", f"promises {rows[0][1][0][:20]} pictures, {len(rows) - 1} lines follow")
    return Scene(source, tuple(_shot(words, source, place) for place, words in rows[1:]), (path.parent,))


def _shot(words: list[str], source: str, place: str) -> Shot:
    name = " ".join(words[:-21])
    try:
        numbers = np.array([float(word) for word in words[-21:]])
    except ValueError as error:
        raise damaged(source, place, f"expected a name and 21 numbers ({error})") from error
    if not name or len(numbers) != 21 or not np.isfinite(numbers).all():
        raise damaged(source, place, f"expected a name and 21 finite numbers (K, R, t), got {len(words)} words")
    K, R = numbers[:9].reshape(3, 3), numbers[9:18].reshape(3, 3)
    if min(K[0, 0], K[1, 1]) <= 0 or np.abs(K[[1, 2, 2, 2], [0, 0, 1, 2]] - [0, 0, 0, 1]).max() > 1e-6:
        raise damaged(source, place, "expected K = [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with focal lengths > 0")
    K[:2, 2] += 0.5
    pose, lens = rigid(R, numbers[18:], source, place), Lens(K)
    return Shot(place, name, None, None, pose, lambda _height, _width: lens)


FORMAT = SceneFormat(
    "Middlebury multi-view data",
    "NAME_par.txt with its pictures beside it",
    ("*_par.txt",),
    lambda path: path.name.endswith("_par.txt"),
    read_middlebury,
)
