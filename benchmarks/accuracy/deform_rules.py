"""Geometric rules that measure an attribute on any chair, table or lamp, labelled or not.

Points are drawn on the surface of the shape as it came, and the rule says which of them are the seat, the feet and so
on, by place and normal, or by label where there are labels. The same points of the deformed surface are measured, so a
rule cannot follow a motion to another part. Z is up, the front is -Y. H is the height of the shape as it came.

| shape | set | points |
| --- | --- | --- |
| all | feet, base | z within 0.06 H of the lowest |
| chair | seat | level (normal within 41 degrees of upright), within 0.05 H of the height in 0.2 H to 0.75 H that |
| | | has most level area; or labelled so |
| chair | back | more than 0.15 H above the seat, behind its middle, and within 0.1 H of the rearmost at the same |
| | | height (so that arms are none of it); or labelled so |
| table | top | z within 0.04 H of the highest |
| lamp | shade | above the height over which the shape is at least half as wide as the widest place of its upper half |

| shape | attribute | measure |
| --- | --- | --- |
| chair | seat height | mean z of the seat less the lowest z |
| chair | seat width, seat depth | extent of the seat in x, in y |
| chair | leg spread | extent of the feet in x over that of the seat, times that of the seat as it came |
| chair | back height | highest z of the back less mean z of the seat |
| chair | back recline | mean y of the highest fifth of the back less that of its lowest fifth |
| table | height | mean z of the top less the lowest z |
| table | top length, top depth | extent of the top in x, in y |
| table | leg spread | as for a chair, with the top in place of the seat |
| lamp | pole height | lowest z of the shade less the lowest z |
| lamp | shade height, shade diameter | extent of the shade in z, in x |
| lamp | base diameter | extent of the base in x |

Extents are between the 2nd and the 98th percentile; lowest and highest are the 1st and the 99th. All are lengths, so
one can be held against another. A shape has a measure only where its sets hold at least 25 of 4,000 points.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from geolearn.structures import Mesh
from geolearn.typing import Bool, Float, Int, Tensor

POINTS, LEAST = 4000, 25
Measure = Callable[[Float[Tensor, "N 3"]], float]


@dataclass(frozen=True)
class Places:
    """Points that stay at their place of the surface when it moves."""

    faces: Int[Tensor, " N"]
    weights: Float[Tensor, "N 3"]

    def on(self, mesh: Mesh) -> Float[Tensor, "N 3"]:
        return (mesh.triangles()[self.faces] * self.weights[:, :, None]).sum(1).double()


def draw_places(mesh: Mesh, generator: torch.Generator, count: int = POINTS) -> Places:
    """Uniform over the area."""
    corners = mesh.triangles().double()
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=1)
    faces = torch.searchsorted(area.cumsum(0) / area.sum(), torch.rand(count, generator=generator, dtype=torch.float64))
    r, s = torch.rand(2, count, generator=generator)
    r = r.sqrt()
    weights = torch.stack([1 - r, r * (1 - s), r * s], 1)
    return Places(faces.clamp(max=len(area) - 1), weights)


def measures(kind: str, mesh: Mesh, places: Places, parts: dict[str, int] | None = None) -> dict[str, Measure]:
    """How to measure each attribute of this shape; those that it does not have are left out.

    Args:
        kind: "chair", "table" or "lamp".
        mesh: as it came.
        parts: labels of "seat" and "back" in `mesh.face_labels`.
    """
    points = places.on(mesh)
    corners = mesh.triangles().double()[places.faces]
    normals = torch.nn.functional.normalize(
        torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), dim=1
    )
    labelled = {}
    if parts is not None and mesh.face_labels is not None:
        labelled = {name: mesh.face_labels[places.faces] == label for name, label in parts.items()}
    return {"chair": _chair, "table": _table, "lamp": _lamp}[kind](points, normals, labelled)


def _chair(points: Tensor, normals: Tensor, labelled: dict[str, Tensor]) -> dict[str, Measure]:
    z = points[:, 2]
    low, tall = _low(z), _high(z) - _low(z)
    level = (normals[:, 2].abs() > 0.75) & (z > low + 0.2 * tall) & (z < low + 0.75 * tall)
    if "seat" in labelled:
        seat = labelled["seat"]
    else:
        if not bool(level.any()):
            return {}
        counts = torch.histc(z[level].float(), 55, low + 0.2 * tall, low + 0.75 * tall)
        smooth = torch.nn.functional.avg_pool1d(counts[None, None], 3, 1, 1)[0, 0]
        at = low + (0.2 + (float(smooth.argmax()) + 0.5) * 0.01) * tall
        seat = level & ((z - at).abs() < 0.05 * tall)
    feet = z < low + 0.06 * tall
    if not _enough(seat, feet):
        return {}
    found = _stand(points, seat, feet, "seat")
    found["seat height"] = lambda p: float(p[seat, 2].mean()) - _low(p[:, 2])
    middle = float(points[seat, 1].mean())
    above = (z > float(z[seat].mean()) + 0.15 * tall) & (points[:, 1] > middle)
    back = labelled["back"] if "back" in labelled else above & _rear(points, above, 0.1 * tall)
    if _enough(back) and _high(z[back]) - float(z[seat].mean()) > 0.15 * tall:
        found["back height"] = lambda p: _high(p[back, 2]) - float(p[seat, 2].mean())
        low_end, high_end = z[back].quantile(torch.tensor([0.2, 0.8], dtype=z.dtype))
        lower, upper = back & (z <= low_end), back & (z >= high_end)
        found["back recline"] = lambda p: float(p[upper, 1].mean() - p[lower, 1].mean())
    return found


def _rear(points: Tensor, chosen: Tensor, depth: float) -> Tensor:
    """Which points lie at most `depth` in front of the rearmost of the chosen ones at their height."""
    z = points[:, 2]
    step = ((z - z.min()) / (z.max() - z.min()).clamp(min=1e-12) * 20).long().clamp(max=19)
    rearmost = torch.full((20,), -torch.inf, dtype=points.dtype)
    rearmost.scatter_reduce_(0, step[chosen], points[chosen, 1], "amax")
    return points[:, 1] > rearmost[step] - depth


def _table(points: Tensor, normals: Tensor, labelled: dict[str, Tensor]) -> dict[str, Measure]:
    z = points[:, 2]
    low, tall = _low(z), _high(z) - _low(z)
    top, feet = z > _high(z) - 0.04 * tall, z < low + 0.06 * tall
    if not _enough(top, feet):
        return {}
    found = _stand(points, top, feet, "top")
    found["top length"] = found.pop("top width")
    found["height"] = lambda p: float(p[top, 2].mean()) - _low(p[:, 2])
    return found


def _lamp(points: Tensor, normals: Tensor, labelled: dict[str, Tensor]) -> dict[str, Measure]:
    z = points[:, 2]
    low, tall = _low(z), _high(z) - _low(z)
    axis = points[z > low + 0.5 * tall, :2].median(0).values
    radius = (points[:, :2] - axis).norm(dim=1)
    steps = torch.arange(20, dtype=torch.float64)
    widths = torch.tensor([_wide(radius, (z - low) / tall * 20, float(step)) for step in steps])
    widest = int(widths[10:].argmax()) + 10
    start = widest
    while start > 0 and widths[start - 1] > 0.5 * widths[widest]:
        start -= 1
    shade, base = z > low + start / 20 * tall, z < low + 0.06 * tall
    if not _enough(shade, base) or start < 4:  # no pole under it
        return {}
    return {
        "pole height": lambda p: _low(p[shade, 2]) - _low(p[:, 2]),
        "shade height": lambda p: _high(p[shade, 2]) - _low(p[shade, 2]),
        "shade diameter": lambda p: _extent(p[shade, 0]),
        "base diameter": lambda p: _extent(p[base, 0]),
    }


def _stand(points: Tensor, board: Bool[Tensor, " N"], feet: Bool[Tensor, " N"], name: str) -> dict[str, Measure]:
    """What a board on feet has."""
    width = _extent(points[board, 0])
    return {
        f"{name} width": lambda p: _extent(p[board, 0]),
        f"{name} depth": lambda p: _extent(p[board, 1]),
        "leg spread": lambda p: width * _extent(p[feet, 0]) / _extent(p[board, 0]),
    }


def _enough(*sets: Tensor) -> bool:
    return all(int(one.sum()) >= LEAST for one in sets)


def _wide(radius: Tensor, level: Tensor, step: float) -> float:
    here = radius[(level >= step) & (level < step + 1)]
    return float(here.quantile(0.9)) if len(here) >= 5 else 0.0


def _low(values: Tensor) -> float:
    return float(values.quantile(0.01))


def _high(values: Tensor) -> float:
    return float(values.quantile(0.99))


def _extent(values: Tensor) -> float:
    low, high = values.quantile(torch.tensor([0.02, 0.98], dtype=values.dtype))
    return float(high - low)
