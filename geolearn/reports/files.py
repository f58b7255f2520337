"""Result files appear whole or not at all, in folders made on the way."""

import json
from pathlib import Path
from typing import Any

from geolearn.io.files import write_whole
from geolearn.typing import PathLike


def write_text(path: PathLike, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode("utf-8"))


def write_json(path: PathLike, record: Any) -> None:
    write_text(path, json.dumps(record, indent=2) + "\n")
