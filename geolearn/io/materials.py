"""The files that stand beside an OBJ file: its materials, and their pictures."""

import hashlib
from pathlib import Path

from geolearn.errors import InvalidInputError
from geolearn.io.files import write_whole
from geolearn.io.formats import picture_type
from geolearn.io.mtl import write_mtl
from geolearn.structures.attributes import Material

_ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg"}


def write_materials(materials: tuple[Material, ...], path: Path) -> str:
    """Write NAME.mtl and pictures NAME-DIGEST.png beside NAME.obj; returns the name of the former.

    Written before the OBJ file, which names them: one that is cut off then finds all it needs.
    """
    pictures: dict[bytes, str] = {}
    for material in materials:
        if not material.name.strip() or len(material.name.splitlines()) > 1:
            raise InvalidInputError(
                f"attributes: an OBJ file needs names of materials in one line, got {material.name!r}"
            )
        picture = material.picture
        if picture is not None and picture not in pictures:
            ending = _ENDINGS.get(picture_type(picture) or "")
            if ending is None:
                raise InvalidInputError(
                    f"attributes: the picture of material {material.name!r} is neither PNG nor JPEG"
                )
            stem = "_".join(path.stem.split())
            pictures[picture] = f"{stem}-{hashlib.sha256(picture).hexdigest()[:12]}{ending}"
            write_whole(path.with_name(pictures[picture]), picture)
    library = path.with_suffix(".mtl")
    write_whole(library, write_mtl(materials, pictures))
    return library.name
