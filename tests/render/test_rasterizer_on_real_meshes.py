"""The hits of PyTorch3D's C++ rasterizer on real meshes, over many tiles, and with many faces per pixel."""

import pytest
import torch
from raster_scenes import Dice

from geolearn.io import load_mesh
from geolearn.render import MeshRasterizer, camera_rig, rasterize_meshes, to_pytorch3d

renderer = pytest.importorskip("pytorch3d.renderer")
structures = pytest.importorskip("pytorch3d.structures")

NAMES = ("spot", "fandisk", "homer", "teapot", "stanford-bunny", "rocker-arm")


def assert_same_hits(found, expected):
    assert torch.equal(found[0], expected[0])
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        assert float(((ours - theirs).abs() / (1 + theirs.abs())).max()) <= 1e-5


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("inside", [False, True])
def test_same_fragments_from_outside_and_inside(name, inside, unpacked):
    mesh = load_mesh(unpacked("meshes_and_softras.tar.xz") / "meshes" / f"{name}.obj").normalised()
    cameras = to_pytorch3d(camera_rig("sphere", count=3, size=(70, 100), distance=0.45 if inside else None)[[1]])
    settings = renderer.RasterizationSettings(
        image_size=(70, 100), blur_radius=1e-4 if inside else 0.0, faces_per_pixel=6, z_clip_value=0.05
    )
    found, expected = (
        kind(cameras, settings)(mesh.to_pytorch3d()) for kind in (MeshRasterizer, renderer.MeshRasterizer)
    )
    names = ("pix_to_face", "zbuf", "bary_coords", "dists")
    assert_same_hits([getattr(found, n) for n in names], [getattr(expected, n) for n in names])
    assert int((found.pix_to_face >= 0).sum()) > (10_000 if inside else 500)


@pytest.mark.parametrize("seed", range(8))
def test_up_to_150_faces_per_pixel_and_any_blur(seed):
    dice = Dice(seed)
    count = dice.integer(150, 260)
    corners = torch.cat([2.4 * dice.floats(count, 3, 2) - 1.2, 0.2 + 2 * dice.floats(count, 3, 1)], 2)
    if seed % 3 == 0:
        corners[..., 2] = corners[..., 2].round(decimals=1)  # exact ties in depth
    meshes = structures.Meshes([corners.reshape(-1, 3)], [torch.arange(3 * count).reshape(-1, 3)])
    settings = {
        "image_size": dice.choice((23, 18), (12, 30), (9, 31)), "faces_per_pixel": dice.choice(100, 150),
        "blur_radius": (0.0, 1e-3, 0.5, 4.0)[seed % 4], "perspective_correct": seed % 2 == 0,
        "clip_barycentric_coords": seed % 3 == 0, "cull_backfaces": seed > 5, "z_clip_value": 0.5 if seed > 3 else None,
    }  # fmt: skip
    found = rasterize_meshes(meshes, **settings)
    assert_same_hits(found, renderer.mesh.rasterize_meshes(meshes, **settings))
    assert int((found[0] >= 0).sum()) > 300
    if settings["blur_radius"] > 1 and not settings["cull_backfaces"]:
        assert bool((found[0] >= 0).all(-1).any())  # some pixels are reached by more faces than they keep
