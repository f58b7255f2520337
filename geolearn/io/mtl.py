"""MTL, the materials of OBJ files: read from files beside the OBJ file or below its folder, never from elsewhere.

Read: `newmtl`, `Kd` and `d` (or `Tr`) as colour, `Ke` as emission, `Pm` and `Pr` as metallic and roughness, `map_Kd`
as picture.
Source: http://paulbourke.net/dataformats/mtl/, and the extension for physically based rendering at
https://benhouston3d.com/blog/extended-wavefront-obj-mtl-for-pbr
"""

import logging
import re
from dataclasses import replace
from pathlib import Path

from geolearn.io.beside import file_beside
from geolearn.io.files import read_regular
from geolearn.io.formats import picture_type
from geolearn.io.words import plain_text
from geolearn.structures.attributes import Material

logger = logging.getLogger(__name__)

_COMMENT = re.compile(r"(?<!\S)#.*")
_MOST_BYTES = 256 * 2**20  # of all libraries and pictures of one file
_OPTION = re.compile(
    r"-(?:blendu|blendv|cc|clamp|imfchan|texres|bm|boost|type|mm|o|s|t)\b(?:\s+(?:on|off|[-+.\de]+|[a-z]))*\s+"
)


def read_libraries(names: list[str], folder: Path, source: str) -> dict[str, Material]:
    """The materials of the libraries `names`, by name. What is missing is left out; the log says so."""
    reader = _Reader(folder, source)
    for name in dict.fromkeys(names):
        # Several files may stand in a line, but a name may also hold blanks.
        parts = [name] if file_beside(name, folder) else name.split()
        for part in parts:
            reader.read_library(part)
    return reader.materials


class _Reader:
    def __init__(self, folder: Path, source: str):
        self.folder, self.source = folder, source
        self.materials: dict[str, Material] = {}
        self._pictures: dict[str, bytes | None] = {}
        self._left = _MOST_BYTES

    def _content(self, name: str, kind: str) -> bytes | None:
        path = file_beside(name, self.folder)
        if path is None:
            logger.warning("%s: there is no %s %s beside it", self.source, kind, ascii(name)[:200])
            return None
        size = path.stat().st_size
        if size > self._left:
            logger.warning("%s: the %s %s is too large to be read", self.source, kind, ascii(name)[:200])
            return None
        self._left -= size
        return read_regular(path)

    def read_library(self, name: str) -> None:
        data = self._content(name, "file of materials")
        current = None
        text = plain_text(data or b"", comments=False).decode("utf-8", "replace")
        for line in text.split("\n"):
            keyword, rest = (*_COMMENT.sub("", line).split(maxsplit=1), "", "")[:2]
            if keyword == "newmtl":
                current = rest.strip()
                self.materials.setdefault(current, Material(current))
            elif current is not None:
                self.materials[current] = self._changed(self.materials[current], keyword, rest.strip())

    def _picture(self, name: str) -> bytes | None:
        if name not in self._pictures:
            content = self._content(name, "picture")
            if content is not None and picture_type(content) is None:
                logger.warning("%s: the picture %s is neither PNG nor JPEG", self.source, ascii(name)[:200])
                content = None
            self._pictures[name] = content
        return self._pictures[name]

    def _changed(self, material: Material, keyword: str, rest: str) -> Material:
        keyword = keyword.lower()
        if keyword == "map_kd":
            name = _OPTION.sub("", rest)
            return replace(material, picture=self._picture(name), picture_name=name)
        wanted = {"kd": 3, "ke": 3, "d": 1, "tr": 1, "pm": 1, "pr": 1}.get(keyword)
        values = _fractions(rest)
        if wanted is None or len(values) < wanted:
            return material
        red, green, blue, opacity = material.colour
        if keyword == "kd":
            return replace(material, colour=(values[0], values[1], values[2], opacity))
        if keyword == "ke":
            return replace(material, emission=(values[0], values[1], values[2]))
        if keyword in ("d", "tr"):
            return replace(material, colour=(red, green, blue, values[0] if keyword == "d" else 1 - values[0]))
        return replace(material, **{"metallic" if keyword == "pm" else "roughness": values[0]})


def _fractions(text: str) -> list[float]:
    """Numbers limited to [0, 1], up to the first word that is none."""
    values = []
    for word in text.split():
        try:
            value = float(word)
        except ValueError:
            break
        values.append(min(max(0.0, value), 1.0))  # NaN becomes 0
    return values


def write_mtl(materials: tuple[Material, ...], pictures: dict[bytes, str]) -> bytes:
    """The bytes of an MTL file; `pictures` says under which name each picture stands beside it."""
    lines = ["# geolearn"]
    for material in materials:
        red, green, blue, opacity = material.colour
        lines += [
            f"newmtl {material.name}",
            f"Kd {red:.9g} {green:.9g} {blue:.9g}",
            f"d {opacity:.9g}",
            "Ke {:.9g} {:.9g} {:.9g}".format(*material.emission),
            f"Pm {material.metallic:.9g}",
            f"Pr {material.roughness:.9g}",
        ]
        if material.picture is not None:
            lines.append(f"map_Kd {pictures[material.picture]}")
    return "\n".join([*lines, ""]).encode()
