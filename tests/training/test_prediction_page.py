"""The page of predictions shows each shape and what was said of it."""

import json

import pytest
import torch
import trimesh
from PIL import Image

from geolearn.cli.main import main
from geolearn.io import save_mesh
from geolearn.io.upright import save_upright
from geolearn.models import VoxNet
from geolearn.structures import Mesh
from geolearn.training.predictor import load_predictor

CONE = Mesh.from_trimesh(trimesh.creation.cone(radius=0.3, height=1.0, sections=12))


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    net = VoxNet(4)
    net.classes = ("cone", "ball", "box", "rod")
    net.save_pretrained(tmp_path / "net.safetensors", votes=1)
    return tmp_path / "net.safetensors"


def test_files_are_read_upright_and_reported(weights, tmp_path, capsys):
    shapes = tmp_path / "shapes"
    shapes.mkdir()
    save_upright(CONE, shapes / "a.off")
    save_upright(CONE, shapes / "b.obj")  # Y up in the file
    out, page = tmp_path / "answers.json", tmp_path / "page"
    command = ["predict", str(shapes), "--weights", str(weights), "--top", "2", "--json", str(out)]
    assert main([*command, "--report", str(page)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.count(" %") for line in lines[:2]] == [2, 2]
    answers = list(json.loads(out.read_text()).values())
    assert answers[0]["probabilities"] == pytest.approx(answers[1]["probabilities"], abs=1e-5)
    assert len(answers[0]["classes"]) == 4
    text = (page / "report.html").read_text()
    assert text.count("<figure>") == 2
    assert text.count("<tr><td>") == 4
    with Image.open(page / "0.png") as one, Image.open(page / "1.png") as other:
        assert one.size == (4 * 130 + 2, 132)
        assert list(one.getdata()) == list(other.getdata())
    assert main(["predict", str(shapes), "--weights", str(weights), "--top", "0"]) == 2


def test_a_predictor_takes_what_people_have(weights, tmp_path):
    predictor = load_predictor(weights)
    save_mesh(CONE, tmp_path / "cone.off")
    expected = predictor(CONE)
    assert repr(expected).startswith("ClassPrediction(")
    assert len(repr(expected)) < 100
    for shape in (tmp_path / "cone.off", str(tmp_path / "cone.off"), CONE.to_trimesh()):
        assert predictor(shape).probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    grid = predictor.trained.method.representation()(CONE)
    for values in (grid, grid.values, grid.values.numpy(), grid.values.float()):
        assert predictor(values).probabilities == pytest.approx(expected.probabilities, abs=1e-5)
