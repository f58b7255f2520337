"""What can be named: models, recipes, datasets, benchmarks and weights, found in files alone.

Importing the rooms that define them takes many seconds, most of them for torch. A typo should not take so long, so the
command line looks here first. What modules of one's own register is not in these lists (`geolearn.plugins`).
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
_MODEL = re.compile(r'^@MODELS\.register\(\s*"([^"]+)"', re.MULTILINE)
_RECIPE = re.compile(r'^RECIPES\.add\(\s*"([^"]+)"', re.MULTILINE)


def model_names() -> list[str]:
    """The models of `geolearn.models`, as their files register them.

    >>> "voxnet" in model_names()
    True
    """
    return sorted(_registered(PACKAGE / "models", _MODEL))


def recipe_names() -> list[str]:
    """The recipes of `geolearn.training.methods`, as "<model>/<recipe>".

    >>> "voxnet/paper" in recipe_names()
    True
    """
    return sorted(_registered(PACKAGE / "training" / "methods", _RECIPE))


def weights_names() -> list[str]:
    """The weights that ship inside the package.

    >>> "voxnet-modelnet10" in weights_names()
    True
    """
    return sorted(path.stem for path in (PACKAGE / "weights").glob("*.safetensors"))


def dataset_names() -> list[str]:
    """The datasets that have a manifest in `datasets/`.

    >>> "modelnet10" in dataset_names()
    True
    """
    return sorted(path.parent.name for path in _datasets("manifest.toml"))


def benchmark_names() -> list[str]:
    """The benchmarks of all datasets.

    >>> "modelnet10_views" in benchmark_names()
    True
    """
    return sorted(name for path in _datasets("benchmark.toml") for name in tomllib.loads(path.read_text("utf-8")))


def _registered(folder: Path, pattern: re.Pattern[str]) -> Iterator[str]:
    for path in folder.glob("*.py"):
        yield from pattern.findall(path.read_text(encoding="utf-8"))


def _datasets(file: str) -> list[Path]:
    """`geolearn/_datasets` in an installed package, `datasets` in a checkout."""
    folders = (PACKAGE / "_datasets", PACKAGE.parent / "datasets")
    return [path for folder in folders if folder.is_dir() for path in folder.glob(f"*/{file}")]
