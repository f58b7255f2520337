"""Two runs beside each other."""

import json

import pytest

from geolearn.cli.main import main
from geolearn.errors import CheckpointError, InvalidInputError
from geolearn.training.comparison import compare_runs, read_curves, write_comparison


def make_run(folder, seed, rate, accuracy, tested=None):
    folder.mkdir(parents=True)
    recipe = {"learning_rate": rate, "augment": {"shift": 2}, "milestones": [1, 2], "epochs": 3}
    config = {"model": "voxnet", "seed": seed, "devices": seed + 1, "recipe": recipe}
    (folder / "config.json").write_text(json.dumps(config))
    result = {"validation": {"val_class_accuracy": accuracy}, "seconds": 10.0}
    (folder / "result.json").write_text(json.dumps(result))
    if tested is not None:
        (folder / "evaluation").mkdir()
        table = {"class_accuracy": tested, "per_class": [{"class": "a"}], "confusion": [[1]]}
        (folder / "evaluation" / "result.json").write_text(json.dumps(table))
    return folder


def test_what_differs_and_what_came_out(tmp_path, capsys):
    one, two = make_run(tmp_path / "one", 0, 0.1, 90.0, 88.0), make_run(tmp_path / "two", 1, 0.2, 91.0)
    rows = compare_runs([one, two])
    assert rows == [
        {"": "seed", "one": 0, "two": 1},
        {"": "recipe.learning_rate", "one": 0.1, "two": 0.2},
        {"": "validation.val_class_accuracy", "one": 90.0, "two": 91.0},
        {"": "seconds", "one": 10.0, "two": 10.0},
        {"": "test class_accuracy", "one": 88.0, "two": None},
    ]
    assert main(["compare", str(one), str(two), "-o", str(tmp_path / "table.csv")]) == 0
    assert "| recipe.learning_rate | 0.10 | 0.20 |" in capsys.readouterr().out
    assert (tmp_path / "table.csv").read_text().splitlines()[2] == "recipe.learning_rate,0.1,0.2"


def test_runs_of_one_name_are_told_apart(tmp_path):
    one, two = make_run(tmp_path / "a" / "run", 0, 0.1, 90.0), make_run(tmp_path / "b" / "run", 1, 0.1, 90.0)
    assert list(compare_runs([one, two])[0]) == ["", str(one), str(two)]


def test_what_is_no_run(tmp_path):
    one = make_run(tmp_path / "one", 0, 0.1, 90.0)
    with pytest.raises(InvalidInputError, match="runs: expected at least two different run folders"):
        compare_runs([one, tmp_path / "x" / ".." / "one"])
    with pytest.raises(CheckpointError, match=r"x holds no config\.json, so it is not a run"):
        compare_runs([one, tmp_path / "x"])
    (one / "config.json").write_text("[1")
    with pytest.raises(CheckpointError, match=r"config\.json: damaged"):
        compare_runs([one, make_run(tmp_path / "two", 1, 0.1, 90.0)])
    assert main(["compare", "a", "b", "-o", "x.pdf"]) == 2


def test_the_page_shows_the_curves_of_all_runs(tmp_path, capsys):
    folders = [make_run(tmp_path / name, seed, 0.1, 90.0) for seed, name in enumerate(("one", "two", "three"))]
    (folders[0] / "metrics.csv").write_text("epoch,loss,val_loss\n0,2.0,\n1,1.0,1.5\n")
    (folders[1] / "metrics.csv").write_text("epoch,loss\n0,3.0\n")
    assert read_curves(folders) == {
        "loss": {"one": [(0, 2.0), (1, 1.0)], "two": [(0, 3.0)]},
        "val_loss": {"one": [(1, 1.5)]},
    }
    assert main(["compare", *map(str, folders), "--report", str(tmp_path / "page")]) == 0
    assert f"report: {tmp_path / 'page' / 'report.html'}" in capsys.readouterr().out
    text = (tmp_path / "page" / "report.html").read_text()
    assert text.count("<figure>") == 1
    assert text.count("<th>") == 4
    assert "validation.val_class_accuracy" in text


def test_runs_without_curves_have_a_page_all_the_same(tmp_path):
    folders = [make_run(tmp_path / "one", 0, 0.1, 90.0), make_run(tmp_path / "two", 1, 0.1, 90.0)]
    text = write_comparison(folders, tmp_path / "page").read_text()
    assert "<figure>" not in text
    assert "<th>one</th>" in text
