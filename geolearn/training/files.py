"""Result files appear whole or not at all: written under a temporary name, then renamed."""

import json
import os
from pathlib import Path
from typing import Any

from geolearn.typing import PathLike


def write_text(path: PathLike, text: str) -> None:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def write_json(path: PathLike, record: Any) -> None:
    write_text(path, json.dumps(record, indent=2, sort_keys=False) + "\n")
