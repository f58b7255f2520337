"""`accelerate_pytorch3d` changes who rasterizes in PyTorch3D, not what comes out, and can be undone."""

import importlib
import subprocess
import sys

import pytest
import torch

from geolearn.errors import MissingDependencyError
from geolearn.render import accelerate_pytorch3d
from geolearn.render.rasterizer import RasterizeFaces

pytest.importorskip("pytorch3d")

from pytorch3d import renderer, structures
from pytorch3d.renderer.mesh import rasterize_meshes

module = importlib.import_module("pytorch3d.renderer.mesh.rasterize_meshes")


@pytest.fixture
def calls(monkeypatch):
    """What our autograd function was called with."""
    found = []
    original = RasterizeFaces.apply

    def apply(*arguments):
        found.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(RasterizeFaces, "apply", apply)
    return found


def soup(seed=0, requires_grad=False):
    generator = torch.Generator().manual_seed(seed)
    verts = [2 * torch.rand(3 * count, 3, generator=generator) - 1 for count in (8, 14)]
    for v in verts:
        v[:, 2] += 1.2
        v.requires_grad_(requires_grad)
    return structures.Meshes(verts, [torch.arange(len(v)).reshape(-1, 3) for v in verts]), verts


SETTINGS = {
    "image_size": (20, 31), "blur_radius": 1e-3, "faces_per_pixel": 6, "perspective_correct": True,
    "clip_barycentric_coords": True, "z_clip_value": 0.3, "cull_to_frustum": True,
}  # fmt: skip


def test_same_hits_in_functions_imported_before(calls):
    meshes, _ = soup()
    expected = rasterize_meshes(meshes, **SETTINGS)
    assert not calls
    with accelerate_pytorch3d():
        found = rasterize_meshes(meshes, **SETTINGS)
    assert len(calls) == 1
    assert torch.equal(found[0], expected[0])
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found[1:], expected[1:], strict=True))
    assert int((found[0] >= 0).sum()) > 100


def test_gradients_with_compat_are_pytorch3ds():
    def gradients():
        meshes, verts = soup(2, requires_grad=True)
        outputs = rasterize_meshes(meshes, **SETTINGS)[1:]
        return torch.cat(torch.autograd.grad(sum(output.sin().sum() for output in outputs), verts))

    plain = gradients()
    with accelerate_pytorch3d(compat=True):
        compat = gradients()
    with accelerate_pytorch3d():
        ours = gradients()
    size = float(plain.abs().max())
    assert float((plain - compat).abs().max()) < 1e-5 * size
    assert float((plain - ours).abs().max()) > 1e-3 * size


def test_whole_renderers_give_the_same_pictures(calls):
    meshes, _ = soup(1)
    meshes.textures = renderer.TexturesVertex([v.abs().clamp(0, 1) for v in meshes.verts_list()])
    cameras = renderer.FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 2.0]]))
    settings = renderer.RasterizationSettings(image_size=24, blur_radius=1e-3, faces_per_pixel=5)
    lights = renderer.PointLights(location=[[0.0, 0.0, 3.0]])
    render = renderer.MeshRenderer(
        renderer.MeshRasterizer(cameras, settings), renderer.SoftPhongShader(cameras=cameras, lights=lights)
    )
    expected = render(meshes)
    with accelerate_pytorch3d():
        assert torch.allclose(render(meshes), expected, atol=1e-4)
    assert len(calls) == 1
    assert float(expected[..., :3].std()) > 0.05


def test_undone_cleanly(calls):
    original = module._RasterizeFaceVerts
    meshes, _ = soup()
    outer = accelerate_pytorch3d()
    with pytest.raises(ZeroDivisionError, match="on purpose"), accelerate_pytorch3d(compat=True):
        raise ZeroDivisionError("on purpose")
    rasterize_meshes(meshes, 4)
    assert [call[-1] for call in calls] == [False]
    inner = accelerate_pytorch3d(compat=True)
    outer.undo()
    outer.undo()
    rasterize_meshes(meshes, 4)
    assert [call[-1] for call in calls] == [False, True]
    inner.undo()
    assert module._RasterizeFaceVerts is original
    rasterize_meshes(meshes, 4)
    assert len(calls) == 2


def test_what_pytorch3d_refuses_is_still_refused():
    meshes, verts = soup()
    double = structures.Meshes([v.double() for v in verts], meshes.faces_list())
    with accelerate_pytorch3d():
        with pytest.raises(RuntimeError, match="expected scalar type Float"):
            rasterize_meshes(double, 8)
        with pytest.raises(ValueError, match="bin_size too small"):
            rasterize_meshes(meshes, 64, bin_size=1)
        with pytest.raises(ValueError, match="Image sizes must be greater than 0"):
            rasterize_meshes(meshes, (4, -4))
        with pytest.raises(RuntimeError, match="negative dimension"):
            rasterize_meshes(meshes, 4, faces_per_pixel=-1)


def test_odd_settings_that_pytorch3d_takes():
    meshes, _ = soup()
    cases = ({"faces_per_pixel": 0}, {"faces_per_pixel": 200}, {"blur_radius": -1.0}, {"image_size": 0})
    expected = [rasterize_meshes(meshes, **{"image_size": 7, **case}) for case in cases]
    with accelerate_pytorch3d():
        for case, wanted in zip(cases, expected, strict=True):
            found = rasterize_meshes(meshes, **{"image_size": 7, **case})
            assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
        binned = rasterize_meshes(meshes, 7, bin_size=4, max_faces_per_bin=10)
        assert torch.equal(binned[0], rasterize_meshes(meshes, 7)[0])


def test_batches_with_empty_meshes():
    meshes, _ = soup()
    nothing = torch.zeros(0, 3)
    batch = structures.Meshes([nothing, *meshes.verts_list()], [nothing.long(), *meshes.faces_list()])
    expected = rasterize_meshes(batch, 9)
    with accelerate_pytorch3d():
        found = rasterize_meshes(batch, 9)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_without_pytorch3d():
    code = """
import sys
sys.modules["pytorch3d"] = None
from geolearn.render import accelerate_pytorch3d
accelerate_pytorch3d()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert MissingDependencyError.__name__ in done.stderr
    assert "geolearn3d[render]" in done.stderr
