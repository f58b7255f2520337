"""binvox: run-length encoded occupancy. Its cells run x slowest, then z, then y fastest.

`translate` is the corner of cell (0, 0, 0) and `scale` the edge of the whole cube.
Source: https://www.patrickmin.com/binvox/binvox.html
"""

import re

import numpy as np

from geolearn.errors import InvalidInputError
from geolearn.io.damage import damaged, excerpt, leftover
from geolearn.io.formats import not_this_format
from geolearn.io.grids import Grid, check_cube, check_size

_HEADER_END = re.compile(rb"\n[ \t]*data[ \t\r]*(?:#[^\n]*)?\n")


def read_binvox(data: bytes, source: str) -> Grid:
    """The grid in a binvox file's bytes; `source` names it in errors."""
    if not data.startswith(b"#binvox"):
        raise not_this_format(source, "binvox (its first word is #binvox)", data)
    header = _HEADER_END.search(data, 0, 4096)
    if header is None:
        raise damaged(source, "the header", "there is no line data")
    fields: dict[str, list[float]] = {"translate": [0.0, 0.0, 0.0], "scale": [1.0]}
    for number, line in enumerate(data[: header.start()].split(b"\n")[1:], start=2):
        name, *words = line.decode("latin-1").partition("#")[0].split() or [""]
        if name not in ("dim", "translate", "scale"):
            continue
        try:
            fields[name] = [float(word) for word in words]
        except ValueError:
            fields[name] = []
        if len(fields[name]) != (1 if name == "scale" else 3) or not np.isfinite(fields[name]).all():
            raise damaged(source, f"line {number}", f"expected {name} and finite numbers, got {excerpt(line)}")
    if "dim" not in fields:
        raise damaged(source, "the header", "there is no line dim")
    dim, scale = fields["dim"], fields["scale"][0]
    if any(d != int(d) or not 0 <= d <= 2**20 for d in dim) or scale <= 0:
        raise damaged(source, "the header", f"expected whole dimensions and a scale > 0, got dim {dim}, scale {scale}")
    side = int(dim[0])
    check_cube(tuple(int(d) for d in dim), source, "the header")

    runs = np.frombuffer(data, dtype=np.uint8, offset=header.end())
    cells = np.cumsum(runs[1::2], dtype=np.int64)
    used = int(np.searchsorted(cells, side**3)) + 1  # runs, up to the one that fills the cube
    total = int(cells[-1]) if len(cells) else 0
    if used <= len(cells) and cells[used - 1] == side**3:
        total = side**3
    elif len(runs) % 2:
        raise damaged(source, f"byte {len(data)}", "the last run has a value but no length")
    values, lengths = runs[: 2 * used : 2], runs[1 : 2 * used : 2]
    if (values > 1).any():
        at = header.end() + 2 * int((values > 1).argmax())
        raise damaged(source, f"byte {at}", f"expected a value of 0 or 1, got {data[at]}")
    if total != side**3:
        raise damaged(source, f"byte {header.end()}", f"the runs hold {total} cells instead of {side}^3 = {side**3}")
    check_size(total, len(data), source, "the header")
    end = header.end() + 2 * used
    if data[end:].strip(b"\0 \r\n\t"):
        leftover(source, f"byte {end}", f"{len(data) - end} bytes", data[end : end + 100])
    xzy = np.repeat(values.view(bool), lengths).reshape(side, side, side)
    return Grid(xzy.transpose(0, 2, 1), np.array(fields["translate"]), scale / side)


def write_binvox(grid: Grid) -> bytes:
    """The bytes of a binvox file. Occupancy only."""
    if grid.values.dtype != bool:
        raise InvalidInputError(
            f"grid: binvox holds occupancy only, got {grid.values.dtype} values; save .npz, or threshold them first"
        )
    side = len(grid.values)
    cells = np.ascontiguousarray(grid.values.transpose(0, 2, 1)).reshape(-1)
    begin = np.concatenate([[0], np.flatnonzero(cells[1:] != cells[:-1]) + 1])
    length = np.diff(begin, append=len(cells))
    parts = -(-length // 255)  # a run is at most 255 cells long
    runs = np.full((int(parts.sum()), 2), 255, dtype=np.uint8)
    runs[:, 0] = np.repeat(cells[begin], parts)
    runs[np.cumsum(parts) - 1, 1] = length - 255 * (parts - 1)
    translate = " ".join(f"{value:.9g}" for value in grid.origin)
    header = f"#binvox 1\ndim {side} {side} {side}\ntranslate {translate}\nscale {grid.voxel_size * side!r}\ndata\n"
    return header.encode() + runs.tobytes()
