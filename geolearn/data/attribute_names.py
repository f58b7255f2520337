"""Which attributes of which families deformation learns, and in what order."""

from collections.abc import Sequence

from geolearn.errors import unknown_name

# The attributes of a family in the order of an intention; a shape may lack some.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "airplane": ("wing span", "wing sweep", "nose length", "tail height", "fuselage diameter"),
    "car": ("wheelbase", "width", "front overhang", "rear overhang", "cabin height", "roof width"),
    "chair": (
        "seat height",
        "seat width",
        "seat depth",
        "leg spread",
        "back height",
        "back recline",
        "arm height",
        "arm width",
    ),
    "lamp": ("pole height", "shade height", "shade diameter", "base diameter", "arm height", "reach"),
    "mug": ("body height", "body diameter", "handle reach", "rim diameter"),
    "table": ("height", "top thickness", "top length", "top depth", "leg spread", "top diameter"),
}
SLANTS = ("wing sweep", "back recline", "reach")  # measured as a slope; an amount is added to it
MOST = max(map(len, ATTRIBUTES.values()))  # attributes of one family


def attribute_names(families: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """All attributes of some families, as (family, name), in the order of a network's intention.

    Raises:
        UnknownNameError: a family without attributes to learn; suggests the nearest.
    """
    for family in families:
        if family not in ATTRIBUTES:
            raise unknown_name("family of deformations", family, ATTRIBUTES)
    return tuple((family, name) for family in families for name in ATTRIBUTES[family])
