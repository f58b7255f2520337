"""Speed of the 600 features of faces: each family beside the functions of other packages, and growth over faces.

    python benchmarks/speed/face_features.py [--threads 2] [--rounds 3] [--sizes 1000 5000 20000 50000 200000] [--write]

All ways run in turns on the same mesh, a closed bumpy surface. Peers are taken where they are installed:

- curvature: libigl's `principal_curvature` with its default radius of 5 edges; ours are eight radii.
- geodesic distance: the heat method of potpourri3d, and libigl's, from the same number of sources (512), after each was
  made ready for the mesh; ours are paths along a graph. Both then have distances from 512 sources to every vertex.
- shape diameter: libigl's `embree.shape_diameter_function` with as many rays per face (32); it gives their mean.

Other families have no peer in a wheel. Work that families share (the even surface, samples, neighbourhoods, boxes) is
done anew for each of them here and once for all 600. Memory is the peak of a process of its own.
"""

import argparse
import multiprocessing
from typing import Any

import numpy as np
import timing
import torch
import trimesh

from geolearn import ops
from geolearn.ops import face_features
from geolearn.ops.feature_surface import SAMPLES
from geolearn.ops.shape_diameter import RAYS
from geolearn.reports.page import markdown_table
from geolearn.structures import Mesh

WANTED_S = 10.0  # for all 600 on 20,000 faces on two cores
FAMILIES = {
    "curvature (64)": ops.curvature_features,
    "local PCA (48)": ops.local_pca_features,
    "shape contexts (270)": ops.shape_context_features,
    "geodesic distance (15)": ops.geodesic_distance_features,
    "shape diameter (72)": ops.shape_diameter_features,
    "medial distance (24)": ops.medial_distance_features,
    "spin images (100)": ops.spin_image_features,
}


def bumpy(faces: int) -> Mesh:
    """A closed surface of about so many faces, bent everywhere."""
    side = max(round((faces / 4) ** 0.5) + 1, 4)
    ball = trimesh.creation.uv_sphere(count=[side, side])
    x, y, z = ball.vertices.T
    radius = 1 + 0.3 * x + 0.25 * np.sin(3 * x + 1) * y + 0.2 * np.cos(4 * z + y) + 0.35 * np.exp(-8 * (z - 1) ** 2)
    verts = ball.vertices * radius[:, None] * [1.0, 0.7, 1.6]
    return Mesh(torch.tensor(verts).float(), torch.tensor(np.asarray(ball.faces)).long(), name=f"{len(ball.faces)}")


def peers(mesh: Mesh) -> dict[tuple[str, str], Any]:
    """What other packages do for a family, where they are installed."""
    verts, faces = mesh.verts.double().numpy(), mesh.faces.numpy()
    sources = np.linspace(0, len(verts) - 1, SAMPLES).astype(np.int64)
    found: dict[tuple[str, str], Any] = {}
    try:
        import igl
        import igl.embree
    except ImportError:
        pass
    else:
        centres, normals = verts[faces].mean(1), ops.face_normals(mesh.triangles()).double().numpy()

        def igl_heat() -> Any:
            ready = igl.HeatGeodesicsData()
            igl.heat_geodesics_precompute(verts, faces, ready)
            return [igl.heat_geodesics_solve(ready, np.array([source])) for source in sources]

        found["curvature (64)", "libigl"] = lambda: igl.principal_curvature(verts, faces)
        found["shape diameter (72)", "libigl"] = lambda: igl.embree.shape_diameter_function(
            verts, faces, centres, normals, RAYS
        )
        if hasattr(igl, "heat_geodesics_precompute"):
            found["geodesic distance (15)", "libigl, heat"] = igl_heat
    try:
        import potpourri3d
    except ImportError:
        pass
    else:

        def potpourri_heat() -> Any:
            solver = potpourri3d.MeshHeatMethodDistanceSolver(verts, faces)
            return [solver.compute_distance(int(source)) for source in sources]

        found["geodesic distance (15)", "potpourri3d, heat"] = potpourri_heat
    return found


def by_family(mesh: Mesh, rounds: int) -> list[dict[str, Any]]:
    ways: dict[tuple[str, str], Any] = {(name, "ours"): lambda f=f: f(mesh) for name, f in FAMILIES.items()}
    ways["all (600)", "ours"] = lambda: face_features(mesh)
    times = timing.timed(ways | peers(mesh), rounds)
    rows = []
    for (family, way), own in times.items():
        row = {"family": family, "way": way, **own.columns(), "ours is faster by": "", "CPU": ""}
        if way != "ours":
            wall, processor = timing.ratio(own, times[family, "ours"])
            row |= {"ours is faster by": f"{wall:.1f}x", "CPU": f"{processor:.1f}x"}
        rows.append(row)
    return sorted(rows, key=lambda row: [*FAMILIES, "all (600)"].index(row["family"]))


def _peak(faces: int, threads: int, answer: Any) -> None:
    torch.set_num_threads(threads)
    face_features(bumpy(200))  # kernels are compiled
    mesh = bumpy(faces)
    answer.put(timing.peak_bytes(lambda: face_features(mesh)))


def by_size(sizes: list[int], rounds: int, threads: int) -> list[dict[str, Any]]:
    rows, before = [], None
    for size in sizes:
        mesh = bumpy(size)
        own = timing.timed({"ours": lambda mesh=mesh: face_features(mesh)}, rounds if size <= 50_000 else 1)["ours"]
        context = multiprocessing.get_context("spawn")
        answer = context.Queue()
        process = context.Process(target=_peak, args=(size, threads, answer))
        process.start()
        peak = answer.get()
        process.join()
        per_log = own.median / (len(mesh.faces) * np.log2(len(mesh.faces)))
        rows.append(
            {
                "faces": f"{len(mesh.faces):,}",
                **own.columns(),
                "per F log F": "" if before is None else f"{per_log / before:.2f}x the row above",
                "peak MB": f"{peak / 1e6:.0f}",
            }
        )
        before = per_log
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 5_000, 20_000, 50_000, 200_000])
    parser.add_argument("--faces", type=int, default=20_000, help="of the mesh on which families are compared")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    families = by_family(bumpy(options.faces), options.rounds)
    growth = by_size(options.sizes, options.rounds, options.threads)
    text = f"# Features of faces\n\nOn {options.faces:,} faces:\n\n{markdown_table(families)}\n"
    text += f"All 600 over the number of faces (wanted: {WANTED_S:.0f} s at 20,000):\n\n{markdown_table(growth)}"
    timing.report(text, timing.bytes_per_ms(), options.rounds, "face_features" if options.write else None)


if __name__ == "__main__":
    main()
