"""Preparation through a real cluster on this machine, Dask's and Ray's: the same bytes as in one process."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cluster_preparation import NOT_STARTED
from fake_raw_data import manifest_text, off_text, tree_digest, write_zip

from geolearn.data import prepare_dataset

COUNTS = {"train": [5, 4], "test": [2, 3]}
ARCHIVE = '[{ filename = "ModelNet10.zip", url = "http://example.org/ModelNet10.zip", folder = "ModelNet10" }]'
SCRIPT = Path(__file__).with_name("cluster_preparation.py")


@pytest.fixture
def archive(small_dataset, tmp_path) -> Path:
    small_dataset("modelnet10", manifest_text("modelnet10", "mesh", ["bed", "chair"], COUNTS, archives=ARCHIVE))
    files: dict[str, bytes | str] = {}
    for split, per_class in COUNTS.items():
        for label, count in zip(["bed", "chair"], per_class, strict=True):
            for i in range(count):
                files[f"ModelNet10/{label}/{split}/{label}_{i + 1:04d}.off"] = off_text(len(files), i == 0)
    return write_zip(tmp_path / "ModelNet10.zip", files)


@pytest.mark.parametrize("backend, package", [("dask", "distributed"), ("ray", "ray")])
def test_a_dataset_prepared_through_a_cluster(backend, package, archive, tmp_path):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed; it is in the extra [cluster]")
    here = tree_digest(prepare_dataset("modelnet10", archive))
    assert len(here) == 15  # fourteen meshes and their index
    datasets, home = tmp_path / "checkout" / "datasets", tmp_path / "there"
    done = subprocess.run(
        [sys.executable, SCRIPT, backend, datasets, archive, home],
        env={
            **os.environ,
            # Dask and Ray start processes that import geolearn again, from where this one has it.
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            # Ray tells nobody, and keeps its token in no home folder.
            "RAY_USAGE_STATS_ENABLED": "0",
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode == NOT_STARTED:
        pytest.skip(f"{package} did not start here; it gives its own processes seconds, whatever else the machine does")
    assert done.returncode == 0, done.stderr
    assert tree_digest(home / "datasets" / "modelnet10") == here
    told = json.loads(done.stdout.splitlines()[-1])
    # In the order of the tasks, and not made by the process that asked.
    assert [task for task, _ in told["tasks"]] == list(range(12))
    assert told["here"] not in {process for _, process in told["tasks"]}
    assert "2 of 5 could not be prepared" in told["failures"]
    assert "file 0 is broken\n  file 3 is broken" in told["failures"]
