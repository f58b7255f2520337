"""What a number was measured on: machine, versions, revision."""

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

import geolearn

# Modules, and the distributions that are known to bring them: PyTorch3D has no wheel of its own name.
_PACKAGES = {
    **{name: (name,) for name in ("torch", "numpy", "numba", "scipy", "trimesh", "lightning", "torchmetrics", "timm")},
    "pytorch3d": ("pytorch3d", "easypytorch3d"),
    "open3d": ("open3d", "open3d-cpu"),
}


def describe_environment() -> dict[str, Any]:
    """Processor, threads, accelerators, package versions and, in a checkout, the git revision.

    `threads` are those of torch, `numba_threads` those that our kernels use. Packages are named as they were installed:
    for PyTorch3D by the distribution that provides it.

    >>> describe_environment()["packages"]["torch"] == importlib.metadata.version("torch")
    True
    """
    import numba  # late: it takes a while to import

    threads = torch.get_num_threads()
    return {
        "geolearn": geolearn.__version__,
        "revision": _revision(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "numba_threads": min(threads, numba.config.NUMBA_NUM_THREADS),  # type: ignore[attr-defined]
        "accelerators": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "packages": {
            name: version for module, known in _PACKAGES.items() for name, version in _versions(module, known).items()
        },
    }


def _versions(module: str, known: tuple[str, ...]) -> dict[str, str]:
    """The distributions that provide a module: the known ones that are installed, or else whichever does."""
    installed = {name: version for name in known if (version := _version(name))}
    if installed or importlib.util.find_spec(module) is None:
        return installed
    names = importlib.metadata.packages_distributions().get(module, [])
    return {name: importlib.metadata.version(name) for name in names} or {module: "not from a distribution"}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def _revision() -> str | None:
    """The commit of the checkout this package runs from, with "+changes" where files differ from it."""
    root = Path(geolearn.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    try:
        commit, changes = (
            subprocess.run(["git", "-C", str(root), *command], capture_output=True, text=True, check=True, timeout=10)
            for command in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.stdout.strip() + ("+changes" if changes.stdout.strip() else "")
