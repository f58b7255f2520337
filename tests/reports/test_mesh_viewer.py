"""The viewer inside a page: its arrays are those of the mesh, and what points up in the world points up in it."""

import base64
import json
import re

import numpy as np
import pytest
import torch

from geolearn.ops.isosurface import isosurface
from geolearn.reports.mesh_viewer import mesh_viewer_html, y_up


def egg():
    x, y, z = (torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, 12)] * 3, indexing="ij"))).unbind(0)
    return isosurface(0.9 - (x**2 + 2 * y**2 + 3 * z**2).sqrt(), 0.0).normalised()


def test_the_page_holds_the_mesh():
    mesh = egg()
    page = mesh_viewer_html(mesh, up=torch.tensor([0.0, 0.0, 1.0]), vertex_colours=torch.full_like(mesh.verts, 0.2))
    data = json.loads(re.search(r'getElementById\("mesh"\), (\{.*\})\);</script>', page)[1])
    faces = np.frombuffer(base64.b64decode(data["faces"]), "<u4").reshape(-1, 3)
    assert np.array_equal(faces, mesh.faces.numpy())
    positions = torch.from_numpy(np.frombuffer(base64.b64decode(data["positions"]), "<f4").reshape(-1, 3).copy())
    diagonal = float((mesh.bounds[1] - mesh.bounds[0]).norm())
    assert torch.allclose(positions[:, 1] * diagonal, mesh.verts[:, 2], atol=1e-5)  # Z has become Y
    assert set(base64.b64decode(data["colours"])) == {51}


@pytest.mark.parametrize("up", [(0.0, 1, 0), (0.0, -1, 0), (0.0, 0, 1), (1.0, -2, 0.5)])
def test_up_becomes_y(up):
    up = torch.tensor(up)
    turn = y_up(up)
    assert torch.allclose(turn @ up / up.norm(), torch.tensor([0.0, 1.0, 0.0]), atol=1e-6)
    assert torch.allclose(turn @ turn.T, torch.eye(3), atol=1e-6)
    assert float(torch.linalg.det(turn)) == pytest.approx(1)
