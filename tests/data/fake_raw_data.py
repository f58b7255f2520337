"""Small raw data in the published formats, and manifests to go with it."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np


def manifest_text(name: str, kind: str, classes: list[str], counts: dict[str, list[int]], **extra: str) -> str:
    """A valid manifest.toml with these per-class counts; `extra` are further lines by key."""
    lines = [
        f'name = "{name}"',
        'title = "small"',
        f'kind = "{kind}"',
        'licence = "none"',
        'citation = "none"',
        f"classes = {classes}".replace("'", '"'),
    ]
    tables = extra.pop("tables", "")
    lines += [f"{key} = {value}" for key, value in ({"up": '"z"'} | extra).items()]
    for split, per_class in counts.items():
        lines += [f"[splits.{split}]", f"count = {sum(per_class)}", f"per_class = {per_class}"]
    return "\n".join(lines) + "\n" + (tables or '[protocols.full]\ndescription = "all"\n')


def tree_digest(folder: Path) -> dict[str, str]:
    """Hash of every file below a folder, by relative name."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def off_text(seed: int, broken_header: bool = False) -> str:
    """A tetrahedron with seeded corners; with the joined first line of ModelNet files if asked."""
    corners = np.random.default_rng(seed).normal(size=(4, 3)).round(4)
    faces = ["3 0 2 1", "3 0 1 3", "3 1 2 3", "3 0 3 2"]
    head = "OFF4 4 0" if broken_header else "OFF\n4 4 0"
    return "\n".join([head, *[" ".join(map(str, corner)) for corner in corners], *faces]) + "\n"


def write_zip(path: Path, files: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files: dict[str, bytes | str], mode: str = "w:xz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path
