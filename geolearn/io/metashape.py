"""Cameras that Agisoft Metashape (PhotoScan) exports as XML: File > Export > Export Cameras.

A camera's `transform` is camera-to-chunk with the axes of OpenCV. The world is the chunk's own, before the transform
that places the chunk on the earth. With x, y the bent direction, pixels are

    u = w / 2 + cx + x (f + b1) + y b2,   v = h / 2 + cy + y f

Source: Metashape's manual, appendix "Camera models".
"""

import logging
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import numpy as np

from geolearn.io.damage import damaged
from geolearn.io.files import read_regular
from geolearn.io.scenes import OPENCV_AXES, Scene, SceneFormat, Shot, from_camera_to_world, intrinsics
from geolearn.io.xml_files import parse_xml
from geolearn.ops.lenses import Lens

logger = logging.getLogger(__name__)

_BENDS = {"frame": "series", "fisheye": "fisheye"}
_REMEDY = "Expected what File > Export > Export Cameras writes in the format Agisoft XML"


def read_metashape(path: Path, image_root: Path | None = None) -> Scene:
    """Parse the file; cameras that are switched off or not aligned are left out, and the log says how many.

    Labels are names of pictures, with or without extension, beside the file or in the folder `images` there.

    Raises:
        FileNotFoundError: no such file.
        MeshFormatError: not XML, several chunks or components, no aligned camera, or a sensor without calibration or of
            a kind that no pinhole could replace.
    """
    source = str(path)
    root = parse_xml(read_regular(path), source)
    chunks = root.findall("chunk")
    if root.tag != "document" or len(chunks) != 1:
        raise damaged(source, f"<{root.tag[:40]}>", f"expected a document with one chunk, got {len(chunks)}", _REMEDY)
    cameras = [camera for part in chunks[0].findall("cameras") for camera in part.iter("camera")]
    aligned = [c for c in cameras if c.find("transform") is not None and c.get("enabled") not in ("0", "false")]
    if not aligned:
        raise damaged(source, "<cameras>", f"none of {len(cameras)} cameras has a transform", "Align the photos first")
    if len({camera.get("component_id") for camera in aligned}) > 1:
        remedy = "Export one component at a time, or merge them"
        raise damaged(source, "<cameras>", "cameras of several components, which share no world", remedy)
    if len(aligned) < len(cameras):
        logger.warning("%s: %d of %d cameras are not aligned or off", source, len(cameras) - len(aligned), len(cameras))
    sensors = {sensor.get("id"): sensor for part in chunks[0].findall("sensors") for sensor in part.findall("sensor")}
    lenses = {key: _sensor(sensor, source) for key, sensor in sensors.items() if key in _used(aligned)}
    shots = tuple(_shot(camera, lenses, source) for camera in aligned)
    return Scene(source, shots, (path.parent, path.parent / "images"))


class _Sensor(NamedTuple):
    lens: Lens
    height: int
    width: int


def _used(cameras: list[ET.Element]) -> set[str | None]:
    return {camera.get("sensor_id") for camera in cameras}


def _shot(camera: ET.Element, lenses: dict[str | None, _Sensor], source: str) -> Shot:
    label = camera.get("label") or ""
    place = f"camera {label[:80]!a}"
    if not label:
        raise damaged(source, "<camera>", "no label", _REMEDY)
    if camera.get("sensor_id") not in lenses:
        raise damaged(source, place, f"its sensor {camera.get('sensor_id')} is not there", _REMEDY)
    numbers = _floats(camera.findtext("transform") or "", source, place)
    if len(numbers) != 16:
        raise damaged(source, place, f"expected a transform of 16 numbers, got {len(numbers)}", _REMEDY)
    pose = from_camera_to_world(np.array(numbers).reshape(4, 4), OPENCV_AXES, source, place)
    lens, height, width = lenses[camera.get("sensor_id")]
    return Shot(place, label, None, (height, width), pose, lambda _height, _width: lens)


def _sensor(sensor: ET.Element, source: str) -> _Sensor:
    place = f"sensor {str(sensor.get('id'))[:20]!a}"
    kind = sensor.get("type", "frame")
    if kind not in _BENDS:
        raise damaged(source, place, f"a camera of the type {kind[:40]!r}", f"Known are {', '.join(_BENDS)}")
    calibrations = sensor.findall("calibration")
    calibration = next(
        (c for c in calibrations if c.get("class") == "adjusted"), calibrations[0] if calibrations else None
    )
    resolution = sensor.find("resolution")
    if calibration is None or resolution is None or calibration.find("f") is None:
        raise damaged(source, place, "no resolution, or no calibration with a focal length f", _REMEDY)
    width, height = (_floats(resolution.get(side, ""), source, place) for side in ("width", "height"))
    if [len(width), len(height)] != [1, 1] or min(*width, *height) < 1 or width[0] % 1 or height[0] % 1:
        raise damaged(source, place, "expected a resolution in whole pixels", _REMEDY)
    named = {}
    for entry in calibration:
        if entry.tag != "resolution" and entry.text and entry.text.strip():
            values = _floats(entry.text, source, f"{place}, {entry.tag[:20]}")
            named[entry.tag] = values[0] if len(values) == 1 else math.nan
    if not all(map(math.isfinite, named.values())) or named["f"] <= 0:
        raise damaged(source, place, "expected one finite number each, and f > 0", _REMEDY)
    unknown = [key for key in named if key not in _KNOWN and named[key]]
    if unknown:
        raise damaged(source, place, f"{', '.join(unknown)[:80]} in the calibration", f"Known are {', '.join(_KNOWN)}")
    f, cx, cy, b1, b2 = (named.get(key, 0.0) for key in ("f", "cx", "cy", "b1", "b2"))
    if f + b1 <= 0:
        raise damaged(source, place, f"expected focal lengths > 0, got f + b1 = {f + b1:g}", _REMEDY)
    K = intrinsics(f + b1, f, width[0] / 2 + cx, height[0] / 2 + cy, skew=b2)
    coefficients = {ours: named[theirs] for theirs, ours in _COEFFICIENTS.items() if named.get(theirs)}
    return _Sensor(Lens(K, _BENDS[kind], coefficients), int(height[0]), int(width[0]))


_COEFFICIENTS = {
    "k1": "k1",
    "k2": "k2",
    "k3": "k3",
    "k4": "k4",
    "p1": "p2",
    "p2": "p1",
}  # p1 and p2 are OpenCV's p2, p1
_KNOWN = ("f", "cx", "cy", "b1", "b2", *_COEFFICIENTS)


def _floats(text: str, source: str, place: str) -> list[float]:
    try:
        return [float(word) for word in text.split()]
    except ValueError as error:
        raise damaged(source, place, f"expected numbers ({error})", _REMEDY) from error


def _is_metashape(path: Path) -> bool:
    if path.suffix.lower() != ".xml":
        return False
    with path.open("rb") as file:
        head = file.read(4096)
    return b"<document" in head and b"<chunk" in head


FORMAT = SceneFormat(
    "Metashape's cameras",
    "an .xml that Metashape exported, with its photos beside it or in images",
    ("*.xml",),
    _is_metashape,
    read_metashape,
)
