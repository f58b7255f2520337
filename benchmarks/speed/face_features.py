"""Speed of the 600 features of faces: each family beside the functions of other packages, and growth over faces.

    python benchmarks/speed/face_features.py [--threads 1 2] [--rounds 3] [--faces 20000] [--sizes 1000 ...] [--write]

All ways run in turns on the same mesh, a closed bumpy surface, in one process for each number of threads. Peers are in
`face_feature_peers.py`; those that are not installed are skipped, and the result says so:

    pip install libigl potpourri3d pymeshlab open3d-cpu

Work that families share (the even surface, samples, neighbourhoods, boxes) is done anew for each of them and once for
all 600. Memory is the peak of a process of its own.
"""

import argparse
import multiprocessing
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import timing
import torch
import trimesh

from geolearn import ops
from geolearn.reports.page import markdown_table
from geolearn.structures import Mesh

WANTED_S = 10.0  # for all 600 on 20,000 faces on two cores
LARGE = 20_000  # faces, beyond which all 600 run once
FAMILIES_TO = 50_000  # faces, up to which families are timed alone
ALL = "all 600"
FAMILIES = {
    "curvature": ops.curvature_features,
    "local PCA": ops.local_pca_features,
    "shape contexts": ops.shape_context_features,
    "geodesic distance": ops.geodesic_distance_features,
    "shape diameter": ops.shape_diameter_features,
    "medial distance": ops.medial_distance_features,
    "spin images": ops.spin_image_features,
    ALL: ops.face_features,
}

TEXT = """# Features of faces

Each family beside other packages, and how time and memory grow. A family alone also does the work that all share
(the even surface, samples, boxes, factors), so the families sum to more than all 600. CPU is the time of all threads.

Where others are faster (on 20,160 faces, one thread, as counted and timed apart from the tables):

- Curvature. libigl and pymeshlab fit a quadric to one small neighbourhood of every vertex, and there are half as many
  vertices as faces. Ours has eight radii, up to 75 edges on this mesh, at one cost each: a sparse factor of 18 numbers
  a face (17 ms) and two solves for nine values (9 ms). One radius costs less than a third of libigl's of 5 edges.
- With two threads, curvature and local PCA take more time of the processor: a solve inside SciPy's SuperLU takes
  18 ms with two threads of BLAS and 4.5 ms with one, and BLAS reads `OMP_NUM_THREADS` by itself.
- Shape diameter. Our 645,000 rays take 0.57 us each, libigl's 0.5, Embree's in Open3D 0.33 with directions ready made;
  pymeshlab's are half as many. One of ours opens 12 nodes of 8 boxes and 5 leaves of 8 triangles, which is some 530
  instructions on 8 doubles, 0.2 us at one a cycle; where the rest goes was not measured. Ours are doubles. Boxes, 72
  statistics and their smoothing take the other 0.15 s and have no counterpart.
- Medial distance. No package has it; Open3D casts as many rays, from centres that it is given. Our rays take 0.25 s,
  the balls that find the centres 0.55 s.
- CGAL's Python package (6.0.1) has no shape diameter.

From 20,160 to 51,072 faces, where F log F asks for 1.09 times as much per face, the factors take 1.4 times (they hold
more numbers), balls and rays of the medial distance 1.3, paths from samples 1.2, rays of the shape diameter 1.2;
histograms and statistics take the same. Memory is that of nine factors and of 512 distances
per vertex, and grows with F.
"""


def bumpy(faces: int) -> Mesh:
    """A closed surface of about so many faces, bent everywhere."""
    side = max(round((faces / 4) ** 0.5) + 1, 4)
    ball = trimesh.creation.uv_sphere(count=[side, side])
    x, y, z = ball.vertices.T
    radius = 1 + 0.3 * x + 0.25 * np.sin(3 * x + 1) * y + 0.2 * np.cos(4 * z + y) + 0.35 * np.exp(-8 * (z - 1) ** 2)
    verts = ball.vertices * radius[:, None] * [1.0, 0.7, 1.6]
    return Mesh(torch.tensor(verts).float(), torch.tensor(np.asarray(ball.faces)).long(), name=f"{len(ball.faces)}")


def our_ways(mesh: Mesh) -> dict[tuple[str, str], Callable[[], Any]]:
    return {(family, "ours"): lambda features=features: features(mesh) for family, features in FAMILIES.items()}


def by_family(faces: int, rounds: int, threads: int) -> tuple[list[dict[str, Any]], list[str]]:
    """A row for each way, families together, and the packages that are absent."""
    from face_feature_peers import peers

    mesh = bumpy(faces)
    ours, (others, absent) = our_ways(mesh), peers(mesh, threads)
    times = timing.timed(ours | others, rounds)
    rows = []
    for family, _ in ours:
        for (owner, way), own in times.items():
            if owner == family:
                row = {"family": family, "way": way, **own.columns(), "ours is faster by": "", "CPU": ""}
                if way != "ours":
                    wall, processor = timing.ratio(own, times[family, "ours"])
                    row |= {"ours is faster by": f"{wall:.1f}x", "CPU": f"{processor:.1f}x"}
                rows.append(row)
    return rows, absent


def by_size(sizes: list[int], rounds: int, threads: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All 600 over the number of faces, and the microseconds of the processor per face of each family."""
    rows: list[dict[str, Any]] = []
    each: dict[str, dict[str, Any]] = {}
    before = None
    for size in sizes:
        count, own, peak, spent = in_process(one_size, threads, size, rounds)
        per_log = np.median(own.processor) / (count * np.log2(count))
        growth = "" if before is None else f"{per_log / before:.2f}x the row above"
        rows.append({"faces": f"{count:,}", **own.columns(), "CPU per F log F": growth, "peak MB": f"{peak / 1e6:.0f}"})
        before = per_log
        for family, processor in spent.items():
            each.setdefault(family, {"CPU us per face": family})[f"{count:,}"] = f"{1e3 * processor / count:.1f}"
    return rows, list(each.values())


def one_size(size: int, rounds: int) -> tuple[int, timing.Times, int, dict[str, float]]:
    """Faces, times and peak memory of all 600 in a fresh process, and the processor's milliseconds of each family."""
    ops.face_features(bumpy(200))  # kernels are compiled
    mesh, first, spent = bumpy(size), timing.Times(), {}
    peak = timing.peak_bytes(lambda: first.run(lambda: ops.face_features(mesh)))
    own = first
    if size <= LARGE:  # once more, warm
        own = timing.Times()
        for _ in range(rounds):
            own.run(lambda: ops.face_features(mesh))
    own.result = None
    for (family, _), way in our_ways(mesh).items():
        if family != ALL and size <= FAMILIES_TO:
            if size <= LARGE:
                way()
            times = timing.Times()
            times.run(way)
            spent[family] = times.processor[0]
    return len(mesh.faces), own, peak, spent


def in_process(work: Callable[..., Any], threads: int, *arguments: Any) -> Any:
    """What `work` returns in a fresh process of so many threads: other packages read them when they are loaded."""
    os.environ |= {"OMP_NUM_THREADS": str(threads), "IGL_NUM_THREADS": str(threads)}
    answer = multiprocessing.get_context("spawn").Queue()
    process = multiprocessing.get_context("spawn").Process(target=_answer, args=(answer, work, threads, arguments))
    process.start()
    result = answer.get()
    process.join()
    if isinstance(result, Exception):
        raise result
    return result


def _answer(answer: Any, work: Callable[..., Any], threads: int, arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(threads)
    try:
        answer.put(work(*arguments))
    except Exception as error:
        answer.put(error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 5_000, 20_000, 50_000, 200_000])
    parser.add_argument("--faces", type=int, nargs="*", default=[20_000], help="of meshes for families")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text = TEXT
    for faces in options.faces:
        for threads in options.threads:
            rows, absent = in_process(by_family, threads, faces, options.rounds, threads)
            text += f"\nOn {faces:,} faces, threads: {threads}\n\n{markdown_table(rows)}"
            if absent:
                text += f"\nNot installed, so not compared: {', '.join(absent)}.\n"
    if options.sizes:
        threads = options.threads[-1]
        rows, each = in_process(by_size, threads, options.sizes, options.rounds, threads)
        text += f"\nAll 600 over the number of faces (wanted: {WANTED_S:.0f} s at 20,000), threads: {threads}\n\n"
        text += f"{markdown_table(rows)}\nFamilies over the number of faces:\n\n{markdown_table(each)}"
    timing.report(text, timing.bytes_per_ms(), options.rounds, "face_features" if options.write else None)


if __name__ == "__main__":
    main()
