"""A mesh inside a page: a canvas to turn it on, its arrays, and the script that draws them. Nothing is loaded."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import torch

from geolearn.structures import Mesh
from geolearn.typing import Array, Float, Tensor

_STYLE = "width: 100%; height: 30rem; touch-action: none; cursor: grab"


@dataclass(frozen=True)
class Motion:
    """What one slider does: vertices move by its value times `vectors`, in the unit of the mesh.

    Attributes:
        name: beside the slider.
        vectors: (V, 3).
        low, high: of the slider; 0 lies between.
    """

    name: str
    vectors: Float[Tensor, "V 3"]
    low: float
    high: float


def mesh_viewer_html(
    mesh: Mesh,
    *,
    up: Float[Tensor, " 3"],
    vertex_colours: Float[Tensor, "V 3"] | None = None,
    motions: Sequence[Motion] = (),
    name: str = "mesh",
) -> str:
    """HTML that shows a mesh with WebGL: drag to turn, wheel for distance, double click for the first view again.

    Args:
        up: direction in the world that points up at first.
        vertex_colours: red, green and blue in [0, 1]; by default one colour, and another one for backs of faces.
        motions: a slider for each; their motions add up. Kept in 16 bits, 1/32767 of the largest.
        name: of the canvas; each viewer of a page needs its own.
    """
    low, high = mesh.bounds
    size = (high - low).norm().clamp(min=1e-30)
    centred = ((mesh.verts.detach() - (low + high) / 2) / size).cpu()
    data: dict[str, Any] = {
        "positions": _text((centred @ y_up(up).T).numpy().astype("<f4")),
        "faces": _text(mesh.faces.cpu().numpy().astype("<u4")),
    }
    if vertex_colours is not None:
        data["colours"] = _text((vertex_colours.cpu().numpy() * 255).round().astype("u1"))
    if motions:
        data["motions"] = [_motion(one, y_up(up) / float(size)) for one in motions]
    script = files("geolearn.reports").joinpath("mesh_viewer.js").read_text(encoding="utf-8")
    return (
        f'<canvas id="{name}" tabindex="0" style="{_STYLE}"></canvas>'
        "<p>Drag to turn, wheel for distance, double click to start again"
        + ("; the key c switches the colours off and on" if vertex_colours is not None else "")
        + f".</p><script>{script}showMesh(document.getElementById({json.dumps(name)}), {json.dumps(data)});</script>"
    )


def _motion(motion: Motion, turn: Float[Tensor, "3 3"]) -> dict[str, Any]:
    vectors = motion.vectors.detach().cpu().float() @ turn.float().T
    scale = max(float(vectors.abs().max()) / 32767 if vectors.numel() else 0.0, 1e-30)
    packed = _text((vectors / scale).round().numpy().astype("<i2"))
    return {"name": motion.name, "low": motion.low, "high": motion.high, "scale": scale, "vectors": packed}


def y_up(up: Float[Tensor, " 3"]) -> Float[Tensor, "3 3"]:
    """The rotation that takes `up` to +Y, the shortest way; half a turn about X for -Y."""
    x, y, z = torch.nn.functional.normalize(up.detach().cpu().double(), dim=0).tolist()
    if y < -0.999999:
        return torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    # Rodrigues with axis up x Y = (-z, 0, x) and cosine y
    k = 1 / (1 + y)
    return torch.tensor([[1 - k * x * x, -x, -k * x * z], [x, y, z], [-k * x * z, -z, 1 - k * z * z]])


def _text(values: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
