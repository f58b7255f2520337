"""The same results in the same order for any number of workers, and every failure by name."""

import os
import sys

import pytest

from geolearn import progress
from geolearn.data.workers import Workers
from geolearn.errors import DatasetError, InvalidInputError, MeshFormatError, MissingDependencyError


def square(number: int) -> int:
    return number * number


def picky(number: int) -> int:
    if number % 3 == 0:
        raise MeshFormatError(f"file {number} is broken")
    return number


def broken(number: int) -> int:
    raise ZeroDivisionError(f"a bug at {number}")


@pytest.mark.parametrize("workers", [Workers(), Workers(2, "threading"), Workers(1, "threading")])
def test_results_come_in_the_order_of_the_tasks(workers):
    assert workers.map(square, list(range(40)), "squares") == [n * n for n in range(40)]
    assert workers.map(square, [], "nothing") == []


@pytest.mark.parametrize("workers", [Workers(), Workers(2, "threading")])
def test_all_failures_are_named_and_the_rest_is_tried(workers):
    tried = []

    def task(number: int) -> int:
        tried.append(number)
        return picky(number)

    with pytest.raises(DatasetError, match=r"(?s)2 of 5 .*file 0 is broken\n  file 3 is broken$"):
        workers.map(task, [0, 1, 2, 3, 4], "files")
    assert sorted(tried) == [0, 1, 2, 3, 4]
    with pytest.raises(DatasetError, match=r"(?s)12 of 36 .*file 27 is broken ... and 2 more$"):
        workers.map(picky, list(range(36)), "files")


def test_a_bug_is_not_taken_for_a_bad_file():
    with pytest.raises(ZeroDivisionError, match="a bug at 0"):
        Workers().map(broken, [0], "bugs")


@pytest.mark.parametrize("workers", [Workers(), Workers(2, "threading")])
def test_a_missing_package_is_said_once(workers):
    pytest.importorskip("joblib", reason="needs the extra [data]")

    def task(number: int) -> int:
        raise MissingDependencyError("this needs the package 'nowhere'")

    with pytest.raises(MissingDependencyError, match=r"^this needs the package 'nowhere'$"):
        workers.map(task, [0, 1, 2], "files")


def test_lines_count_on_the_error_stream(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    assert Workers(progress=True).map(square, [1, 2, 3], "squaring numbers") == [1, 4, 9]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("squaring numbers: 1 of 3")
    assert "squaring numbers: 3 of 3, 0 s in all" in shown.err


@pytest.mark.parametrize("backend, module", [("dask", "distributed"), ("ray", "ray.util.joblib")])
def test_a_cluster_that_is_not_installed_is_named(backend, module, monkeypatch):
    pytest.importorskip("joblib", reason="needs the extra [data]")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=rf"needs the package '{module}'.*geolearn3d\[cluster\]"):
        Workers(2, backend).map(square, [1], "x")


def test_refuses_nonsense():
    with pytest.raises(InvalidInputError, match="expected one of loky, threading, dask, ray, got 'spark'"):
        Workers(backend="spark")
    with pytest.raises(InvalidInputError, match="jobs"):
        Workers(jobs=0)


def threads_used(number: int) -> int:
    import torch

    return torch.get_num_threads()


@pytest.mark.parametrize("backend, jobs", [("threading", 2), ("threading", -1), ("loky", 2)])
def test_workers_together_use_no_more_threads_than_there_are_cores(backend, jobs):
    import torch

    cores, before = os.cpu_count() or 1, torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        found = Workers(jobs, backend, progress=False).map(threads_used, list(range(6)), "counting")
        assert max(found) * (cores if jobs == -1 else jobs) <= max(cores, jobs)
        assert torch.get_num_threads() == cores
    finally:
        torch.set_num_threads(before)
