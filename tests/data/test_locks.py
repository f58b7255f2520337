"""Two processes never do the same work at once, and a killed one holds up nobody."""

import subprocess
import sys
import threading
import time

import pytest

from geolearn.data.locks import exclusive_lock, sole_use
from geolearn.errors import CheckpointError

HOLD = """
import sys, time
from pathlib import Path
import pytest

from geolearn.data.locks import exclusive_lock, sole_use
from geolearn.errors import CheckpointError
with exclusive_lock(Path(sys.argv[1])):
    print("inside", flush=True)
    time.sleep(600)
"""


def test_one_waits_for_the_other_and_a_kill_lets_it_in(tmp_path):
    path = tmp_path / "x.lock"
    entered = threading.Event()

    def enter() -> None:
        with exclusive_lock(path):
            entered.set()

    thread = threading.Thread(target=enter)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "inside\n"
        thread.start()
        assert not entered.wait(0.5)
        holder.kill()
    assert entered.wait(30)
    thread.join()


def test_threads_take_turns(tmp_path):
    inside, most = [], []

    def work() -> None:
        with exclusive_lock(tmp_path / "x.lock"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_different_paths_do_not_wait(tmp_path):
    with exclusive_lock(tmp_path / "a.lock"), exclusive_lock(tmp_path / "b.lock"):
        pass


def test_a_folder_is_for_one_alone_and_goes_if_nothing_is_in_it(tmp_path):
    folder = tmp_path / "new"
    with sole_use(folder):
        with pytest.raises(CheckpointError, match="another process is at work in this folder"), sole_use(folder):
            pass
        assert folder.is_dir()
    assert not folder.exists()
    with sole_use(folder):
        (folder / "result").touch()
    assert [path.name for path in folder.iterdir()] == ["result"]
    with pytest.raises(ZeroDivisionError), sole_use(folder):
        1 / 0  # noqa: B018
    with sole_use(folder):
        pass
