"""Point clouds: rows of text of every layout, PCD in its three encodings, PLY and OBJ, against files made by Open3D."""

import struct

import numpy as np
import pytest

from geolearn.errors import InvalidInputError
from geolearn.io import MeshFormatError, load_points
from geolearn.structures import PointCloud

POINTS = np.array([[0, 0, 0], [1.5, 0, -2], [0.25, 3, 4], [7, 8, 9]], dtype=np.float32)
NORMALS = np.array([[0, 0, 1], [0, 1, 0], [0.6, 0.8, 0], [-1, 0, 0]], dtype=np.float32)
BYTES = np.array([[255, 0, 0], [0, 128, 0], [0, 0, 64], [1, 2, 3]])


def load(folder, name: str, data: bytes | str) -> PointCloud:
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return load_points(folder / name)


def rows(*columns, separator: str = " ") -> str:
    table = np.column_stack([np.asarray(column, dtype=float) for column in columns])
    return "".join(separator.join(f"{value:g}" for value in row) + "\n" for row in table)


INTENSITY = np.array([0.5, 120, 3, 7])


@pytest.mark.parametrize(
    "text, normals, colours",
    [
        (rows(POINTS), False, False),
        (rows(POINTS, INTENSITY), False, False),
        (rows(POINTS, NORMALS), True, False),
        (rows(POINTS, BYTES), False, True),
        (rows(POINTS, BYTES / 255), False, True),
        (rows(POINTS, INTENSITY, BYTES), False, True),
        (rows(POINTS, NORMALS, BYTES), True, True),
        (rows(POINTS, BYTES, NORMALS), True, True),
        ("4\n" + rows(POINTS, INTENSITY, BYTES), False, True),
        ("# x y z\n// a note\n\n" + rows(POINTS), False, False),
        ("x,y,z,nx,ny,nz\n" + rows(POINTS, NORMALS, separator=","), True, False),
        ("//X Y Z R G B Nx Ny Nz\n" + rows(POINTS, BYTES, NORMALS), True, True),
        ("nx ny nz x y z\n" + rows(NORMALS, POINTS), True, False),
        (rows(POINTS, BYTES, separator=", "), False, True),
        (rows(POINTS, separator="; "), False, False),
        (rows(POINTS, NORMALS, separator="\t").replace("\n", "\r\n"), True, False),
    ],
)
def test_rows_of_every_layout(tmp_path, text, normals, colours):
    cloud = load(tmp_path, "a.xyz", text)
    assert np.allclose(cloud.points.numpy(), POINTS)
    assert (cloud.normals is not None) == normals
    assert (cloud.colours is not None) == colours
    if normals:
        assert np.allclose(cloud.normals.numpy(), NORMALS, atol=1e-5)
    if colours:
        assert np.allclose(cloud.colours.numpy() * 255, BYTES, atol=1e-2)
    assert cloud.name == "a"


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "expected rows of points, got an empty file"),
        ("# nothing\n", "no points"),
        ("1 2\n3 4\n", "line 1: expected 3 numbers a row, got 2"),
        ("1 2 3\n1 2 3 4\n", "line 2: expected 3 numbers a row, got 4"),
        ("1 2 3\n1 2 x\n", "line 2: expected numbers, got 'x'"),
        ("0,5 0,3 1,2\n", "expected numbers, got '0,5'"),  # decimal commas
        ("nan nan nan\n", "no points"),
    ],
)
def test_rows_that_are_damaged(tmp_path, text, message):
    with pytest.raises(MeshFormatError, match=rf"a\.xyz: .*{message}"):
        load(tmp_path, "a.xyz", text)


def test_points_that_the_sensor_did_not_see_are_left_out(tmp_path, caplog):
    text = rows(POINTS, NORMALS).splitlines(keepends=True)
    cloud = load(tmp_path, "a.xyz", "".join([text[0], "nan nan nan 0 0 1\n", *text[1:]]))
    assert np.allclose(cloud.points.numpy(), POINTS)
    assert np.allclose(cloud.normals.numpy(), NORMALS, atol=1e-5)
    assert "1 of 5 points are NaN or infinite: left out" in caplog.text


def test_points_far_from_0_count_from_an_origin(tmp_path):
    offset = np.array([691234.37, 5334567.81, 512.13])
    text = "".join(" ".join(map(repr, map(float, row))) + "\n" for row in POINTS + offset)
    cloud = load(tmp_path, "a.xyz", text)
    assert cloud.origin is not None
    assert np.allclose(cloud.world_points().numpy(), POINTS + offset, rtol=0, atol=1e-6)
    assert "about (" in repr(cloud)


def pcd_header(encoding: str, count: int = len(POINTS)) -> str:
    return (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS x y z _ normal_x normal_y normal_z rgb _\n"
        "SIZE 4 4 4 1 4 4 4 4 2\nTYPE F F F U F F F F I\nCOUNT 1 1 1 3 1 1 1 1 1\n"
        f"WIDTH {count}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {count}\nDATA {encoding}\n"
    )


def packed_colours() -> np.ndarray:
    return (BYTES[:, 0] << 16 | BYTES[:, 1] << 8 | BYTES[:, 2]).astype("<u4")


def pcd_records() -> list[bytes]:
    return [
        struct.pack("<3f3B3fIh", *p, 9, 9, 9, *n, c, -1)
        for p, n, c in zip(POINTS, NORMALS, packed_colours().tolist(), strict=True)
    ]


def lzf_of_literals(data: bytes) -> bytes:
    """LZF without repeats: runs of at most 32 bytes."""
    return b"".join(bytes([len(part) - 1]) + part for part in (data[i : i + 32] for i in range(0, len(data), 32)))


def pcd(encoding: str) -> bytes:
    head = pcd_header(encoding).encode()
    if encoding == "binary":
        return head + b"".join(pcd_records())
    if encoding == "ascii":
        table = zip(POINTS.tolist(), NORMALS.tolist(), packed_colours().tolist(), strict=True)
        lines = [" ".join(map(str, [*p, 9, 9, 9, *n, c, -1])) for p, n, c in table]
        return head + "\n".join(lines).encode() + b"\n"
    sizes, at, columns = (4, 4, 4, 3, 4, 4, 4, 4, 2), 0, b""
    for size in sizes:
        columns += b"".join(record[at : at + size] for record in pcd_records())
        at += size
    packed = lzf_of_literals(columns)
    return head + struct.pack("<II", len(packed), len(columns)) + packed


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_pcd_with_padding_normals_and_packed_colours(tmp_path, encoding):
    cloud = load(tmp_path, "a.pcd", pcd(encoding))
    assert np.array_equal(cloud.points.numpy(), POINTS)
    assert np.allclose(cloud.normals.numpy(), NORMALS)
    assert np.allclose(cloud.colours.numpy() * 255, BYTES, atol=1e-3)


@pytest.mark.parametrize(
    "packed, unpacked",
    [
        (b"\x02abc", b"abc"),
        (b"\x00a\x60\x00", b"aaaaaa"),  # five more of one byte back: a repeat that runs into itself
        (b"\x02abc\x20\x02", b"abcabc"),
        (b"\x00a\xe0\x05\x00", b"a" * 15),  # a long repeat: 7 + 5 + 2
    ],
)
def test_repeats_of_lzf_by_hand(packed, unpacked):
    from geolearn.io.pcd import _unpack

    assert _unpack(packed, len(unpacked)) == unpacked
    assert _unpack(packed, len(unpacked) + 1) is None
    assert _unpack(b"\x20\x05", 3) is None  # before the beginning


@pytest.mark.parametrize(
    "data, message",
    [
        (pcd("binary")[:-1], "4 points need 132 bytes, got 131"),
        (pcd("binary_compressed")[:-1], "expected .* bytes that unpack to 132"),
        (pcd("ascii").replace(b"POINTS 4", b"POINTS 5"), "expected 5 rows of 11 numbers"),
        (pcd("binary").replace(b"FIELDS x y", b"FIELDS x q"), "expected the fields x, y, z once each"),
        (pcd("binary").replace(b"SIZE 4 4", b"SIZE 3 4"), "field x: expected a number, got F of 3 bytes"),
        (pcd("binary").replace(b"SIZE 4 4", b"SIZE 4"), "expected FIELDS, SIZE, TYPE and COUNT of one length"),
        (pcd("binary").replace(b"POINTS 4", b"POINTS 999999999999"), "points need"),
        (pcd("binary").replace(b"DATA", b"DATE"), "expected PCD .*looks like PCD|this is not PCD"),
        (b"hello", "this is not PCD"),
    ],
)
def test_pcd_that_is_damaged(tmp_path, data, message):
    with pytest.raises(MeshFormatError, match=rf"a\.pcd: .*({message})"):
        load(tmp_path, "a.pcd", data)


@pytest.mark.parametrize("ascii", [True, False])
def test_ply_and_obj_points(tmp_path, ascii):
    names = "x y z nx ny nz"
    head = "".join(f"property float {name}\n" for name in names.split())
    head += "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
    kind = "ascii" if ascii else "binary_little_endian"
    data = f"ply\nformat {kind} 1.0\nelement vertex 4\n{head}end_header\n".encode()
    if ascii:
        data += rows(POINTS, NORMALS, BYTES).encode()
    else:
        for p, n, c in zip(POINTS, NORMALS, BYTES.tolist(), strict=True):
            data += struct.pack("<6f3B", *p, *n, *c)
    clouds = [load(tmp_path, "a.ply", data)]
    lines = "".join(f"v {row}\n" for row in rows(POINTS, BYTES / 255).splitlines())
    clouds.append(
        load(tmp_path, "a.obj", lines + "".join(f"vn {row}\n" for row in rows(NORMALS).splitlines()) + "p 1 2 3 4\n")
    )
    for cloud in clouds:
        assert np.array_equal(cloud.points.numpy(), POINTS)
        assert np.allclose(cloud.normals.numpy(), NORMALS, atol=1e-5)
        assert np.allclose(cloud.colours.numpy() * 255, BYTES, atol=1e-2)


@pytest.mark.parametrize("extension", ["ply", "pcd", "xyz", "xyzn", "xyzrgb", "pts"])
@pytest.mark.parametrize(
    "options", [{}, {"write_ascii": True}, {"compressed": True}], ids=["binary", "ascii", "compressed"]
)
def test_open3d_writes_what_we_read(tmp_path, extension, options):
    o3d = pytest.importorskip("open3d")
    rng = np.random.default_rng(1)
    there = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(rng.normal(size=(500, 3)).round(3)))
    normals = rng.normal(size=(500, 3))
    there.normals = o3d.utility.Vector3dVector(normals / np.linalg.norm(normals, axis=1, keepdims=True))
    there.colors = o3d.utility.Vector3dVector(rng.integers(0, 256, (500, 3)) / 255)
    assert o3d.io.write_point_cloud(str(tmp_path / f"a.{extension}"), there, **options)
    cloud = load_points(tmp_path / f"a.{extension}")
    assert np.allclose(cloud.points.numpy(), np.asarray(there.points), atol=1e-5)
    if extension in ("ply", "pcd", "xyzn"):
        assert np.allclose(cloud.normals.numpy(), np.asarray(there.normals), atol=1e-4)
    if extension in ("ply", "pcd", "xyzrgb", "pts"):
        assert np.allclose(cloud.colours.numpy(), np.asarray(there.colors), atol=0.5 / 255 + 1e-4)


def test_formats_are_named(tmp_path):
    (tmp_path / "a.dat").write_text(rows(POINTS))
    with pytest.raises(MeshFormatError, match=r"no format of points has the extension '\.dat' .* rows of points"):
        load_points(tmp_path / "a.dat")
    assert len(load_points(tmp_path / "a.dat", file_format="xyz")) == 4
    with pytest.raises(InvalidInputError, match=r"file_format: expected one of ply, obj, pcd, xyz, .*, got 'las'"):
        load_points(tmp_path / "a.dat", file_format="las")
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_points(tmp_path / "none.xyz")
