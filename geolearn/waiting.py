"""How long threads of a team spin before they sleep while they wait for each other.

torch and our kernels compute in teams of threads, by GNU OpenMP. There a thread that is done with its part spins up to
300,000 times, some milliseconds, before it sleeps. On a quiet machine that is the fastest. Beside another busy program
the thread that is waited for may have lost its core, and to spin then takes that core away from everybody: steps become
up to ten times slower. To sleep at once costs a fifth on a quiet machine. So threads spin for about as long as it takes
to wake one up.

GNU OpenMP reads its settings when it is loaded, with torch. `import geolearn` before `import torch` is enough; the
command line does it. `benchmarks/speed/neighbours.py` measures it.
"""

import os
import sys

SPINS = "3000"
_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def bound_spinning() -> bool:
    """Let waiting threads of this process, and of those that it starts, sleep soon; False where it is too late.

    What the user has set stays, `GEOLEARN_WAITING=default` leaves everything as it is.
    """
    if os.environ.get("GEOLEARN_WAITING") == "default" or any(name in os.environ for name in _SETTINGS):
        return True
    if "torch" in sys.modules:
        return False
    os.environ["GOMP_SPINCOUNT"] = SPINS
    return True


def hint(load: float, cores: int) -> str | None:
    """What to tell somebody whose threads spin although others use the machine; None where there is nothing to tell."""
    if any(name in os.environ for name in _SETTINGS) or load < cores + 1:
        return None
    return (
        f"other programs use this machine too (load {load:.1f}, {cores} cores); torch was imported before geolearn, "
        "so waiting threads spin and everything takes far longer; import geolearn first, or set "
        f"GOMP_SPINCOUNT={SPINS} before Python starts"
    )
