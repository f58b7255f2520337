"""Sheets, turntables and pages of deformations, read back."""

import base64
import json
import re

import numpy as np
import pytest
import torch
from known_flows import block, shift, shifting_net
from PIL import Image

from geolearn.data.attribute_names import ATTRIBUTES
from geolearn.reports.plots import grid_of_axes
from geolearn.training import deformation_page
from geolearn.training.deformation_page import amounts_over, picture, write_page, write_sheet, write_turntable
from geolearn.training.deformer import Deformer

CELL = 0.5


@pytest.fixture(scope="module")
def deformer():
    return Deformer(shifting_net(), ("chair", "table"))


def test_amounts_of_a_sheet():
    assert amounts_over({"height": -0.4, "top depth": 0.0}, ("height",)) == {
        "height": (-0.4, -0.2, 0.0, 0.2, 0.4),
        "top depth": (-0.5, -0.25, 0.0, 0.25, 0.5),
    }
    assert list(amounts_over({}, ("a", "b"))) == ["a", "b"]


def test_a_sheet_has_a_row_for_each_attribute_and_the_mesh_itself_in_the_middle(deformer, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(deformation_page, "grid_of_axes", lambda *size: drawn.append(grid_of_axes(*size)) or drawn[0])
    mesh, path = block(), tmp_path / "sheet.png"
    rows = write_sheet(deformer, mesh, "chair", {"seat width": 0.4, "seat depth": 0.2}, path)
    assert rows == {"seat width": (-0.4, -0.2, 0.0, 0.2, 0.4), "seat depth": (-0.2, -0.1, 0.0, 0.1, 0.2)}
    axes, itself = drawn[0][1], picture(mesh, mesh).movedim(0, -1).numpy()
    for name, places in zip(rows, axes, strict=True):
        less, same, more = (np.asarray(places[n].images[0].get_array()) for n in (0, 2, 4))
        np.testing.assert_array_equal(same, itself)
        assert min(np.abs(less - itself).max(), np.abs(more - itself).max()) > 0.2  # moved away
        most = rows[name][4]
        assert [places[n].get_title() for n in (0, 2, 4)] == [f"{name} -{most}", "as it came", f"{name} +{most}"]
    assert np.asarray(Image.open(path)).std() > 10


def test_a_turntable_goes_around(tmp_path):
    write_turntable(block(), tmp_path / "turn.gif")
    with Image.open(tmp_path / "turn.gif") as film:
        assert film.n_frames == 48
        assert film.info["duration"] * film.n_frames == pytest.approx(3000, rel=0.1)
        first = np.asarray(film.convert("RGB"), dtype=int)
        film.seek(12)
        assert np.abs(np.asarray(film.convert("RGB"), dtype=int) - first).max() > 20


def test_a_page_has_a_slider_for_every_attribute_that_moves_the_mesh(deformer, tmp_path):
    mesh, path, sheet = block(), tmp_path / "page.html", tmp_path / "a.png"
    Image.new("RGB", (4, 4)).save(sheet)
    net = shifting_net()
    with torch.no_grad():
        net.motion[1] = 0.0  # nothing of the seat's width
    names = write_page(
        Deformer(net, ("chair", "table")), mesh, "chair", path, rows=[{"what": "faces", "value": "12, unchanged"}],
        warnings=["this mesh is strange"], pictures=[(sheet, "A sheet")],
    )  # fmt: skip
    assert names == [name for name in ATTRIBUTES["chair"] if name != "seat width"]
    text = path.read_text()
    assert "this mesh is strange" in text
    assert "12, unchanged" in text
    assert "A sheet" in text
    assert "linear in the amounts" in text
    data = json.loads(re.search(r'getElementById\("mesh"\), (\{.*\})\);</script>', text)[1])
    sliders = {one["name"]: one for one in data["motions"]}
    assert list(sliders) == names
    diagonal = 29**0.5
    for name, slider in sliders.items():
        assert (slider["low"], slider["high"]) == (-0.5, 0.5)
        vectors = np.frombuffer(base64.b64decode(slider["vectors"]), "<i2").reshape(-1, 3) * slider["scale"]
        x, y, z = (CELL * shift(ATTRIBUTES["chair"].index(name)) / diagonal).tolist()
        assert vectors == pytest.approx(np.tile([x, z, -y], (8, 1)), abs=1e-4)  # the page has Y up


def test_a_large_mesh_gets_as_many_sliders_as_fit(deformer, tmp_path, monkeypatch):
    monkeypatch.setattr("geolearn.training.deformation_page.LARGEST", 3 * 8 * 8)
    names = write_page(deformer, block(), "chair", tmp_path / "page.html", rows=[])
    assert names == list(ATTRIBUTES["chair"][:3])
    assert "3 of 8 attributes have a slider" in (tmp_path / "page.html").read_text()


def test_pictures_are_at_the_scale_of_the_mesh_as_it_came():
    mesh = block()
    same = picture(type(mesh)(mesh.verts * 0.5 + 0.25 * torch.tensor([2.0, 3, 4]), mesh.faces), mesh)
    area = [int((view < 1).any(0).sum()) for view in (picture(mesh, mesh), same)]
    assert area[1] == pytest.approx(area[0] / 4, rel=0.1)
