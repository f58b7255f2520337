"""The recipes of the published tables are those of the code: what a table says can be trained again."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from geolearn.training.methods.face_labeling import FaceLabeling
from geolearn.training.methods.view_classification import ViewClassification
from geolearn.training.methods.voxel_classification import VoxelClassification
from geolearn.training.recipes import RECIPES

RESULTS = Path(__file__).resolve().parents[3] / "benchmarks" / "results"
METHODS = {
    "coseg_chairs": FaceLabeling, "human_seg": FaceLabeling, "modelnet10_views": ViewClassification,
    "modelnet10_voxels": VoxelClassification, "shrec11_views": ViewClassification,
}  # fmt: skip
LATER = {"name", "image_size"}  # the name of a recipe stands elsewhere; a size that was never given is gone


def same(published: Any, now: Any) -> bool:
    """Whether every value that was published is there still; what came later has its own default."""
    if isinstance(published, dict) and isinstance(now, dict):
        return all(key in LATER or (key in now and same(value, now[key])) for key, value in published.items())
    return published == now


@pytest.mark.parametrize("name", sorted(METHODS))
def test_the_recipes_of_a_table_are_those_of_the_code(name):
    if not RESULTS.is_dir():
        pytest.skip("no checkout: the tables are not here")
    rows = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["results"]
    assert rows
    for row in rows:
        recipe = RECIPES[f"{row['model']}/{row['recipe']['name']}"]
        assert type(recipe) is METHODS[name].recipe_type
        assert same(row["recipe"], json.loads(json.dumps(asdict(recipe))))
