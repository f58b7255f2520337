"""The nearest shapes of a folder: as a sort of all distances finds them, and built anew when anything changes."""

import json
import os

import pytest
import torch
import trimesh

from geolearn.cli.main import main
from geolearn.errors import DatasetError, InvalidInputError
from geolearn.io import save_mesh, save_voxels
from geolearn.models import MVCNN, VoxNet
from geolearn.ops import voxelize
from geolearn.structures import Mesh
from geolearn.training import load_predictor, shape_index
from geolearn.training.shape_index import describe_shape, digest_of


def rod(length: float) -> Mesh:
    return Mesh.from_trimesh(trimesh.creation.box((0.3, 0.4, length)))


def weights_of(seed, path):
    torch.manual_seed(seed)
    net = VoxNet(3, resolution=16)
    net.classes = ("a", "b", "c")
    net.save_pretrained(path, votes=1, resolution=16, padding=2)
    return path


@pytest.fixture
def weights(tmp_path):
    return weights_of(0, tmp_path / "net.safetensors")


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Rods of several lengths, deep in folders; the data home is elsewhere."""
    monkeypatch.setenv("GEOLEARN_HOME", str(tmp_path / "home"))
    folder = tmp_path / "shelf"
    (folder / "deep").mkdir(parents=True)
    for number, length in enumerate((0.5, 0.7, 0.9, 1.2)):
        save_mesh(rod(length), folder / ("deep" if number % 2 else ".") / f"{number}.off")
    save_voxels(voxelize(rod(2.0), 16, padding=2), folder / "grid.binvox")
    (folder / ".hidden.off").write_text("no mesh")
    return folder


@pytest.fixture
def described(monkeypatch):
    """Names of the files that were read."""
    read, names = shape_index.read_shape, []

    def reading(path, up):
        names.append(path.name)
        return read(path, up)

    monkeypatch.setattr(shape_index, "read_shape", reading)
    return names


def test_the_nearest_are_those_of_a_sort(weights, shelf, described):
    predictor = load_predictor(weights)
    index = predictor.index(shelf)
    assert index.files == ("0.off", "2.off", "deep/1.off", "deep/3.off", "grid.binvox")
    assert sorted(described) == ["0.off", "1.off", "2.off", "3.off", "grid.binvox"]
    wanted = describe_shape(predictor.trained, rod(0.9))
    cosines = [
        float(torch.nn.functional.cosine_similarity(wanted, describe_shape(predictor.trained, shelf / name), dim=0))
        for name in index.files
    ]
    found = index.nearest(rod(0.9), 3)
    order = sorted(range(5), key=lambda row: -cosines[row])[:3]
    assert [each.path for each in found] == [shelf / index.files[row] for row in order]
    assert [each.similarity for each in found] == pytest.approx([cosines[row] for row in order], abs=1e-5)
    assert found[0].path.name == "2.off"
    assert found[0].similarity == pytest.approx(1, abs=1e-5)
    assert len(index.nearest(shelf / "0.off", 99)) == len(index) == 5
    assert repr(index) == f"ShapeIndex({str(shelf)!r}, 5 shapes, by 'net.safetensors')"


def test_an_index_is_kept_until_weights_or_files_change(weights, shelf, described, tmp_path):
    predictor = load_predictor(weights)
    first = predictor.index(shelf)
    described.clear()
    again = load_predictor(weights).index(shelf)
    assert not described
    assert torch.equal(first.descriptors, again.descriptors)

    save_mesh(rod(3.0), shelf / "new.off")
    assert len(predictor.index(shelf)) == 6
    assert len(described) == 6
    described.clear()
    (shelf / "new.off").unlink()
    assert len(predictor.index(shelf)) == 5
    assert not described  # that one is still there

    os.utime(shelf / "0.off", ns=(1, 1))
    predictor.index(shelf)
    assert len(described) == 5
    described.clear()
    load_predictor(weights_of(1, tmp_path / "other.safetensors")).index(shelf)
    assert len(described) == 5
    described.clear()
    predictor.index(shelf, up="y")
    assert len(described) == 5


def test_the_recipe_counts_among_the_weights(tmp_path):
    one, other = tmp_path / "one.safetensors", tmp_path / "other.safetensors"
    net = VoxNet(3, resolution=16)
    net.save_pretrained(one, votes=1, resolution=16, padding=2)
    net.save_pretrained(other, votes=1, resolution=16, padding=1)
    assert digest_of(load_predictor(one).trained) != digest_of(load_predictor(other).trained)


def test_broken_files_are_named_or_left_out(weights, shelf, described):
    (shelf / "bad.off").write_text("OFF\n1 2")
    (shelf / "none.off").touch()
    predictor = load_predictor(weights)
    with pytest.raises(DatasetError, match=r"(?s)2 of 7 files cannot be read; leave them out.*bad\.off.*none\.off"):
        predictor.index(shelf)
    described.clear()
    index = predictor.index(shelf, skip_broken=True)
    assert not described
    assert len(index) == 5
    assert sorted(index.left_out) == ["bad.off", "none.off"]
    assert index.nearest(rod(0.5), 1)[0].path.name == "0.off"


def test_a_grid_that_does_not_fit_is_left_out_by_itself(weights, shelf):
    save_voxels(voxelize(rod(0.5), 24), shelf / "fine.binvox")
    index = load_predictor(weights).index(shelf, skip_broken=True)
    assert list(index.left_out) == ["fine.binvox"]
    assert "fine.binvox" in index.left_out["fine.binvox"]
    assert len(index) == 5


def test_what_has_no_descriptor(shelf, tmp_path):
    with pytest.raises(InvalidInputError, match="face_labeling has no descriptor of a whole shape"):
        load_predictor("psb-chair").index(shelf)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match="expected a file, or a folder with files of"):
        load_predictor("voxnet-modelnet10").index(tmp_path / "empty")


def test_an_autoencoder_describes_by_its_code(shelf):
    predictor = load_predictor("voxelvae-chairs")
    index = predictor.index(shelf)
    torch.testing.assert_close(index.descriptors[0], predictor(shelf / "0.off").code, atol=1e-5, rtol=1e-5)


def test_the_command_says_writes_and_shows_the_nearest(weights, shelf, tmp_path, capsys):
    (shelf / "bad.off").write_text("OFF\n1 2")
    out, page = tmp_path / "answers.json", tmp_path / "page"
    command = ["predict", str(shelf / "0.off"), "--weights", str(weights), "--like", str(shelf), "--top", "2"]
    assert main(command) == 2
    assert "1 of 6 files cannot be read" in capsys.readouterr().err
    assert main([*command, "--skip-broken", "--json", str(out), "--report", str(page)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"  1.000  {shelf / '0.off'}"
    assert lines[3] == f"warning: 1 files of {shelf} cannot be read and were left out"
    (answer,) = json.loads(out.read_text()).values()
    assert [each["file"] for each in answer["nearest"]] == [line.split()[1] for line in lines[1:3]]
    text = (page / "report.html").read_text()
    assert text.count("<figure>") == 2
    assert "cannot be read and were left out" in text
    assert (page / "0-nearest.png").is_file()


def test_broken_files_among_those_asked_about(weights, shelf, tmp_path, capsys):
    (shelf / "bad.off").write_text("OFF\n1 2")
    assert main(["predict", str(shelf), "--weights", str(weights)]) == 2
    capsys.readouterr()
    assert main(["predict", str(shelf), "--weights", str(weights), "--skip-broken"]) == 0
    captured = capsys.readouterr().out
    assert captured.count(" %, ") == 2 * 5
    assert "warning: left out: " in captured
    assert main(["predict", str(shelf / "bad.off"), "--weights", str(weights), "--skip-broken"]) == 2


def test_views_are_described_without_keeping_their_activations(shelf, tmp_path):
    torch.manual_seed(0)
    net = MVCNN(3, backbone="resnet10t", image_size=32)
    net.classes = ("a", "b", "c")
    net.save_pretrained(tmp_path / "views.safetensors", size=32, freeze="layer3", vote_mirror=False)
    predictor = load_predictor(tmp_path / "views.safetensors")
    assert predictor.trained.method.recipe.freeze == "layer3"
    index = predictor.index(shelf)
    assert index.nearest(rod(0.9), 1)[0].path.name == "2.off"
    assert [path.name for path in (tmp_path / "home" / "cache").iterdir()] == ["indices"]
