"""Damage files on purpose: each must load to a valid record or raise MeshFormatError, fast and in little memory.

    python tests/io/fuzz.py --count 20000 --formats off glb

Case i of a format is made from the seed "FORMAT-i" alone, so a failure can be made again by itself. Files that fail are
left in the folder that the message names.
"""

import argparse
import io
import random
import re
import signal
import struct
import sys
import tempfile
import time
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from seed_files import EXTENSIONS, KINDS, MESHES, POINTS, seeds

from geolearn.io import MeshFormatError, load_mesh, load_points, load_voxels
from geolearn.io.polygons import triangulate
from geolearn.structures import Mesh, PointCloud, VoxelGrid

SECONDS_PER_FILE, BYTES_PER_FILE = 1.0, 200e6
WORDS = (
    *(b"0", b"-1", b"1", b"2", b"3", b"4", b"7", b"255", b"256", b"-7", b"1.5", b"-0", b"1e39", b"-1e39", b"1e308"),
    *(b"1e999", b"nan", b"NaN", b"inf", b"-Infinity", b"1e-400", b"2147483647", b"2147483648", b"4294967295"),
    *(b"4294967296", b"99999999999", b"18446744073709551616", b"-9223372036854775808", b"1000000", b"", b"x", b"0x10"),
    *(b"1_0", b"1,5", b"1d5", b"true", b"null", b'"a"', b"[]", b"{}", b"9" * 400, b"1" * 5000, b"\xff", b"#", b"\\\n"),
)
INTEGERS = (0, 1, 2, 3, 4, 14, 15, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 0x7FC00000, 0x7F800000)
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


class TookTooLong(BaseException):
    """Raised into a reader by the timer; no reader may catch it."""


@dataclass
class Tally:
    """What became of the cases of one format."""

    loaded: int = 0
    refused: int = 0
    slowest_seconds: float = 0.0
    most_bytes: int = 0


def flip_bits(data: bytearray, rng: random.Random, others: list[bytes]) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        at = rng.randrange(len(data))
        data[at] ^= 1 << rng.randrange(8)


def truncate(data: bytearray, rng: random.Random, others: list[bytes]) -> None:
    del data[rng.randrange(len(data)) :]


def delete_span(data: bytearray, rng: random.Random, others: list[bytes]) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 2, 4, 8, 50, 500))]


def repeat_span(data: bytearray, rng: random.Random, others: list[bytes]) -> None:
    at = rng.randrange(len(data))
    span = data[at : at + rng.choice((1, 4, 16, 100))]
    data[at:at] = span * rng.choice((1, 2, 50))


def splice(data: bytearray, rng: random.Random, others: list[bytes]) -> None:
    other = rng.choice(others)
    at, begin = rng.randrange(len(data)), rng.randrange(len(other))
    data[at:] = other[begin:]


def insert_noise(data: bytearray, rng: random.Random, others: list[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.choice((1, 4, 30, 300)))


def edit_number(data: bytearray, rng: random.Random, others: list[bytes], limit: int | None = None) -> None:
    matches = list(NUMBER.finditer(bytes(data[:limit])))
    if matches:
        match = rng.choice(matches)
        data[match.start() : match.end()] = rng.choice(WORDS)


def edit_header(data: bytearray, rng: random.Random, others: list[bytes]) -> None:
    edit_number(data, rng, others, limit=rng.choice((20, 60, 300)))


def edit_integer(data: bytearray, rng: random.Random, others: list[bytes]) -> None:
    size = rng.choice((1, 2, 4, 4, 8))
    at = rng.randrange(min(len(data), rng.choice((16, 100, 300, 10**9))))
    value = rng.choice((*INTEGERS, len(data), len(data) + 1, rng.getrandbits(32))) % 256**size
    data[at : at + size] = value.to_bytes(size, rng.choice(("little", "big")))


def swap_lines(data: bytearray, rng: random.Random, others: list[bytes]) -> None:
    lines = bytes(data).split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    data[:] = b"\n".join(lines)


MUTATIONS: tuple[Callable[[bytearray, random.Random, list[bytes]], None], ...] = (
    flip_bits,
    truncate,
    delete_span,
    repeat_span,
    splice,
    insert_noise,
    edit_number,
    edit_number,
    edit_header,
    edit_integer,
    edit_integer,
    swap_lines,
)


def mutate(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if changed:
            rng.choice(MUTATIONS)(changed, rng, others)
    return bytes(changed)


def mutate_inside(kind: str, data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """Damage what a container holds and wrap it well again, so that the damage reaches the inner parser."""
    if kind == "glb":
        length = int.from_bytes(data[12:16], "little")
        text = mutate(data[20 : 20 + length], rng, [other[20:] for other in others])
        rest = data[20 + length :]
        body = struct.pack("<I", len(text)) + b"JSON" + text + rest
        return b"glTF" + struct.pack("<II", 2, 12 + len(body)) + body
    if kind == "mat":
        parts, at = [data[:128]], 128
        while at < len(data):
            size = int.from_bytes(data[at + 4 : at + 8], "little")
            inner = zlib.decompress(data[at + 8 : at + 8 + size])
            packed = zlib.compress(mutate(inner, rng, [inner]) if rng.random() < 0.6 else inner)
            parts.append(struct.pack("<II", 15, len(packed)) + packed)
            at += 8 + size
        return b"".join(parts)
    file = io.BytesIO()  # npz
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            inner = old.read(name)
            new.writestr(zipfile.ZipInfo(name), mutate(inner, rng, [inner]) if rng.random() < 0.6 else inner)
    return file.getvalue()


def cases(kind: str, count: int) -> Iterator[bytes]:
    """`count` damaged files of a format, always the same ones."""
    good = more_seeds(kind)
    for i in range(count):
        rng = random.Random(f"{kind}-{i}")
        data = rng.choice(good)
        if kind in ("glb", "mat", "npz") and rng.random() < 0.5:
            yield mutate_inside(kind, data, rng, good)
        else:
            yield mutate(data, rng, good)


def more_seeds(kind: str) -> list[bytes]:
    """Good files to start from, those of all kinds among them."""
    extension = (EXTENSIONS | POINTS)[kind]
    wanted = {"ply-ascii": b"format ascii", "ply-little": b"format binary_little", "ply-big": b"format binary_big"}.get(
        kind, b""
    )
    more = [path.read_bytes() for path in sorted(KINDS.glob(f"*{extension}")) if not path.name.startswith("matlab")]
    return [*seeds(kind), *(data for data in more if wanted in data)]


def loader(kind: str) -> Callable[[Path], Any]:
    if kind in POINTS:
        return load_points
    return load_mesh if kind in MESHES else load_voxels


def check_record(record: Mesh | VoxelGrid | PointCloud) -> None:
    if isinstance(record, PointCloud):
        assert len(record) > 0
        assert bool(torch.isfinite(record.points).all())
    elif isinstance(record, Mesh):
        assert len(record.verts) > 0
        assert len(record.faces) > 0
        assert bool(torch.isfinite(record.verts).all())
        assert 0 <= int(record.faces.min()) <= int(record.faces.max()) < len(record.verts)
    else:
        assert record.values.dtype == torch.bool or bool(torch.isfinite(record.values).all())
        assert bool(torch.isfinite(record.origin).all())
        assert 0 < record.voxel_size < float("inf")
        assert record.values.shape == (record.resolution,) * 3


def _too_long(signum: int, frame: object) -> None:
    raise TookTooLong


def run(kind: str, count: int, folder: Path) -> Tally:
    """Load `count` damaged files of a format.

    Raises:
        AssertionError: a file raised something else, took over a second of processor time or over 200 MB; it is left
            in `folder`.
    """
    load = loader(kind)
    triangulate(np.eye(5)[:, :3], np.array([0, 1, 3, 2, 4]), np.array([5]))  # loads the compiler, which takes a while
    path = folder / f"case{(EXTENSIONS | POINTS)[kind]}"
    tally = Tally()
    for data in more_seeds(kind):  # the seeds themselves must be good, or the fuzzing says nothing
        path.write_bytes(data)
        check_record(load(path))
    previous = signal.signal(signal.SIGPROF, _too_long)
    tracemalloc.start()
    try:
        for i, data in enumerate(cases(kind, count)):
            path.write_bytes(data)
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            start = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, SECONDS_PER_FILE)
            try:
                record = load(path)
            except MeshFormatError as error:
                tally.refused += 1
                if str(path) not in str(error):
                    raise AssertionError(f"{kind} case {i} ({path}): the message does not name the file") from error
            except (Exception, TookTooLong) as error:
                raise AssertionError(f"{kind} case {i} ({path}): {type(error).__name__}: {error}") from error
            else:
                check_record(record)
                tally.loaded += 1
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            tally.slowest_seconds = max(tally.slowest_seconds, time.process_time() - start)
            peak = tracemalloc.get_traced_memory()[1] - before
            if peak > BYTES_PER_FILE:
                raise AssertionError(f"{kind} case {i} ({path}): {peak / 1e6:.0f} MB for {len(data)} bytes")
            tally.most_bytes = max(tally.most_bytes, peak)
    finally:
        tracemalloc.stop()
        signal.signal(signal.SIGPROF, previous)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--formats", nargs="*", default=list(EXTENSIONS | POINTS), choices=list(EXTENSIONS | POINTS))
    arguments = parser.parse_args()
    warnings.simplefilter("error")  # as in the test suite: a reader must not warn either
    print(f"{'format':12}{'files':>8}{'loaded':>8}{'refused':>8}{'slowest':>12}{'peak':>10}")
    for kind in arguments.formats:
        tally = run(kind, arguments.count, Path(tempfile.mkdtemp(prefix=f"fuzz-{kind}-")))
        print(
            f"{kind:12}{arguments.count:8}{tally.loaded:8}{tally.refused:8}"
            f"{tally.slowest_seconds * 1e3:9.1f} ms{tally.most_bytes / 1e6:7.2f} MB",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
