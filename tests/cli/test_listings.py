"""`geolearn info models` and the like name everything there is."""

import pytest

from geolearn import known_names as names
from geolearn.cli.listings import LISTS
from geolearn.cli.main import main

KNOWN = {
    "models": names.model_names,
    "recipes": names.recipe_names,
    "benchmarks": names.benchmark_names,
    "datasets": names.dataset_names,
    "weights": names.weights_names,
}


@pytest.mark.parametrize("kind", sorted(LISTS))
def test_a_list_names_all(kind, capsys):
    assert main(["info", kind]) == 0
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in capsys.readouterr().out.splitlines()]
    found = ["/".join(row[:2]) if kind == "recipes" else row[0] for row in rows[2:]]
    assert sorted(name for name in found if not name.startswith("tiny")) == KNOWN[kind]()
    assert all(len(row) == len(rows[0]) for row in rows)


def test_what_a_list_says():
    (voxnet,) = [row for row in LISTS["models"]() if row["model"] == "voxnet"]
    assert voxnet["what it is"].startswith("VoxNet (IROS 2015)")
    assert voxnet["looks at"] == "voxels"
    assert {"best", "paper"} <= set(voxnet["recipes"].split(", "))
    (weights,) = [row for row in LISTS["weights"]() if row["weights"] == "voxnet-modelnet10"]
    assert (weights["model"], weights["trained on"]) == ("voxnet", "modelnet10_voxels")
    assert "Voxelize" in weights["input"]
