"""Fit the 120 silhouettes of SoftRas's own demo: 100 to fit, 20 held out, beside PyTorch3D's tutorial recipe.

    python benchmarks/accuracy/fit_softras.py [--data ../shared/data] [--baseline-steps 30] [--output]

The silhouettes are 64 px, with smooth edges, of a plane whose wings are thinner than a pixel. Every sixth view is
held out. Two numbers, of views the fit has not seen, without softness, the mesh drawn at 8 x 8 samples per pixel: IoU
of both cut at half a pixel, and sum(min) / sum(max) of covered areas.

The baseline is PyTorch3D's tutorial "fit a mesh with silhouettes" on its own CPU renderer and the same images: a sphere
of 2,562 vertices, 2 views a step, K = 50, sigma 1e-4, SGD 1.0 / 0.9, weights silhouette 1, edges 1, Laplacian 1,
normals 0.01, 2,000 steps. A part of its steps is timed and 2,000 are extrapolated; its IoU is reported after the steps
it was given: --baseline-steps 2000 is the whole recipe.
"""

import argparse
import math
import statistics
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from geolearn.fitting import Step, fit_mesh, silhouette_iou
from geolearn.structures import Cameras, Mesh, Views
from geolearn.training.environment import describe_environment
from geolearn.training.files import write_json
from geolearn.training.report import markdown_table

ROOT = Path(__file__).resolve().parents[2]
HALF_ANGLE_RAD = math.radians(15)  # `viewing_angle` of SoftRas's demo
TUTORIAL_STEPS = 2000


def load_softras(folder: Path) -> Views:
    """Its silhouettes and cameras. Its world is left-handed (x right, y up, z away); ours is its mirror image in x."""
    pictures = torch.from_numpy(np.load(folder / "source.npy")).float() / 255
    distance, elevation, azimuth = np.load(folder / "camera.npy").T
    elevation, azimuth = np.radians(elevation), np.radians(azimuth)
    cosine = np.cos(elevation)
    centres = distance * np.stack([-cosine * np.sin(azimuth), np.sin(elevation), -cosine * np.cos(azimuth)])
    forward = -centres.T / np.linalg.norm(centres.T, axis=1, keepdims=True)
    right = np.cross(forward, [0, 1, 0])
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    pose = np.tile(np.eye(4), (len(forward), 1, 1))
    pose[:, :3, :3] = np.stack([right, np.cross(forward, right), forward], 1)
    pose[:, 2, 3] = distance
    height, width = pictures.shape[2:]
    focal = height / 2 / math.tan(HALF_ANGLE_RAD)
    K = np.tile([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], (len(pose), 1, 1))
    return Views(pictures[:, :3], Cameras(K, pose, height, width), pictures[:, 3])


def tutorial(views: Views, steps: int) -> tuple[Mesh, list[float]]:
    """PyTorch3D's recipe as it is written, on these images; the mesh and the seconds of every step."""
    from pytorch3d import loss as terms
    from pytorch3d import renderer as p3d
    from pytorch3d.utils import ico_sphere

    torch.manual_seed(0)
    sphere, sigma = ico_sphere(4), 1e-4
    cameras = views.cameras.to_pytorch3d()
    settings = p3d.RasterizationSettings(
        views.cameras.height, math.log(1 / 1e-4 - 1) * sigma, 50, perspective_correct=False
    )
    shader = p3d.SoftSilhouetteShader()
    offsets = torch.zeros_like(sphere.verts_packed(), requires_grad=True)
    optimiser = torch.optim.SGD([offsets], lr=1.0, momentum=0.9)
    seconds, mesh = [], sphere
    for _ in range(steps):
        began = time.perf_counter()
        optimiser.zero_grad()
        mesh = sphere.offset_verts(offsets)
        loss = terms.mesh_edge_loss(mesh) + terms.mesh_laplacian_smoothing(mesh, method="uniform")
        loss = loss + 0.01 * terms.mesh_normal_consistency(mesh)
        for view in torch.randperm(len(views))[:2].tolist():
            fragments = p3d.MeshRasterizer(cameras[view], settings)(mesh)
            silhouette = shader(fragments, mesh)[0, ..., 3]
            loss = loss + (silhouette - views.masks[view]).square().mean() / 2
        loss.backward()
        optimiser.step()
        seconds.append(time.perf_counter() - began)
    return Mesh.from_pytorch3d(mesh), seconds


def show(step: Step) -> None:
    if step.number % 20 == 0 or step.number + 1 == step.total:
        line = f"step {step.number + 1}/{step.total}  loss {step.loss:.5f}  IoU {step.iou:.3f}  {step.seconds:.0f} s"
        print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--baseline-steps", type=int, default=30)
    parser.add_argument("--output", action="store_true", help="write benchmarks/results/fit_softras.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(arguments.data / "meshes_and_softras.tar.xz") as archive:
            archive.extractall(folder, filter="data")
        views = load_softras(Path(folder) / "softras")
    held_out = list(range(3, len(views), 6))
    fitted = views[[number for number in range(len(views)) if number not in held_out]]
    unseen = views[held_out]

    result = fit_mesh(fitted, images="none", progress=show)
    ours = silhouette_iou(result.shape, unseen.masks, unseen.cameras)
    rows = [{"way": "fit_mesh", "steps": len(result.history), "seconds": result.metrics["seconds"], **ours}]
    if arguments.baseline_steps > 0:
        mesh, seconds = tutorial(fitted, arguments.baseline_steps)
        spent, step = sum(seconds), statistics.median(seconds)
        rows.append(
            {"way": "PyTorch3D's tutorial", "steps": len(seconds), "seconds": spent}
            | silhouette_iou(mesh, unseen.masks, unseen.cameras)
        )
        rows.append({"way": "the same, extrapolated", "steps": TUTORIAL_STEPS, "seconds": step * TUTORIAL_STEPS})
    report = {
        "rows": rows, "fit": result.metrics, "converged": result.converged, "message": result.message,
        "environment": describe_environment(), "threads": torch.get_num_threads(),
    }  # fmt: skip
    names = ("way", "steps", "seconds", "iou", "coverage_iou")
    print(markdown_table([{name: row.get(name, "") for name in names} for row in rows]))
    print(f"\nfit_mesh: {result.message}; {result.metrics}")
    if arguments.output:
        write_json(ROOT / "benchmarks" / "results" / "fit_softras.json", report)


if __name__ == "__main__":
    main()
