"""Speed of reading mesh files: ours against trimesh and Open3D, every format, five kinds of file each.

    python benchmarks/speed/read_meshes.py [--formats off,obj] [--level 6] [--rounds 7] [--threads 1] [--write]

The files are made here, of an icosphere (level 6: 81,920 faces) or a cylinder of quads, and lie in the page cache. Each
reader gets a path and gives back a mesh: `load_mesh(path)`, with attributes; `trimesh.load(path, process=False,
force="mesh")`; `open3d.io.read_triangle_mesh(path)`. All run in turns. A reader that fails, or finds another number
of triangles, is left out of a row and named. Open3D uses threads of its own where it can; processor time of all threads
stands beside wall time, and counts on a busy machine.

Floor: the bytes of the file, read and copied once.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import open3d
import timing
import torch
import trimesh

from geolearn.io import load_mesh, save_mesh
from geolearn.reports.page import markdown_table
from geolearn.structures import Mesh
from geolearn.structures.attributes import Material, MeshAttributes

FORMATS = ("off", "obj", "ply ascii", "ply binary", "stl ascii", "stl binary", "glb")


def text_of(form: str, *columns: np.ndarray) -> str:
    """One line of numbers for every row of the columns side by side."""
    rows = np.concatenate([column.astype(object) for column in columns], axis=1)
    return (form * len(rows)) % tuple(rows.reshape(-1).tolist())


def cylinder(around: int, high: int) -> tuple[np.ndarray, list[list[int]]]:
    """Quads, every third of which is cut into two triangles."""
    angle = np.arange(around) * 2 * np.pi / around
    verts = np.concatenate([np.stack([np.cos(angle), np.sin(angle), np.full(around, z)], 1) for z in np.arange(high)])
    faces: list[list[int]] = []
    for i in range(around * (high - 1)):
        ring, k = divmod(i, around)
        a, b = i, ring * around + (k + 1) % around
        quad = [a, b, b + around, a + around]
        faces += [quad] if i % 3 else [quad[:3], [a, b + around, a + around]]
    return verts, faces


def write_polygons(path: Path, kind: str, verts: np.ndarray, faces: list[list[int]]) -> None:
    """Polygons of any number of corners, which `save_mesh` has no need to write."""
    rows = text_of("%.7g %.7g %.7g\n", verts)
    lists = "".join(f"{len(face)} {' '.join(map(str, face))}\n" for face in faces)
    if kind == "off":
        path.write_text(f"OFF\n{len(verts)} {len(faces)} 0\n{rows}{lists}")
    elif kind == "obj":
        named = "".join(f"f {' '.join(str(i + 1) for i in face)}\n" for face in faces)
        path.write_text(text_of("v %.7g %.7g %.7g\n", verts) + named)
    else:
        binary = kind == "ply binary"
        head = (
            f"ply\nformat {'binary_little_endian' if binary else 'ascii'} 1.0\nelement vertex {len(verts)}\n"
            "property float x\nproperty float y\nproperty float z\n"
            f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
        )
        body = rows + lists
        packed = verts.astype("<f4").tobytes() + b"".join(
            bytes([len(face)]) + np.array(face, "<i4").tobytes() for face in faces
        )
        path.write_bytes(head.encode() + (packed if binary else body.encode()))


def with_looks(mesh: Mesh, **looks: Any) -> Mesh:
    return Mesh(mesh.verts, mesh.faces, attributes=MeshAttributes(**looks))


def kinds_of(kind: str, folder: Path, level: int) -> Iterator[tuple[str, Path]]:
    """Five files of a format and what is in them."""
    extension, _, encoding = kind.partition(" ")
    ball, pea = (Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=n)) for n in (level, 3))
    normals = ball.verts / ball.verts.norm(dim=1, keepdim=True)
    uv = torch.stack([normals[:, 0], normals[:, 1]], dim=1) / 2 + 0.5
    colours = ((normals + 1) / 2 * 255).round() / 255
    halves = (ball.triangles().mean(1)[:, 2] > 0).long()

    def saved(name: str, mesh: Mesh) -> Path:
        path = folder / f"{kind.replace(' ', '_')}_{name}.{extension}"
        save_mesh(mesh, path, ascii=encoding == "ascii")
        return path

    yield f"{len(ball.faces):,} triangles", saved("ball", ball)
    yield f"{len(pea.faces):,} triangles", saved("pea", pea)
    if extension == "stl":
        far = Mesh(ball.verts * 1000 + 12345.678, ball.faces)
        yield "with large numbers", saved("far", far)
        groups = {"groups": ("top", "bottom"), "group_index": halves} if encoding == "ascii" else {}
        yield "two solids", saved("solids", with_looks(ball, **groups))
        corners = ball.triangles().reshape(-1, 3) + 1e-3 * torch.rand(3 * len(ball.faces), 3)
        yield "no corner shared", saved("loose", Mesh(corners, torch.arange(len(corners)).reshape(-1, 3)))
        return
    yield "with normals", saved("normals", with_looks(ball, normals=normals))
    yield "with colours", saved("colours", with_looks(ball, vertex_colours=colours))
    if extension == "glb":
        looks = {"uv": uv, "normals": normals, "materials": (Material("a"), Material("b")), "material_index": halves}
        yield "normals, texture coordinates, two materials", saved("materials", with_looks(ball, **looks))
    else:
        path = folder / f"{kind.replace(' ', '_')}_mixed.{extension}"
        verts, faces = cylinder(200, len(ball.faces) // 300)
        write_polygons(path, kind, verts, faces)
        yield f"{len(faces):,} triangles and quads", path


def with_open3d(path: Path) -> int:
    return len(open3d.io.read_triangle_mesh(str(path)).triangles)


def with_trimesh(path: Path) -> int:
    return len(trimesh.load(path, process=False, force="mesh").faces)  # type: ignore[attr-defined]


def with_ours(path: Path) -> int:
    return len(load_mesh(path).faces)


READERS: dict[str, Callable[[Path], int]] = {"ours": with_ours, "trimesh": with_trimesh, "Open3D": with_open3d}


def compare(kind: str, what: str, path: Path, rounds: int, bandwidth: float) -> dict[str, Any]:
    wanted, ways, others = with_ours(path), {}, []
    for name, reader in READERS.items():
        try:
            found = reader(path)
        except Exception as error:  # whatever a peer does with a file is a finding
            others.append(f"{name}: {type(error).__name__}")
            continue
        if found == wanted:
            ways[name] = lambda reader=reader: reader(path)
        else:
            others.append(f"{name}: {found:,} triangles")
    times = timing.timed(ways, rounds, patience_s=6.0)
    row: dict[str, Any] = {"format": kind, "file": what, "MB": f"{path.stat().st_size / 1e6:.1f}"}
    for name in READERS:
        row[f"{name} ms"] = times[name].columns()["ms (median)"] if name in times else "-"
        row[f"{name} CPU ms"] = times[name].columns()["CPU ms"] if name in times else "-"
    row["quartiles, ours"] = times["ours"].columns()["quartiles"]
    peers = [timing.ratio(times[name], times["ours"])[1] for name in times if name != "ours"]
    row["faster peer / ours, CPU"] = f"{min(peers):.2f}" if peers else "-"
    row["floor ms"] = f"{2 * path.stat().st_size / bandwidth:.2f}"
    row["left out"] = "; ".join(others)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--level", type=int, default=6, help="subdivisions of the icosphere")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true", help=f"write into {timing.RESULTS}")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    open3d.utility.set_verbosity_level(open3d.utility.VerbosityLevel.Error)
    bandwidth = timing.bytes_per_ms()
    rows = []
    for kind in arguments.formats.split(","):
        with tempfile.TemporaryDirectory() as folder:
            for what, path in kinds_of(kind, Path(folder), arguments.level):
                rows.append(compare(kind, what, path, arguments.rounds, bandwidth))
                print(json.dumps(rows[-1]), flush=True)
    lost = [f"{r['format']}, {r['file']} ({r['faster peer / ours, CPU']})" for r in rows if is_lost(r)]
    text = "# Reading mesh files\n\n" + markdown_table(rows) + "\n"
    text += "\nSlower than the faster peer, by processor time: " + ("; ".join(lost) or "none") + ".\n"
    timing.report(text, bandwidth, arguments.rounds, "read_meshes" if arguments.write else None)


def is_lost(row: dict[str, Any]) -> bool:
    return row["faster peer / ours, CPU"] != "-" and float(row["faster peer / ours, CPU"]) < 1


if __name__ == "__main__":
    main()
