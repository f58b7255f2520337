"""Shaded pictures are PyTorch3D's own, and their gradients reach vertices, colours and cameras."""

import subprocess
import sys

import pytest
import torch

from geolearn.errors import InvalidInputError, MissingDependencyError, UnknownNameError
from geolearn.render import camera_rig, render_shaded, render_silhouette, render_views, to_pytorch3d
from geolearn.render.shaded import SHADERS
from geolearn.structures import Cameras, Mesh, MeshBatch

renderer = pytest.importorskip("pytorch3d.renderer")
trimesh = pytest.importorskip("trimesh")
EMPTY = Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64))


def sphere(level=2, radius=0.4):
    return Mesh.from_trimesh(trimesh.creation.icosphere(level, radius))


def random_colours(mesh, seed=0):
    return torch.rand(mesh.verts.shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shader", SHADERS)
def test_equals_pytorch3d_end_to_end(shader):
    mesh, cameras = sphere(), camera_rig("ring", count=2, size=(20, 33))
    colours = random_colours(mesh)
    lights = renderer.PointLights(location=[[2.0, 1.0, 3.0]])
    found = render_shaded(
        mesh, cameras, colours=colours, shader=shader, lights=lights, background=(0.1, 0.2, 0.3), blur_radius=1e-3,
        faces_per_pixel=6,
    )  # fmt: skip
    meshes = mesh.to_pytorch3d().extend(2)
    meshes.textures = renderer.TexturesVertex(colours[None].expand(2, -1, -1))
    seen_by = to_pytorch3d(cameras)
    settings = renderer.RasterizationSettings(image_size=(20, 33), blur_radius=1e-3, faces_per_pixel=6)
    farthest = float(torch.cdist(cameras.centres, mesh.verts).max())
    blending = renderer.BlendParams(background_color=(0.1, 0.2, 0.3))
    theirs = renderer.MeshRenderer(
        renderer.MeshRasterizer(seen_by, settings),
        getattr(renderer, SHADERS[shader])(cameras=seen_by, lights=lights, blend_params=blending),
    )(meshes, znear=0.0, zfar=farthest)
    assert found.shape == (2, 4, 20, 33)
    assert torch.allclose(found, theirs.permute(0, 3, 1, 2), atol=1e-3)
    assert float(found[:, :3].std()) > 0.05


def test_normals_are_those_of_views():
    mesh, cameras = sphere(3), camera_rig("sphere", count=3, size=(30, 44))
    found = render_shaded(mesh, cameras, colours="normals", shader="hard_phong")
    expected = render_views(mesh, cameras, shading="normals")
    seen = expected.sum(1) > 0
    assert torch.equal(found[:, 3] > 0, seen)
    difference = (found[:, :3] - expected).abs().amax(1)[seen]
    assert float(difference.mean()) < 5e-3  # colours of vertices are interpolated, not normalised again
    assert float(difference.quantile(0.95)) < 0.02


def test_opacity_of_soft_shaders_is_the_silhouette():
    mesh, cameras = sphere(), camera_rig("ring", count=2, size=24)
    found = render_shaded(mesh, cameras, sigma=1e-3, faces_per_pixel=100)[:, 3]
    assert torch.allclose(found, render_silhouette(mesh, cameras, sigma=1e-3), atol=1e-4)


@pytest.mark.parametrize("shader", SHADERS)
@pytest.mark.parametrize("normals", [False, True])
def test_gradients_reach_everything_and_point_downhill(shader, normals):
    mesh, rig = sphere(), camera_rig("ring", count=2, size=(20, 27))
    leaves = [mesh.verts.requires_grad_(), rig.world_to_camera.requires_grad_(), random_colours(mesh).requires_grad_()]

    def loss(verts, pose, colours):
        cameras = Cameras(rig.K, pose, 20, 27)
        chosen = "normals" if normals else colours
        image = render_shaded(Mesh(verts, mesh.faces), cameras, colours=chosen, shader=shader, sigma=1e-3)
        return image[:, :3, :, :14].mean()

    leaves = leaves[:2] if normals else leaves
    value = loss(*leaves, *[None] * normals)
    gradients = torch.autograd.grad(value, leaves)
    for number, gradient in enumerate(gradients):
        assert bool(torch.isfinite(gradient).all())
        assert float(gradient.abs().max()) > 0
        if shader.startswith("soft") and number != 1:  # a moved outline is a jump to hard ones
            step = 1e-3 / float(gradient.norm())
            moved = [leaf.detach() - (step * gradient if i == number else 0) for i, leaf in enumerate(leaves)]
            assert float(loss(*moved, *[None] * normals)) < float(value.detach())


def test_batches_and_empty_meshes():
    meshes, cameras = [sphere(1), EMPTY, sphere(2)], camera_rig("ring", count=2, size=(9, 14))
    together = render_shaded(MeshBatch.from_meshes(meshes), cameras, background=(0.2, 0.4, 0.6))
    assert together.shape == (3, 2, 4, 9, 14)
    for image, mesh in zip(together, meshes, strict=True):
        assert torch.allclose(image, render_shaded(mesh, cameras, background=(0.2, 0.4, 0.6)), atol=1e-4)
    assert bool((together[1] == torch.tensor([0.2, 0.4, 0.6, 0.0])[:, None, None]).all())
    assert render_shaded(sphere(1), cameras[:0]).shape == (0, 4, 9, 14)
    assert render_shaded(sphere(1), cameras, 1).shape == (2, 4, 1, 1)


def test_inside_behind_and_across_the_camera():
    box = Mesh.from_trimesh(trimesh.creation.box((2.0, 2.0, 2.0)))
    for distance, expected in ((0.3, 1.0), (1.0, None)):
        rig = camera_rig("ring", count=3, size=(12, 15), distance=distance)
        verts, pose = box.verts.clone().requires_grad_(), rig.world_to_camera.requires_grad_()
        for shader in ("soft_phong", "hard_phong"):
            image = render_shaded(Mesh(verts, box.faces), Cameras(rig.K, pose, 12, 15), shader=shader)
            for gradient in torch.autograd.grad(image.sum(), [verts, pose]):
                assert bool(torch.isfinite(gradient).all())
            assert bool(torch.isfinite(image).all())
            assert expected is None or shader.startswith("soft") or bool((image[:, 3] == expected).all())
    behind = Mesh(box.verts + torch.tensor([9.0, 0.0, 0.0]), box.faces)  # the camera stands at +X and looks to -X
    rig = camera_rig("ring", count=1, size=6, elevation_rad=0.0, distance=2.0)
    assert bool((render_shaded(behind, rig)[:, 3] == 0).all())


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"shader": "soft_fong"}, UnknownNameError, "unknown shader 'soft_fong'. Did you mean 'soft_phong'"),
        ({"sigma": 0.0}, InvalidInputError, "sigma, gamma: expected numbers > 0, got 0.0 and 0.0001"),
        ({"gamma": -1.0}, InvalidInputError, "sigma, gamma: expected numbers > 0"),
        ({"colours": torch.zeros(3, 3)}, InvalidInputError, r"colours: expected \(42, 3\), one per vertex"),
        ({"colours": "normal"}, InvalidInputError, "colours: expected a tensor .* got 'normal'"),
        ({"faces_per_pixel": 0}, InvalidInputError, "faces_per_pixel: expected at least 1, got 0"),
        ({"blur_radius": -1.0}, InvalidInputError, "blur_radius: expected a squared distance >= 0"),
        ({"size": 0}, InvalidInputError, "size: expected at least 1 pixel"),
    ],
)
def test_bad_settings(settings, error, message):
    with pytest.raises(error, match=message):
        render_shaded(sphere(1), camera_rig("ring", count=1, size=8), **settings)


def test_without_pytorch3d_only_shading_is_missing():
    code = """
import sys
sys.modules["pytorch3d"] = None
import torch
from geolearn.render import camera_rig, render_depth, render_shaded, render_silhouette
from geolearn.structures import Mesh
mesh, cameras = Mesh(torch.eye(3) / 3, torch.tensor([[0, 1, 2]])), camera_rig("sphere", count=5, size=9)
verts = mesh.verts.requires_grad_()
for render in (render_silhouette, render_depth):
    render(Mesh(verts, mesh.faces), cameras).sum().backward()
render_silhouette(mesh, cameras, faces_per_pixel=2)
print("drawn", bool(verts.grad.abs().sum() > 0))
render_shaded(mesh, cameras)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert "drawn True" in done.stdout, done.stderr
    assert MissingDependencyError.__name__ in done.stderr
    assert "geolearn3d[render]" in done.stderr
