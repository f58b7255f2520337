"""A mesh file in, a coloured mesh, a picture, a text and parts out, by function and by command."""

import pytest
import torch
from small_collections import lollipop

from geolearn.cli.main import main
from geolearn.errors import InvalidInputError
from geolearn.io import load_mesh, save_mesh
from geolearn.io.face_labels import read_face_labels, write_face_labels
from geolearn.io.part_files import load_face_colours
from geolearn.io.upright import stand_up
from geolearn.models import VoxNet, save_model
from geolearn.ops.graph_cut import smooth_labels
from geolearn.training.labelling import label_mesh


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A folder of one's own labels, by name."""
    folder = tmp_path_factory.mktemp("mine")
    for number in (0, 2, 4, 5):
        mesh = lollipop(number)
        save_mesh(mesh, folder / f"{number}.off")
        write_face_labels(mesh.face_labels, folder / f"{number}.txt", ("candy", "stick"))
    return folder


@pytest.fixture(scope="module")
def weights(mine, tmp_path_factory):
    """Trained by the command, as a user would."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEOLEARN_HOME", str(home))
        run = home / "run"
        changes = ["steps=30", "functions=16", "model.width=16", "model.blocks=2", "learning_rate=1e-2", "batch_size=4"]
        options = [word for change in changes for word in ("--set", change)]
        command = ["train", "surfacelabelnet", "--data", str(mine), "-o", str(run), "--accelerator", "cpu", *options]
        assert main(command) == 0
    return run


def test_from_ones_own_folder_to_parts(weights, tmp_path, capsys):
    save_mesh(lollipop(7, labelled=False), tmp_path / "new.obj")
    out = tmp_path / "out"
    assert main(
        ["label", str(tmp_path / "new.obj"), "--weights", str(weights), "-o", str(out / "l.ply"), "--split-parts",
         str(out / "parts"), "--labels", str(tmp_path / "l.txt")]
    ) == 0  # fmt: skip
    assert "candy" in capsys.readouterr().out
    labelled = load_mesh(out / "l.ply")
    truth = lollipop(7).face_labels
    assert float((labelled.face_labels == truth).float().mean()) > 0.95
    assert len(load_face_colours(out / "l.ply").unique(dim=0)) == 2
    assert (out / "l.png").stat().st_size > 2000
    labels, names = read_face_labels(tmp_path / "l.txt", len(truth))
    assert names == ["candy", "stick"]
    assert torch.equal(labels, labelled.face_labels)
    parts = {path.name for path in (out / "parts").iterdir()}
    assert parts == {"candy.ply", "stick.ply", "parts.glb"}
    pieces = [load_mesh(out / "parts" / f"{name}.ply") for name in names]
    assert sum(len(piece.faces) for piece in pieces) == len(truth)
    # An OBJ has Y up; what is written from it stands upright in its own formats.
    upright = stand_up(load_mesh(tmp_path / "new.obj"), "y")
    torch.testing.assert_close(labelled.verts, upright.verts)
    torch.testing.assert_close(stand_up(load_mesh(out / "parts" / "parts.glb"), "y").bounds, upright.bounds)


def test_the_smoothness_can_be_chosen(weights):
    mesh = lollipop(5)
    for smoothness in (0.0, 1e6):
        found = label_mesh(mesh, weights, smoothness=smoothness)
        assert torch.equal(found.labels, smooth_labels(mesh.normalised(), found.probabilities, smoothness))


def test_weights_of_a_classifier_are_refused(tmp_path):
    save_model(VoxNet(), tmp_path / "v.safetensors", classes=["a"] * 10)
    with pytest.raises(InvalidInputError, match=r"expected a network that labels faces, v\.safetensors is a voxnet"):
        label_mesh(lollipop(0), tmp_path / "v.safetensors")


def test_another_ending_is_refused(weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_mesh(lollipop(0), tmp_path / "a.off")
    assert main(["label", "a.off", "--weights", str(weights), "-o", "x.obj"]) == 2
    assert "--output: expected a name that ends in .ply" in capsys.readouterr().err
