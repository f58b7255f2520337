"""Speed of the rasterizer: ours against PyTorch3D's on CPU, and growth over faces and over image size.

    python benchmarks/speed/rasterize.py [--threads 2] [--rounds 7] [--quick] [--write]

Both get the same faces in NDC with the same settings (perspective correction and clipped barycentrics, which are the
defaults of `MeshRasterizer` with blur) and return the same Fragments, compared in the table; backward is the gradient
of a random linear loss on depths, barycentrics and distances. They run in turns in one process on `--threads` threads,
of which PyTorch3D's backward uses one. `taskset -c 0` in front measures one core.

Floor: K hits of a pixel are 28 bytes (int64 face, five float32), which forward has to write and backward to read with
the gradients, 48 bytes: that over the bandwidth of a plain copy. A hit costs 50 to 100 floating-point operations.

Peak memory is that of a process of its own, over what it had before the call: the Fragments, the corners of the faces
in a row (36 bytes each; PyTorch3D makes them as well) and what the kernels need besides. `--write` puts the result into
benchmarks/results/.
"""

import argparse
import subprocess
import sys
from functools import partial
from typing import Any

import timing
import torch
import trimesh
from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes as pytorch3d_rasterize
from pytorch3d.structures import Meshes

from geolearn.render import camera_rig, rasterize_meshes, render_silhouette
from geolearn.reports.page import markdown_table
from geolearn.structures import Mesh

CASES = {"K=10, blur 1e-4": (10, 1e-4), "K=50, blur 9.2e-4": (50, 9.2e-4)}
WANTED = {
    ("K=10, blur 1e-4", "forward"): 100,
    ("K=10, blur 1e-4", "forward + backward"): 200,
    ("K=50, blur 9.2e-4", "forward"): 20,
    ("K=50, blur 9.2e-4", "forward + backward"): 200,
}
LEVELS, SIZES = (2, 3, 4, 5, 6, 7, 8), (64, 128, 256, 512, 1024)


class Scene:
    """A sphere that fills the picture, in NDC and depth."""

    def __init__(self, level: int, size: int, most: int, blur_radius: float):
        sphere = trimesh.creation.icosphere(subdivisions=level, radius=0.5)
        self.faces = torch.tensor(sphere.faces)
        camera = camera_rig("ring", count=1, size=2, elevation_rad=0.3)
        pixels, depth = camera.project(torch.tensor(sphere.vertices, dtype=torch.float32))
        self.verts = torch.cat([1 - pixels[0], depth[0, :, None]], 1)
        generator = torch.Generator().manual_seed(0)
        shape = (1, size, size, most)
        self.weights = [torch.rand(shape + tail, generator=generator) - 0.5 for tail in ((), (3,), ())]
        self.settings = {
            "image_size": size, "blur_radius": blur_radius, "faces_per_pixel": most, "perspective_correct": True,
            "clip_barycentric_coords": True,
        }  # fmt: skip

    def meshes(self, verts: torch.Tensor) -> Meshes:
        return Meshes([verts], [self.faces])

    def forward(self, rasterize: Any) -> Any:
        return rasterize(self.meshes(self.verts), **self.settings)

    def both(self, rasterize: Any) -> torch.Tensor:
        verts = self.verts.clone().requires_grad_()
        return torch.autograd.grad(rasterize(self.meshes(verts), **self.settings)[1:], verts, self.weights)[0]

    @property
    def hits_bytes(self) -> int:
        return 28 * self.weights[0].numel()


def compare(name: str, level: int, size: int, rounds: int, patience: float, bandwidth: float) -> list[dict[str, Any]]:
    scene = Scene(level, size, *CASES[name])
    rows = []
    for part, call, floor_bytes in (
        ("forward", scene.forward, scene.hits_bytes),
        ("forward + backward", scene.both, scene.hits_bytes * (28 + 48) // 28),
    ):
        ways = {
            "ours": lambda call=call: call(rasterize_meshes),
            "PyTorch3D": lambda call=call: call(pytorch3d_rasterize),
        }
        times = timing.timed(ways, rounds, patience)
        ours, theirs = times["ours"], times["PyTorch3D"]
        if part == "forward":
            faces, depths = ours.result[0], (ours.result[1] - theirs.result[1]).abs().max()
            same = f"{int((faces != theirs.result[0]).sum())} of {int((faces >= 0).sum()):,} hits differ, "
            same += f"depths by {float(depths):.0e}"
        else:
            same = "gradients: " + ", ".join(f"{float(g.norm()):.4g}" for g in (ours.result, theirs.result))
        for way, taken in times.items():
            wall, processor = timing.ratio(taken, ours)
            rows.append(
                {
                    "case": name,
                    "part": part,
                    "way": way,
                    **taken.columns(),
                    "rounds": len(taken.wall),
                    "ours is faster by": "" if way == "ours" else f"{wall:.0f}x",
                    "CPU": "" if way == "ours" else f"{processor:.0f}x",
                    "wanted": "" if way == "ours" else f"{WANTED[name, part]}x",
                    "same": "" if way == "ours" else same,
                    "floor ms": f"{2 * floor_bytes / bandwidth:.2f}",
                }
            )
    return rows


def growth(cases: list[tuple[int, int]], rounds: int, patience: float, bandwidth: float, theirs_ms: float) -> list[Any]:
    """Ours as faces or pixels grow; PyTorch3D where faces x pixels promise an end, `theirs_ms` being known at 5,120
    faces and 256 px."""
    rows = []
    for level, size in cases:
        scene = Scene(level, size, *CASES["K=10, blur 1e-4"])
        ways = {"forward": partial(scene.forward, rasterize_meshes), "both": partial(scene.both, rasterize_meshes)}
        if theirs_ms * len(scene.faces) / 5120 * (size / 256) ** 2 < 500 * patience:
            ways["PyTorch3D"] = partial(scene.forward, pytorch3d_rasterize)
        times = timing.timed(ways, rounds, patience)
        hits = int((times["forward"].result[0] >= 0).sum())
        per_item = 1e6 * times["forward"].median / (hits + len(scene.faces) + size**2)
        wall = f"{timing.ratio(times['PyTorch3D'], times['forward'])[0]:.0f}x" if "PyTorch3D" in times else ""
        peaks = [peak(level, size, part) for part in ("forward", "both")]
        rows.append(
            {
                "faces": f"{len(scene.faces):,}",
                "px": size,
                "hits": f"{hits:,}",
                **{f"forward {key}": value for key, value in times["forward"].columns().items()},
                "ns per hit + face + pixel": f"{per_item:.0f}",
                "forward + backward ms": times["both"].columns()["ms (median)"],
                "PyTorch3D forward ms": times["PyTorch3D"].columns()["ms (median)"] if "PyTorch3D" in times else "",
                "ours is faster by": wall,
                "Fragments MB": f"{scene.hits_bytes / 1e6:.1f}",
                "corners MB": f"{36 * len(scene.faces) / 1e6:.1f}",
                "peak MB forward": f"{peaks[0] / 1e6:.1f}",
                "peak MB both": f"{peaks[1] / 1e6:.1f}",
                "floor ms": f"{2 * scene.hits_bytes / bandwidth:.2f}",
            }
        )
    return rows


def silhouettes(cases: list[tuple[int, int, int]], rounds: int, patience: float) -> list[Any]:
    """Soft silhouettes with their gradient: every face counts, or the nearest 50 over Fragments."""
    rows = []
    for level, views, size in cases:
        sphere = trimesh.creation.icosphere(subdivisions=level, radius=0.5)
        cameras = camera_rig("sphere", count=views, size=size)

        def both(
            most: int | None, verts: Any = sphere.vertices, faces: Any = sphere.faces, cameras: Any = cameras
        ) -> Any:
            mesh = Mesh(torch.tensor(verts, dtype=torch.float32).requires_grad_(), faces)
            image = render_silhouette(mesh, cameras, faces_per_pixel=most)
            return torch.autograd.grad(image.square().mean(), mesh.verts)

        times = timing.timed({"all faces": lambda: both(None), "K=50": lambda: both(50)}, rounds, patience)
        rows += [
            {
                "faces": f"{len(sphere.faces):,}",
                "views": views,
                "px": size,
                "way": way,
                **taken.columns(),
                "all faces is faster by": f"{timing.ratio(taken, times['all faces'])[0]:.1f}x",
            }
            for way, taken in times.items()
        ]
    return rows


def peak(level: int, size: int, part: str) -> int:
    """Bytes that a call needs at most, its result included, measured in a process of its own."""
    command = [
        sys.executable,
        __file__,
        "--peak",
        str(level),
        str(size),
        part,
        "--threads",
        str(torch.get_num_threads()),
    ]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(level: int, size: int, part: str) -> None:
    small = Scene(0, 16, *CASES["K=10, blur 1e-4"])
    small.both(rasterize_meshes)  # compiles, starts threads
    scene = Scene(level, size, *CASES["K=10, blur 1e-4"])
    verts = scene.verts.requires_grad_(part == "both")
    meshes = scene.meshes(verts)
    meshes.faces_packed(), meshes.num_faces_per_mesh()  # PyTorch3D's own copies, made before

    def call() -> None:
        hits = rasterize_meshes(meshes, **scene.settings)
        if part == "both":
            torch.autograd.grad(hits[1:], verts, scene.weights)

    print(timing.peak_bytes(call))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds for all rounds of a way")
    parser.add_argument("--quick", action="store_true", help="K=10 only, no growth")
    parser.add_argument("--write", action="store_true", help=f"write into {timing.RESULTS}")
    parser.add_argument("--peak", nargs=3, metavar=("LEVEL", "SIZE", "PART"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.peak:
        print_peak(int(arguments.peak[0]), int(arguments.peak[1]), arguments.peak[2])
        return
    bandwidth = timing.bytes_per_ms()
    limits = arguments.rounds, arguments.patience, bandwidth
    rows = [row for name in list(CASES)[: 1 if arguments.quick else 2] for row in compare(name, 4, 256, *limits)]
    text = "# Rasterizing\n\n256 px, icosphere of 5,120 faces\n\n" + markdown_table(rows) + "\n"
    missed = [row for row in rows if row["wanted"] and float(row["ours is faster by"][:-1]) < float(row["wanted"][:-1])]
    lost = [f"{row['case']}, {row['part']}: {row['ours is faster by']}" for row in missed]
    text += "\nBelow what is wanted: " + ("; ".join(lost) or "none") + ".\n"
    if not arguments.quick:
        theirs = float(rows[1]["ms (median)"])
        text += "\n## Growth over faces, K=10, blur 1e-4\n\n"
        text += markdown_table(growth([(level, 256) for level in LEVELS], *limits, theirs)) + "\n"
        text += "\n## Growth over image size, 20,480 faces, K=10, blur 1e-4\n\n"
        text += markdown_table(growth([(5, size) for size in SIZES], *limits, theirs)) + "\n"
        text += "\n## Soft silhouettes, sigma 1e-4, forward + backward\n\n"
        cases = [(3, 120, 64), (4, 120, 64), (4, 20, 256), (5, 20, 256)]
        text += markdown_table(silhouettes(cases, *limits[:2])) + "\n"
    timing.report(text, bandwidth, arguments.rounds, "rasterize" if arguments.write else None)


if __name__ == "__main__":
    main()
