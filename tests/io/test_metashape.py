"""Metashape's XML: where the markers are, through its own order of coefficients, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from view_scenes import assert_markers, directions, draw, opencv_poses

from geolearn.errors import MeshFormatError
from geolearn.io import load_views

pytest.importorskip("PIL.Image")

F, CX, CY, B1, B2 = 200.0, -3.0, 2.5, 4.0, -1.5
K1, K2, K3, K4, P1, P2 = -0.2, 0.1, 0.05, -0.02, 0.01, -0.02


def metashape_pixels(pose: np.ndarray, kind: str) -> np.ndarray:
    """The formulas of the manual, word by word, for pictures of 240 x 200 px."""
    x, y = directions(pose).T
    if kind == "fisheye":
        r0 = np.hypot(x, y)
        x, y = x * np.arctan(r0) / r0, y * np.arctan(r0) / r0
    r = np.hypot(x, y)
    radial = 1 + K1 * r**2 + K2 * r**4 + K3 * r**6 + K4 * r**8
    bent_x = x * radial + (P1 * (r**2 + 2 * x**2) + 2 * P2 * x * y)
    bent_y = y * radial + (P2 * (r**2 + 2 * y**2) + 2 * P1 * x * y)
    return np.c_[240 * 0.5 + CX + bent_x * F + bent_x * B1 + bent_y * B2, 200 * 0.5 + CY + bent_y * F]


def metashape_scene(folder: Path, kind: str = "frame", pictures: str = "") -> Path:
    cameras = ['<camera id="9" sensor_id="0" label="lost"/>']
    for n, pose in enumerate(opencv_poses()):
        draw(folder / pictures / f"IMG_{n}.JPG", metashape_pixels(pose, kind), 200, 240)
        numbers = " ".join(map(str, np.linalg.inv(pose).ravel().tolist()))
        label = f"IMG_{n}" if n else "IMG_0.JPG"
        cameras.append(f'<camera id="{n}" sensor_id="0" label="{label}"><transform>{numbers}</transform></camera>')
    values = {
        "f": F,
        "cx": CX,
        "cy": CY,
        "b1": B1,
        "b2": B2,
        "k1": K1,
        "k2": K2,
        "k3": K3,
        "k4": K4,
        "p1": P1,
        "p2": P2,
    }
    calibration = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    (folder / "cameras.xml").write_text(f"""<?xml version="1.0" encoding="UTF-8"?>
<document version="1.5.0"><chunk label="Chunk 1" enabled="true"><sensors><sensor id="0" label="x" type="{kind}">
<resolution width="240" height="200"/><property name="layer_index" value="0"/>
<calibration type="{kind}" class="initial"><resolution width="240" height="200"/><f>99</f></calibration>
<calibration type="{kind}" class="adjusted"><resolution width="240" height="200"/>{calibration}</calibration>
</sensor></sensors><cameras><group>{cameras[0]}</group>{"".join(cameras[1:])}</cameras>
<transform><scale>17.5</scale></transform></chunk></document>""")
    return folder / "cameras.xml"


@pytest.mark.parametrize("kind", ["frame", "fisheye"])
@pytest.mark.parametrize("pictures", ["", "images"])
def test_markers(tmp_path: Path, kind: str, pictures: str, caplog: pytest.LogCaptureFixture) -> None:
    file = metashape_scene(tmp_path, kind, pictures)
    for path in (tmp_path, file):
        views = load_views(path)
        assert len(views) == 3
        for n in range(3):
            assert_markers(views, n)
    assert "1 of 4 cameras are not aligned or off" in caplog.text
    assert views.cameras.K[0].tolist() == [[F + B1, B2, 120 + CX], [0, F, 100 + CY], [0, 0, 1]]


@pytest.mark.parametrize(
    "old, new, message",
    [
        (
            "<document",
            '<!DOCTYPE x [<!ENTITY a "aaaa">]><document',
            "it defines a document type, which could hold entities",
        ),
        ("</chunk>", "", "not well-formed XML"),
        ('encoding="UTF-8"', 'encoding="ATF-8"', "not readable as XML .*ATF-8"),
        ("<f>200.0</f>", "", "no resolution, or no calibration with a focal length f"),
        ("<f>200.0</f>", "<f>-200.0</f>", "expected one finite number each, and f > 0"),
        ("<f>200.0</f>", "<f>20 30</f>", "expected one finite number each, and f > 0"),
        ("<k1>-0.2</k1>", "<k1>wide</k1>", "sensor '0', k1: expected numbers"),
        ("<p2>-0.02</p2>", "<p3>0.1</p3>", "p3 in the calibration. Known are f, cx, cy, b1, b2, k1"),
        ('type="frame">', 'type="spherical">', "a camera of the type 'spherical'. Known are frame, fisheye"),
        ('sensor_id="0" label="IMG_1"', 'sensor_id="3" label="IMG_1"', "camera 'IMG_1': its sensor 3 is not there"),
        ('label="IMG_1"', 'component_id="2" label="IMG_1"', "cameras of several components"),
        ('label="IMG_1"', "", "<camera>: no label"),
        ("</transform></camera>", " 0</transform></camera>", "expected a transform of 16 numbers, got 17"),
        (
            'width="240" height="200"/><property',
            'width="240.5" height="200"/><property',
            "a resolution in whole pixels",
        ),
        ("</document>", '<chunk id="2"/></document>', "expected a document with one chunk, got 2"),
    ],
)
def test_refusals(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = metashape_scene(tmp_path)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(MeshFormatError, match=message):
        load_views(tmp_path)


def test_nothing_aligned(tmp_path: Path) -> None:
    file = metashape_scene(tmp_path)
    file.write_text(file.read_text().replace("transform>", "reference>"))
    with pytest.raises(MeshFormatError, match=r"none of 4 cameras has a transform. Align the photos first"):
        load_views(tmp_path)
