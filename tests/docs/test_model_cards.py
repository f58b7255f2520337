"""Every shipped weights file has a card that says what its header, its data and the results say."""

import json
import re

import pytest
from model_cards import METHODS_IN_WORDS, RESULTS, ROOT, figures_of, model_card, read_header, write_model_cards

from geolearn.data import load_manifest
from geolearn.models import load_model, pretrained_names


@pytest.mark.parametrize("name", pretrained_names())
def test_a_card_says_what_the_files_say(name):
    card, record = model_card(name), read_header(name)
    manifest = load_manifest(record["data"])
    for heading in ("Data and protocol", "Figures", "What it is not for", "Terms", "Recipe"):
        assert f"\n## {heading}\n" in card
    assert record["input"] in card
    assert ", ".join(record["classes"]) in card
    assert " ".join(manifest.citation.split()) in card
    assert manifest.kind == "generated" or " ".join(manifest.licence.split()) in card
    assert all(line in card for line in METHODS_IN_WORDS[record["method"]].not_for)
    for link in re.findall(r"\]\(/([^)]+)\)", card):
        assert (ROOT / link).is_file()
    for stem in re.findall(r"```\{include\} \S*/(\w+)\.md", card):
        assert (RESULTS / f"{stem}.md").is_file()


def test_the_numbers_of_a_file_are_those_of_its_model():
    model, _ = load_model("voxnet-modelnet10")
    assert read_header("voxnet-modelnet10")["parameters"] == sum(value.numel() for value in model.state_dict().values())


def test_figures_are_those_of_the_same_seed():
    rows, files = figures_of("voxnet-modelnet10", read_header("voxnet-modelnet10"))
    results = json.loads((RESULTS / "modelnet10_voxels.json").read_text())["results"]
    (entry,) = [entry for entry in results if entry["model"] == "voxnet"]
    (seed,) = [run for run in entry["per_seed"] if run["seed"] == 0]
    assert [row["class acc. %"] for row in rows] == [f"{seed['class_accuracy']:.2f}"]
    assert files == []


def test_figures_of_one_category_are_its_own():
    rows, _ = figures_of("psb-chair", read_header("psb-chair"))
    results = json.loads((RESULTS / "labeled_psb.json").read_text())["results"]
    (entry,) = [entry for entry in results if entry["model"] == "surfacelabelnet"]
    (chair,) = [row for row in entry["by_class"] if row["class"] == "chair"]
    assert [row["surface %"] for row in rows] == [f"{chair['area_accuracy']['mean']:.2f}"]


@pytest.mark.parametrize(
    ("name", "files"), [("deformation-procedural", ["deform_real"]), ("voxelvae-chairs", ["fit_few_views"])]
)
def test_result_files_that_name_the_weights_are_found(name, files):
    assert figures_of(name, read_header(name))[1] == files


def test_a_page_lists_all_cards_and_old_ones_go(tmp_path):
    (tmp_path / "gone.md").write_text("weights that ship no more")
    pages = {path.stem for path in write_model_cards(tmp_path)}
    assert pages == {"index", *pretrained_names()} == {path.stem for path in tmp_path.glob("*.md")}
    index = (tmp_path / "index.md").read_text()
    assert all(f"[{name}]({name}.md)" in index for name in pretrained_names())
