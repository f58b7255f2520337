"""What every dataset in `datasets/` must be: described, countable, preparable, and honest about what is missing."""

import inspect
import re

import pytest

from geolearn.data import ShapeDataset, dataset_names, describe_dataset, list_datasets, load_manifest, prepare_dataset
from geolearn.data.prepare import load_script
from geolearn.data.splits import select
from geolearn.errors import DatasetError

NAMES = dataset_names()
DOWNLOADED = [name for name in NAMES if load_manifest(name).kind != "generated"]
GENERATED = [name for name in NAMES if name not in DOWNLOADED]


@pytest.fixture
def no_raw_data(tmp_path, monkeypatch):
    monkeypatch.setenv("GEOLEARN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GEOLEARN_RAW", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("geolearn.data.prepare.find_raw", lambda *_: None)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_described(name):
    manifest = load_manifest(name)
    assert re.fullmatch(r"[a-z0-9_]+", name)
    readme = (manifest.folder / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {name}\n")
    for value in (manifest.title, manifest.licence, manifest.citation):
        assert len(value) > 10
    for archive in manifest.archives:
        assert archive.filename in readme
        assert archive.url in readme
        assert archive.url or archive.sha256, f"{archive.filename}: neither where to get it nor how to know it"
        assert re.fullmatch(r"([0-9a-f]{64})?", archive.sha256)


@pytest.mark.parametrize("name", DOWNLOADED)
def test_a_downloaded_dataset_names_licence_citation_and_defects(name):
    readme = (load_manifest(name).folder / "README.md").read_text(encoding="utf-8")
    for word in ("**Licence**", "**Cite**", "**Known defects**", f"geolearn data prepare {name}"):
        assert word in readme
    assert load_manifest(name).defects


@pytest.mark.parametrize("name", DOWNLOADED)
def test_every_split_is_counted_per_class(name):
    manifest = load_manifest(name)
    assert {"train", "test"} <= set(manifest.splits)
    for counts in manifest.splits.values():
        assert len(counts.per_class) == len(manifest.classes)
        assert sum(counts.per_class) == counts.count
        assert min(counts.per_class) > 0


@pytest.mark.parametrize("name", NAMES)
def test_split_files_agree_with_the_counts_and_share_nothing(name):
    manifest = load_manifest(name)
    seen: set[str] = set()
    for split in manifest.split_files:
        entries = manifest.read_split(split)
        keys = {key for key, _ in entries}
        assert len(keys) * manifest.variants == manifest.splits[split].count
        assert seen.isdisjoint(keys)
        seen |= keys
        for label, expected in enumerate(manifest.splits[split].per_class):
            assert sum(one == label for _, one in entries) * manifest.variants == expected


@pytest.mark.parametrize("name", DOWNLOADED)
def test_protocols_give_the_counts_they_state(name):
    manifest = load_manifest(name)
    splits = {
        split: [
            (f"{label}-{i}/{v:02d}", label)
            for label, n in enumerate(counts.per_class)
            for i in range(n // manifest.variants)
            for v in range(1, manifest.variants + 1)
        ]
        for split, counts in manifest.splits.items()
    }
    if any(rules.keys for rules in manifest.protocols.values()):  # they name samples
        splits = {split: manifest.read_split(split) for split in manifest.splits}
    for protocol, rules in manifest.protocols.items():
        assert rules.description
        for split in ("train", "val", "test"):
            select(splits, manifest, split, protocol, 0.1, 0)  # raises where a stated count does not hold


@pytest.mark.parametrize("name", DOWNLOADED)
def test_it_has_a_script_of_the_common_form(name):
    parameters = inspect.signature(load_script(load_manifest(name)).prepare).parameters
    assert list(parameters) == ["data", "destination", "manifest", "workers"]


@pytest.mark.parametrize("name", DOWNLOADED)
def test_without_raw_data_it_says_what_to_do(name, no_raw_data):
    archive = load_manifest(name).archives[0].filename
    command = f"geolearn data prepare {name} --from PATH"
    for attempt in (lambda: ShapeDataset(name), lambda: prepare_dataset(name)):
        with pytest.raises(DatasetError, match=rf"{re.escape(archive)}[\s\S]*{re.escape(command)}"):
            attempt()


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_dataset_works_at_once(name, no_raw_data):
    few = {split: ShapeDataset(name, split, count=7) for split in ("train", "val", "test")}
    more = ShapeDataset(name, "train", count=9)
    assert [len(data) for data in few.values()] == [7, 7, 7]
    assert more.keys[:7] == few["train"].keys
    assert len({key for data in few.values() for key in data.keys}) == 21
    first, again = few["test"][6], ShapeDataset(name, "test", count=7)[6]
    assert (first.key, first.target) == (again.key, again.target) == (few["test"].keys[6], int(few["test"].labels[6]))
    assert first.data.verts.equal(again.data.verts)
    low, high = first.data.bounds
    assert abs(float((high - low).max()) - 1) < 1e-5
    assert not ShapeDataset(name, "test", count=7, seed=1)[6].data.verts.equal(first.data.verts)


def test_the_catalogue_lists_them_all(no_raw_data):
    rows = list_datasets()
    assert [row["name"] for row in rows] == NAMES
    assert len({tuple(row) for row in rows}) == 1
    for name in NAMES:
        assert describe_dataset(name)["classes"] == list(load_manifest(name).classes)
