"""Speed of voxelizing: ours against Open3D and trimesh, and growth over faces and over resolution.

    python benchmarks/speed/voxelize.py [--data ../shared/data] [--threads 2] [--rounds 9] [--quick] [--write]

All ways run in turns on the same mesh with the same cell size. Open3D's `create_from_triangle_mesh` marks the surface
only; trimesh's `voxelized` marks the cells of the vertices of a subdivided mesh, `voxelized().fill()` fills holes, too.
Cells differ where the definitions do: ours are all that meet a triangle, in a grid whose corner differs from theirs.

Wall time counts on a quiet machine. On a busy one a long run waits for its turn and a short one does not, which
flatters the faster way; processor time, of all threads, is printed beside it.

Floor: a voxelizer must read F faces of 24 bytes and V vertices of 12, and write R^3 bytes; the floor is that over the
bandwidth of a plain copy measured in the same run. `--write` puts the result into benchmarks/results/.
"""

import argparse
import statistics
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import open3d
import timing
import torch
import trimesh

from geolearn.io import load_mesh
from geolearn.ops import voxelize
from geolearn.reports.page import markdown_table
from geolearn.structures import Mesh

WANTED = {("surface", "Open3D"): 2, ("surface", "trimesh"): 10, ("solid", "trimesh"): 10}
PATIENCE_S = 8.0  # a way that has run for so long in all is not run again


def compare(name: str, mesh: Mesh, resolution: int, rounds: int, bandwidth: float) -> list[dict[str, Any]]:
    """Ours, Open3D and trimesh on one mesh at one resolution."""
    size = voxelize(mesh, resolution, mode="surface").voxel_size
    for_open3d, for_trimesh = mesh.to_open3d(), mesh.to_trimesh()
    ways = {
        ("surface", "ours"): lambda: voxelize(mesh, resolution, mode="surface"),
        ("surface", "Open3D"): lambda: open3d.geometry.VoxelGrid.create_from_triangle_mesh(for_open3d, size),
        ("surface", "trimesh"): lambda: for_trimesh.voxelized(size),
        ("solid", "ours"): lambda: voxelize(mesh, resolution, mode="solid"),
        ("solid", "trimesh"): lambda: for_trimesh.voxelized(size).fill(),
        ("solid", "ours, winding"): lambda: voxelize(mesh, resolution, mode="solid", fill="winding"),
    }
    times = timing.timed(ways, rounds, PATIENCE_S)
    floor = (24 * len(mesh.faces) + 12 * len(mesh.verts) + resolution**3) / bandwidth
    counted = {"Open3D": lambda result: len(result.get_voxels()), "trimesh": lambda result: result.filled_count}
    rows = []
    for (mode, way), taken in times.items():
        wall, processor = timing.ratio(taken, times[mode, "ours"])
        rows.append(
            {
                "mesh": f"{name}, {len(mesh.faces):,} faces",
                "R": resolution,
                "mode": mode,
                "way": way,
                **taken.columns(),
                "ours is faster by": "" if way == "ours" else f"{wall:.1f}x",
                "CPU": "" if way == "ours" else f"{processor:.1f}x",
                "wanted": f"{WANTED[mode, way]}x" if (mode, way) in WANTED else "",
                "cells": f"{counted.get(way, lambda result: int(result.values.sum()))(taken.result):,}",
                "floor ms": f"{floor:.2f}",
            }
        )
    return rows


def growth(cases: list[tuple[str, Mesh, int]], rounds: int, bandwidth: float) -> list[dict[str, Any]]:
    """Ours, and Open3D's surface, as faces or resolution grow."""
    rows = []
    for name, mesh, resolution in cases:
        grid = voxelize(mesh, resolution, mode="surface")
        for_open3d = mesh.to_open3d()
        ways = {
            "surface": lambda mesh=mesh, resolution=resolution: voxelize(mesh, resolution, mode="surface"),
            "solid": lambda mesh=mesh, resolution=resolution: voxelize(mesh, resolution, mode="solid"),
            "Open3D": lambda for_open3d=for_open3d, size=grid.voxel_size: (
                open3d.geometry.VoxelGrid.create_from_triangle_mesh(for_open3d, size)
            ),
        }
        times = timing.timed(ways, rounds, PATIENCE_S)
        cells = int(grid.values.sum())
        wall, processor = timing.ratio(times["Open3D"], times["surface"])
        per_item = 1e6 * statistics.median(times["surface"].wall) / (len(mesh.faces) + cells)
        rows.append(
            {
                "mesh": name,
                "faces": f"{len(mesh.faces):,}",
                "R": resolution,
                "surface cells": f"{cells:,}",
                **{f"surface {key}": value for key, value in times["surface"].columns().items()},
                "ns per face + cell": f"{per_item:.0f}",
                "solid ms": times["solid"].columns()["ms (median)"],
                "Open3D surface ms": times["Open3D"].columns()["ms (median)"],
                "ours is faster by": f"{wall:.1f}x",
                "CPU": f"{processor:.1f}x",
                "floor ms": f"{(24 * len(mesh.faces) + 12 * len(mesh.verts) + resolution**3) / bandwidth:.2f}",
            }
        )
    return rows


def unpack(archive: Path, member: str, folder: Path) -> Mesh:
    with tarfile.open(archive) as tar:
        tar.extract(member, folder, filter="data")
    return load_mesh(folder / member)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2].parent / "shared" / "data")
    parser.add_argument("--psb", default="Chair/101", help="category/number of the labeled PSB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="leave out growth over faces and resolution")
    parser.add_argument("--write", action="store_true", help=f"write into {timing.RESULTS}")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    with tempfile.TemporaryDirectory() as folder:
        bunny = unpack(arguments.data / "meshes_and_softras.tar.xz", "meshes/stanford-bunny.obj", Path(folder))
        psb = unpack(arguments.data / "lpsb.tar.xz", f"LabeledDB_new/{arguments.psb}.off", Path(folder))
    box = Mesh.from_trimesh(trimesh.creation.box())
    bandwidth = timing.bytes_per_ms()
    meshes = (("bunny", bunny), (f"labeled PSB {arguments.psb}", psb), ("box", box))
    rows = [
        row
        for name, mesh in meshes
        for resolution in (32, 128)
        for row in compare(name, mesh, resolution, arguments.rounds, bandwidth)
    ]
    text = "# Voxelizing\n\n" + markdown_table(rows) + "\n"
    missed = [row for row in rows if row["wanted"] and float(row["ours is faster by"][:-1]) < float(row["wanted"][:-1])]
    lost = [f"{row['mesh']} at {row['R']}, {row['mode']}: {row['way']} {row['ours is faster by']}" for row in missed]
    text += "\nBelow what is wanted: " + ("; ".join(lost) or "none") + ".\n"
    if not arguments.quick:
        spheres = [trimesh.creation.icosphere(subdivisions=level) for level in range(3, 9)]
        by_faces = [("icosphere", Mesh.from_trimesh(sphere), 128) for sphere in spheres]
        by_resolution = [("bunny", bunny, resolution) for resolution in (16, 32, 64, 128, 256, 512)]
        text += "\n## Growth over faces\n\n" + markdown_table(growth(by_faces, arguments.rounds, bandwidth)) + "\n"
        text += "\n## Growth over resolution\n\n"
        text += markdown_table(growth(by_resolution, arguments.rounds, bandwidth)) + "\n"
    timing.report(text, bandwidth, arguments.rounds, "voxelize" if arguments.write else None)


if __name__ == "__main__":
    main()
