"""Conversions of `Cameras` to and from other libraries; they live beside the record, where `geolearn.io` needs them."""

from geolearn.structures.conventions import (
    from_colmap,
    from_opencv,
    from_opengl,
    from_pytorch3d,
    to_colmap,
    to_opencv,
    to_opengl,
    to_pytorch3d,
)

__all__ = [
    "from_colmap",
    "from_opencv",
    "from_opengl",
    "from_pytorch3d",
    "to_colmap",
    "to_opencv",
    "to_opengl",
    "to_pytorch3d",
]
