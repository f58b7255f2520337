"""Motions in the mesh viewer: one slider each, in the frame that the page draws in."""

import base64
import json
import re

import numpy as np
import pytest
import torch

from geolearn.reports.mesh_viewer import Motion, mesh_viewer_html
from geolearn.structures import Mesh


def sheet() -> Mesh:
    verts = torch.tensor([[0.0, 0, 0], [3.0, 0, 0], [0, 4.0, 0], [3.0, 4, 12]])
    return Mesh(verts, torch.tensor([[0, 1, 2], [2, 1, 3]]))


def data_of(page: str) -> dict:
    return json.loads(re.search(r'getElementById\("mesh"\), (\{.*\})\);</script>', page)[1])


def test_motions_come_in_the_frame_of_the_positions():
    mesh = sheet()  # its box has a diagonal of 13
    vectors = torch.tensor([[0.0, 0, 0], [0, 0, 1.3], [2.6, 0, 0], [0.0, -0.65, 0]])
    motions = [Motion("height", vectors, -0.5, 1.0), Motion("width", 2 * vectors, -0.2, 0.3)]
    data = data_of(mesh_viewer_html(mesh, up=torch.tensor([0.0, 0, 1]), motions=motions))
    assert [(one["name"], one["low"], one["high"]) for one in data["motions"]] == [
        ("height", -0.5, 1.0),
        ("width", -0.2, 0.3),
    ]
    for one, times in zip(data["motions"], (1, 2), strict=True):
        moved = np.frombuffer(base64.b64decode(one["vectors"]), "<i2").reshape(-1, 3) * one["scale"]
        # a unit of the page is the diagonal, and Z has become Y, so Y has become -Z
        expected = times * np.array([[0, 0, 0], [0, 0.1, 0], [0.2, 0, 0], [0, 0, 0.05]])
        assert moved == pytest.approx(expected, abs=1e-5)


def test_without_motions_the_page_has_none():
    assert "motions" not in data_of(mesh_viewer_html(sheet(), up=torch.tensor([0.0, 0, 1])))


def test_a_motion_of_nothing_is_kept_still():
    motion = Motion("still", torch.zeros(4, 3), -1.0, 1.0)
    (one,) = data_of(mesh_viewer_html(sheet(), up=torch.tensor([0.0, 0, 1]), motions=[motion]))["motions"]
    assert not np.frombuffer(base64.b64decode(one["vectors"]), "<i2").any()
