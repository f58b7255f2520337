"""Speed of pictures from many cameras: ours against Open3D's ray caster and PyTorch3D on CPU, and growth.

    python benchmarks/speed/render_views.py [--threads 2] [--rounds 9] [--quick] [--write]

12 views of 224 px of a sphere of 20,480 faces. Open3D casts one ray per pixel through a BVH (Embree), on all cores the
process may use; making the rays and building the BVH are timed apart and together with it. PyTorch3D's rasterizer (K=1,
no blur, one thread) takes minutes for 12 views, so one view is timed and multiplied by 12. All give depths, which are
compared; shading is extra, for Open3D and PyTorch3D left out. They run in turns in one process.

Floor: a z-buffer must project V vertices in every view, look at F faces and write 4 bytes per pixel: bytes read and
written over the bandwidth of a plain copy. `--write` puts the result into benchmarks/results/.
"""

import argparse
from typing import Any

import numpy as np
import open3d
import timing
import torch
import trimesh
from pytorch3d.renderer import MeshRasterizer, RasterizationSettings

from geolearn.render import camera_rig, render_views, to_pytorch3d
from geolearn.reports.page import markdown_table
from geolearn.structures import Cameras, Mesh

WANTED = {"Open3D, rays at hand": 4, "PyTorch3D": 1000}


def sphere(level: int) -> Mesh:
    return Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=level, radius=0.5))


class Caster:
    """Open3D's ray caster."""

    def __init__(self, mesh: Mesh, cameras: Cameras):
        self.mesh, self.cameras = open3d.t.geometry.TriangleMesh.from_legacy(mesh.to_open3d()), cameras
        self.scene, self.rays = self.build(), self.make_rays()

    def build(self) -> Any:
        scene = open3d.t.geometry.RaycastingScene()
        scene.add_triangles(self.mesh)
        scene.cast_rays(open3d.core.Tensor.zeros((1, 6)))  # Embree builds at the first use
        return scene

    def make_rays(self) -> Any:
        height, width = self.cameras.height, self.cameras.width
        rays = [
            open3d.t.geometry.RaycastingScene.create_rays_pinhole(
                open3d.core.Tensor(K.double().numpy()), open3d.core.Tensor(pose.double().numpy()), width, height
            )
            for K, pose in zip(self.cameras.K, self.cameras.world_to_camera, strict=True)
        ]
        return open3d.core.concatenate(rays, 0)

    def cast(self, scene: Any = None, rays: Any = None) -> np.ndarray:
        rays = self.rays if rays is None else rays
        return (self.scene if scene is None else scene).cast_rays(rays)["t_hit"].numpy()

    def depths(self) -> torch.Tensor:
        hits = torch.from_numpy(self.cast()).reshape(len(self.cameras), self.cameras.height, self.cameras.width)
        directions = torch.from_numpy(self.rays.numpy()[..., 3:]).reshape(*hits.shape, 3)
        along = (directions * self.cameras.world_to_camera[:, None, None, 2, :3]).sum(-1)
        return torch.where(hits.isfinite(), hits * along, 0)


def compare(level: int, size: int, rounds: int, patience: float, bandwidth: float) -> tuple[list[Any], str]:
    mesh, cameras = sphere(level), camera_rig("mvcnn12", size=size)
    caster = Caster(mesh, cameras)
    in_pytorch3d, seen_by = mesh.to_pytorch3d(), to_pytorch3d(cameras[0])
    rasterize = MeshRasterizer(seen_by, RasterizationSettings(image_size=size, faces_per_pixel=1))
    ways = {
        "ours, depth": lambda: render_views(mesh, cameras, shading="depth"),
        "ours, smooth": lambda: render_views(mesh, cameras),
        "ours, flat": lambda: render_views(mesh, cameras, shading="flat"),
        "Open3D, rays at hand": caster.cast,
        "Open3D, making the rays": lambda: caster.cast(rays=caster.make_rays()),
        "Open3D, making the rays and the BVH": lambda: caster.cast(caster.build(), caster.make_rays()),
        "PyTorch3D": lambda: rasterize(in_pytorch3d).zbuf[..., 0],
    }
    times = timing.timed(ways, rounds, patience)
    one_view = times["PyTorch3D"].result.clamp(min=0)
    times["PyTorch3D"].wall = [len(cameras) * wall for wall in times["PyTorch3D"].wall]
    times["PyTorch3D"].processor = [len(cameras) * processor for processor in times["PyTorch3D"].processor]
    depths, expected = times["ours, depth"].result[:, 0], caster.depths()
    counts = [int(((a - b).abs() > 1e-3).sum()) for a, b in ((depths, expected), (depths[:1], one_view))]
    same = (
        f"Depths differ by more than 1e-3 from Open3D's on {counts[0]} of {depths.numel():,} pixels, from PyTorch3D's "
        f"on {counts[1]} of {one_view.numel():,}; the mesh is on {int((depths > 0).sum()):,}."
    )
    floor = (len(cameras) * (12 * len(mesh.verts) + 12 * len(mesh.faces)) + 4 * depths.numel()) / bandwidth
    rows = []
    for way, taken in times.items():
        wall, processor = timing.ratio(taken, times["ours, depth"])
        rows.append(
            {
                "way": way + (" (one view x 12)" if way == "PyTorch3D" else ""),
                **taken.columns(),
                "rounds": len(taken.wall),
                "ours (depth) is faster by": "" if way == "ours, depth" else f"{wall:.1f}x",
                "CPU": "" if way == "ours, depth" else f"{processor:.1f}x",
                "wanted": f"{WANTED[way]}x" if way in WANTED else "",
                "floor ms": f"{floor:.2f}",
            }
        )
    return rows, same


def growth(cases: list[tuple[int, int]], rounds: int, patience: float, bandwidth: float) -> list[Any]:
    rows = []
    for level, size in cases:
        mesh, cameras = sphere(level), camera_rig("mvcnn12", size=size)
        caster = Caster(mesh, cameras)
        ways = {
            "ours": lambda mesh=mesh, cameras=cameras: render_views(mesh, cameras, shading="depth"),
            "smooth": lambda mesh=mesh, cameras=cameras: render_views(mesh, cameras),
            "Open3D": caster.cast,
            "all": lambda caster=caster: caster.cast(caster.build(), caster.make_rays()),
        }
        times = timing.timed(ways, rounds, patience)
        faces, pixels = len(mesh.faces), size**2
        rows.append(
            {
                "faces": f"{faces:,}",
                "px": size,
                **{f"depth {key}": value for key, value in times["ours"].columns().items()},
                "ns per view, face + pixel": f"{1e6 * times['ours'].median / 12 / (faces + pixels):.1f}",
                "smooth ms": times["smooth"].columns()["ms (median)"],
                "Open3D ms": times["Open3D"].columns()["ms (median)"],
                "ours is faster by": f"{timing.ratio(times['Open3D'], times['ours'])[0]:.1f}x",
                "with rays and BVH ms": times["all"].columns()["ms (median)"],
                "by": f"{timing.ratio(times['all'], times['ours'])[0]:.1f}x",
                "floor ms": f"{12 * (12 * len(mesh.verts) + 12 * faces + 4 * pixels) / bandwidth:.2f}",
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds for all rounds of a way")
    parser.add_argument("--quick", action="store_true", help="1,280 faces at 64 px, no growth")
    parser.add_argument("--write", action="store_true", help=f"write into {timing.RESULTS}")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    bandwidth = timing.bytes_per_ms()
    limits = arguments.rounds, arguments.patience, bandwidth
    level, size = (3, 64) if arguments.quick else (5, 224)
    rows, same = compare(level, size, *limits)
    missed = [row for row in rows if row["wanted"]]
    missed = [row for row in missed if float(row["ours (depth) is faster by"][:-1]) < float(row["wanted"][:-1])]
    text = (
        f"# Pictures from 12 cameras\n\n{20 * 4**level:,} faces, {size} px\n\n" + markdown_table(rows) + f"\n\n{same}\n"
    )
    lost = [f"{row['way']}: {row['ours (depth) is faster by']}" for row in missed]
    text += "\nBelow what is wanted: " + ("; ".join(lost) or "none") + ".\n"
    if not arguments.quick:
        text += "\n## Growth over faces\n\n"
        text += markdown_table(growth([(level, 224) for level in range(2, 9)], *limits)) + "\n"
        text += "\n## Growth over image size\n\n"
        text += markdown_table(growth([(5, size) for size in (64, 128, 224, 512, 1024)], *limits)) + "\n"
    timing.report(text, bandwidth, arguments.rounds, "render_views" if arguments.write else None)


if __name__ == "__main__":
    main()
