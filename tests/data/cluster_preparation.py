"""Prepare a dataset through a cluster of two processes on this machine. `test_clusters.py` runs it:

    python cluster_preparation.py dask|ray DATASETS ARCHIVE HOME

It is a program of its own since both leave processes and files to be closed when the interpreter ends. Prints what the
cluster gave as JSON; status 3 where Ray's own processes did not start in time.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from geolearn.data import manifest, places, prepare_dataset
from geolearn.data.workers import Workers
from geolearn.errors import DatasetError, MeshFormatError

NOT_STARTED = 3


def main(backend: str, datasets: str, archive: str, home: str) -> None:
    manifest.datasets_folder = places.datasets_folder = lambda: Path(datasets)
    with {"dask": dask_cluster, "ray": ray_cluster}[backend]():
        prepare_dataset("modelnet10", archive, home, jobs=2, backend=backend)
        tasks = Workers(2, backend).map(task_and_process, list(range(12)), "processes")
        try:
            Workers(2, backend).map(refuse_threes, [0, 1, 2, 3, 4], "files")
            failures = ""
        except DatasetError as error:
            failures = str(error)
    print(json.dumps({"tasks": tasks, "here": os.getpid(), "failures": failures}))


@contextlib.contextmanager
def dask_cluster() -> Iterator[None]:
    """A scheduler and two worker processes, and the client that `Workers` finds."""
    import distributed

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
        yield


@contextlib.contextmanager
def ray_cluster() -> Iterator[None]:
    """A Ray of two processes."""
    import ray

    try:
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=80 << 20)
    except Exception as error:  # what Ray raises where one of its processes was not up in time
        if "timed out during startup" not in str(error):
            raise
        sys.exit(NOT_STARTED)
    yield
    ray.shutdown()


def task_and_process(task: int) -> tuple[int, int]:
    return task, os.getpid()


def refuse_threes(number: int) -> int:
    if number % 3 == 0:
        raise MeshFormatError(f"file {number} is broken")
    return number


if __name__ == "__main__":
    main(*sys.argv[1:])
