"""Source distribution and wheel of the checkout, built from a copy so that nothing left by an earlier build gets in."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def files_of_checkout() -> list[str] | None:
    """Every file that git tracks or would track, relative to the checkout; None where this is no git checkout."""
    if not (REPO / ".git").exists() or not shutil.which("git"):
        return None
    listed = subprocess.run(
        ["git", "-C", str(REPO), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(name for name in set(listed.stdout.split("\0")) if name and (REPO / name).is_file())


def copy_checkout(destination: Path) -> Path:
    """A copy of these files, to build in."""
    for name in files_of_checkout() or []:
        (destination / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / name, destination / name)
    return destination


def build(kind: str, source: Path, destination: Path) -> Path:
    """`kind` "sdist" or "wheel" of the project in `source`, by the build backend that pip and uv call."""
    destination.mkdir(parents=True, exist_ok=True)
    call = f"import setuptools.build_meta as backend; backend.build_{kind}({str(destination)!r})"
    done = subprocess.run([sys.executable, "-c", call], cwd=source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"building the {kind} failed:\n{done.stdout}{done.stderr}")
    (built,) = destination.glob("*.tar.gz" if kind == "sdist" else "*.whl")
    return built


def unpack_sdist(archive: Path, destination: Path) -> Path:
    """The folder that a source distribution unpacks to."""
    with tarfile.open(archive) as packed:
        packed.extractall(destination, filter="data")
    (folder,) = destination.iterdir()
    return folder


def files_of_sdist(archive: Path) -> list[str]:
    """Files of a source distribution, without its own top folder and what the build adds."""
    with tarfile.open(archive) as packed:
        names = [member.name.partition("/")[2] for member in packed if member.isfile()]
    return sorted(
        name for name in names if name not in ("PKG-INFO", "setup.cfg") and not name.startswith("geolearn3d.egg-info/")
    )


def files_of_wheel(wheel: Path) -> list[str]:
    """Files of a wheel, without its metadata."""
    with zipfile.ZipFile(wheel) as packed:
        return sorted(name for name in packed.namelist() if not name.partition("/")[0].endswith(".dist-info"))
