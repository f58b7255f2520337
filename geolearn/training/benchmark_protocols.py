"""What each benchmark fixes, from `datasets/<name>/benchmark.toml`: data, models, recipes, tests, published numbers."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geolearn.data.manifest import dataset_folders, load_manifest
from geolearn.errors import DatasetError, unknown_name


@dataclass(frozen=True)
class Published:
    """A number from the literature that a result stands beside.

    Attributes:
        figures: by the name of the method's figure.
    """

    model: str
    source: str
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Benchmark:
    """What every entry of a benchmark has in common, besides training on the whole training split.

    Attributes:
        dataset, protocol: what is learned from and tested on. Where the protocol's name has `{seed}` in it, every seed
            has a split of its own; where it has `{class}`, every class is a training of its own, and the figures of a
            seed are means over the classes.
        text: the protocol in a sentence, printed with every number.
        recipes: each model is trained by each of them.
        options: of the method's `test`, such as `retrieval = true`.
    """

    dataset: str
    text: str
    models: tuple[str, ...]
    published: tuple[Published, ...] = ()
    protocol: str = "full"
    recipes: tuple[str, ...] = ("best",)
    options: Mapping[str, Any] = field(default_factory=dict)

    def protocols(self, seed: int) -> dict[str, str]:
        """Class to protocol, for a seed; a protocol for all classes together stands under an empty name."""
        classes = load_manifest(self.dataset).classes if "{class}" in self.protocol else ("",)
        return {name: self.protocol.replace("{class}", name).replace("{seed}", str(seed)) for name in classes}


def benchmark_names() -> list[str]:
    """All benchmarks, sorted."""
    return sorted(name for path in _files() for name in _read(path))


def load_benchmark(name: str) -> Benchmark:
    """A benchmark by name.

    Raises:
        UnknownNameError: no such benchmark; suggests the nearest.
        DatasetError: a damaged benchmark.toml.
    """
    for path in _files():
        table = _read(path)
        if name in table:
            return _benchmark(path, table[name])
    raise unknown_name("benchmark", name, benchmark_names())


def _files() -> list[Path]:
    return sorted(path for folder in dataset_folders() for path in folder.glob("*/benchmark.toml"))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: {error}") from error


def _benchmark(path: Path, table: Mapping[str, Any]) -> Benchmark:
    try:
        published = tuple(
            Published(each.pop("model"), each.pop("source"), each) for each in map(dict, table.get("published", ()))
        )
        rest = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
        rest |= {"text": " ".join(table["text"].split()), "published": published}
        return Benchmark(**{"dataset": path.parent.name, **rest})
    except (KeyError, TypeError) as error:
        raise DatasetError(f"{path}: {type(error).__name__}: {error}") from error
