"""Four threads on any machine: Numba has as many as there are cores, unless a fresh process asks for more."""

import hashlib
import os
import subprocess
import sys

import numba
import torch

from geolearn.render import camera_rig, emission_absorption, rasterize_meshes, render_silhouette, render_views
from geolearn.structures import Cameras, Mesh


def digests() -> list[str]:
    """Of pictures and gradients of everything that runs in parallel, for 1, 2 and 4 threads."""
    generator = torch.Generator().manual_seed(0)
    verts = torch.rand(900, 3, generator=generator) - 0.5
    faces = torch.arange(900).reshape(-1, 3)
    grid, light = torch.rand(16, 16, 16, generator=generator), torch.rand(2, 16, 16, 16, generator=generator)
    rig = camera_rig("ring", count=2, size=(90, 150))
    found = []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        leaf, cells = verts.clone().requires_grad_(), grid.clone().requires_grad_()
        pose = rig.world_to_camera.clone().requires_grad_()
        cameras = Cameras(rig.K, pose, 90, 150)
        in_front = Mesh(leaf * 2 + torch.tensor([0.0, 0.0, 1.5]), faces)
        hits = rasterize_meshes(in_front, (90, 150), 1e-3, 8, perspective_correct=True, clip_barycentric_coords=True)
        soft = render_silhouette(Mesh(leaf, faces), cameras, sigma=1e-3)
        volume = emission_absorption(cells, light, cameras)
        views = render_views(Mesh(verts, faces), rig)
        loss = sum(picture.sin().sum() for picture in (*hits[1:], soft, volume))
        gradients = torch.autograd.grad(loss, [leaf, cells, pose])
        digest = hashlib.sha256()
        for value in (*hits, soft, volume, views, *gradients):
            digest.update(value.detach().contiguous().numpy().tobytes())
        found.append(digest.hexdigest())
    return found


def test_same_bits_with_four_threads_running():
    # Passive: where there are fewer cores, threads that wait for each other would spin instead of working.
    four = {"NUMBA_NUM_THREADS": "4", "OMP_NUM_THREADS": "4", "OMP_WAIT_POLICY": "passive"}
    environment = {**os.environ, **four}
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    threads, *found = done.stdout.split()
    assert threads == "4"
    assert len(found) == 3
    assert len(set(found)) == 1


if __name__ == "__main__":
    results = digests()
    print(numba.get_num_threads(), *results)
