"""Threads that wait sleep soon: set before torch is loaded, told where that is too late."""

import os
import subprocess
import sys

import pytest

from geolearn.waiting import SPINS, hint

PRINT = "import os; print(os.environ.get('GOMP_SPINCOUNT'), os.environ.get('OMP_WAIT_POLICY'))"


def settings_after(code: str, **variables: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    command = [sys.executable, "-c", f"{code}; {PRINT}"]
    done = subprocess.run(command, env={**kept, **variables}, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_geolearn_bounds_the_spinning():
    assert settings_after("import geolearn") == [SPINS, "None"]


@pytest.mark.parametrize(
    "variables, wanted",
    [
        ({"OMP_WAIT_POLICY": "active"}, ["None", "active"]),
        ({"GOMP_SPINCOUNT": "7"}, ["7", "None"]),
        ({"GEOLEARN_WAITING": "default"}, ["None", "None"]),
    ],
)
def test_what_the_user_has_set_stays(variables, wanted):
    assert settings_after("import geolearn", **variables) == wanted


def test_where_torch_is_loaded_already_nothing_is_set():
    """The library has read its settings by then; to set them would only mislead."""
    code = "import sys, types; sys.modules['torch'] = types.ModuleType('torch'); import geolearn"
    assert settings_after(code) == ["None", "None"]


def test_the_hint_comes_only_on_a_busy_machine(monkeypatch):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    assert hint(2.9, 2) is None
    assert f"set GOMP_SPINCOUNT={SPINS} before Python starts" in (hint(3.0, 2) or "")
    monkeypatch.setenv("GOMP_SPINCOUNT", SPINS)
    assert hint(30.0, 2) is None
