"""A kernel is compiled again when a file that it was made from changes, and not otherwise."""

import importlib
import sys

import numpy as np
import pytest

from geolearn.kernels import disk_cache
from geolearn.kernels.disk_cache import source_digest

SOURCES = {
    "__init__": "",
    "constants": "FACTOR = 2.0\n",
    "callee": """
from geolearn.kernels.threads import kernel
from .constants import FACTOR

@kernel
def scaled(value):
    return FACTOR * value
""",
    "caller": """
from numba import prange
from geolearn.kernels.threads import kernel, parallel_kernel
from cached_kernels.callee import scaled

@kernel
def twice(value):
    return scaled(value) + scaled(value)

@parallel_kernel
def doubled(values):
    out = values.copy()
    for i in prange(len(values)):
        out[i] = scaled(values[i])
    return out
""",
    "bystander": "CONSTANT = 1\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """`package(callee="...")` rewrites files of a package of kernels and imports its `caller` afresh."""
    folder = tmp_path / "cached_kernels"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # Python itself takes a file of the same second as the same

    def forget():
        for name in [name for name in sys.modules if name.partition(".")[0] == "cached_kernels"]:
            del sys.modules[name]

    def load(**sources):
        for name, text in sources.items():
            (folder / f"{name}.py").write_text(text)
        forget()
        importlib.invalidate_caches()
        return importlib.import_module("cached_kernels.caller")

    load(**SOURCES)
    yield load
    forget()


def values(caller):
    """What the three kernels give, and how many of them came from the disk."""
    results = caller.twice(1.0), caller.doubled.serial(np.ones(1))[0]
    return results, sum(sum(made.stats.cache_hits.values()) for made in (caller.twice, caller.doubled.serial))


def test_what_has_not_changed_comes_from_the_disk(package):
    assert values(package()) == ((4.0, 2.0), 0)
    assert values(package()) == ((4.0, 2.0), 2)
    assert values(package(bystander="CONSTANT = 2\n")) == ((4.0, 2.0), 2)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("callee", "FACTOR * value", "3.0 * value"),  # a kernel that both call
        ("constants", "2.0", "3.0"),  # a number that the callee imports
    ],
)
def test_a_change_of_what_a_kernel_calls_is_seen(package, file, old, new):
    values(package())
    assert values(package(**{file: SOURCES[file].replace(old, new)})) == ((6.0, 3.0), 0)
    assert values(package()) == ((6.0, 3.0), 2)
    assert values(package(**{file: SOURCES[file]})) == ((4.0, 2.0), 0)


def test_the_decorator_counts_as_well(package, monkeypatch, tmp_path):
    values(package())
    other = tmp_path / "disk_cache.py"
    other.write_text("# a change\n")
    monkeypatch.setattr(disk_cache, "__file__", str(other))
    assert values(package()) == ((4.0, 2.0), 0)


def test_imports_of_every_form_are_followed_down_to_the_first_function(tmp_path, monkeypatch):
    package = tmp_path / "digested"
    (package / "inner").mkdir(parents=True)
    for name, text in {
        "__init__": "",
        "inner/__init__": "'''A line that looks like a\nclass in a string.'''\nfrom . import leaf\n",
        "inner/leaf": "",
        "absolute": "",
        "chosen": "",
        "late": "",
        "main": """
import digested.absolute
from .inner import leaf
from . import absolute as again
import os.path
try:
    from digested import chosen
except ImportError:
    pass
def never():
    import digested.late
""",
    }.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("digested.main")
    importlib.import_module("digested.late")
    main = package / "main.py"
    before = source_digest(str(main), "digested.main")
    seen = set()
    for name in ("absolute", "inner/__init__", "inner/leaf", "chosen", "main", "late"):
        path = package / f"{name}.py"
        text = path.read_text()
        path.write_text(f"{text}# changed\n")
        if source_digest(str(main), "digested.main") != before:
            seen.add(name)
        path.write_text(text)
    assert seen == {"absolute", "inner/__init__", "inner/leaf", "chosen", "main"}
    assert source_digest(str(main), "digested.main") == before
    for name in [name for name in sys.modules if name.partition(".")[0] == "digested"]:
        del sys.modules[name]
