"""Which format a file's content looks like, so that a wrong extension gets a helpful error."""

import re

from geolearn.errors import MeshFormatError
from geolearn.io.damage import damaged

_OFF = re.compile(rb"(?:ST|[CN4n])*OFF(?=[\s\d]|$)|(?:st|[cn4])*off(?=[\s\d]|$)")
_OBJ = re.compile(rb"^[ \t]*(?:v|vt|vn|f|o|g|usemtl|mtllib)[ \t]+\S", re.MULTILINE)
_POINTS = re.compile(rb"(?:(?://|#)[^\n]*\n|\s)*(?:[-+]?[\d.][-+.\deE]*[ \t,;]+){2,}[-+]?[\d.]")
_HDF = b"\x89HDF\r\n\x1a\n"
_MATLAB_7_3 = "MATLAB 7.3 (HDF5)"
_LFS = "a Git LFS pointer"
_SIGNATURES = (
    (b"ply\n", "PLY"),
    (b"ply\r", "PLY"),
    (b"ply ", "PLY"),
    (b"ply\t", "PLY"),
    (b"glTF", "GLB"),
    (b"#binvox", "binvox"),
    (b"MATLAB 5.0 MAT-file", "MATLAB .mat"),
    (b"MATLAB 7.3 MAT-file", _MATLAB_7_3),
    (b"# .PCD", "PCD (points)"),
    (b"VERSION .7", "PCD (points)"),
    (b"\x93NUMPY", "npy"),
    (b"PK\x03\x04", "npz (a zip archive)"),
    (b"PK\x05\x06", "npz (an empty zip archive)"),
    (_HDF, _MATLAB_7_3),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"version https://git-lfs", _LFS),
)
_REMEDIES = {
    _MATLAB_7_3: "Save it again with MATLAB's save -v7",
    _LFS: "Fetch the file itself: git lfs pull",
    **dict.fromkeys(("gzip", "bzip2", "xz"), "Unpack it first, or fetch the right file"),
}


def looks_like(data: bytes) -> str:
    """A guess from the first bytes: the name of a format, or "no format known here"."""
    head = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    for signature, name in _SIGNATURES:
        if data.startswith(signature) or (signature.isascii() and head.startswith(signature)):
            return name
    if _OFF.match(head):
        return "OFF"
    if len(data) >= 84 and len(data) == 84 + 50 * int.from_bytes(data[80:84], "little"):
        return "STL (binary)"
    if head[:5].lower() == b"solid":
        return "STL (ascii)"
    if head[:1] == b"{" and b'"' in head:
        return "glTF (JSON)"
    if head[:9].lower() in (b"<!doctype", b"<html") or head[:5].lower() == b"<html":
        return "an HTML page"
    if data[512 : 512 + len(_HDF)] == _HDF:  # MATLAB writes its own 512 bytes first
        return _MATLAB_7_3
    if b"\0" not in head and _OBJ.search(head):
        return "OBJ"
    if b"\0" not in head and _POINTS.match(head):
        return "rows of points"
    return "no format known here"


def picture_type(data: bytes) -> str | None:
    """ "image/png" or "image/jpeg" by the first bytes of a picture, else None."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    return "image/jpeg" if data.startswith(b"\xff\xd8\xff") else None


def not_this_format(source: str, wanted: str, data: bytes) -> MeshFormatError:
    """The error for content that is not `wanted`, the format that its name or the caller promised."""
    if not data:
        return damaged(source, "byte 0", f"expected {wanted}, got an empty file")
    likely = looks_like(data)
    if likely == "no format known here":
        return damaged(source, "byte 0", f"this is not {wanted}, nor any other format known here")
    remedy = _REMEDIES.get(likely, "Rename the file to the extension of its content, or fetch the right file")
    return damaged(source, "byte 0", f"expected {wanted}, but the content looks like {likely}", remedy)
