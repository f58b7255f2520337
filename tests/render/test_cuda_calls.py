"""Tensors on CUDA go to PyTorch3D, with all arguments in place. CPU tensors that say they were on CUDA stand in."""

import pytest
import torch
from raster_scenes import Dice

from geolearn.render import accelerate_pytorch3d, rasterize_meshes
from geolearn.render.rasterizer import RasterizeFaces

structures = pytest.importorskip("pytorch3d.structures")
module = pytest.importorskip("pytorch3d.renderer.mesh.rasterize_meshes")

SETTINGS = {
    "image_size": (14, 23), "blur_radius": 1e-3, "faces_per_pixel": 5, "bin_size": 0, "max_faces_per_bin": 7,
    "perspective_correct": True, "clip_barycentric_coords": True, "cull_backfaces": True, "z_clip_value": 0.4,
}  # fmt: skip


class OnCuda(torch.Tensor):
    @property
    def is_cuda(self):
        return True


class Pretending(structures.Meshes):
    """Meshes whose packed vertices say that they are on CUDA until PyTorch3D has them."""

    asked = 0

    def verts_packed(self):
        self.asked += 1
        verts = super().verts_packed()
        return verts.as_subclass(OnCuda) if self.asked == 1 else verts


@pytest.fixture
def ours_is_forbidden(monkeypatch):
    def refuse(*_):
        raise AssertionError("our kernels were called")

    monkeypatch.setattr(RasterizeFaces, "apply", refuse)


def soup():
    dice = Dice(4)
    corners = torch.cat([2 * dice.floats(20, 3, 2) - 1, 0.1 + dice.floats(20, 3, 1)], 2).reshape(-1, 3)
    return [corners[:24], corners[24:]], [torch.arange(24).reshape(-1, 3), torch.arange(36).reshape(-1, 3)]


@pytest.mark.usefixtures("ours_is_forbidden")
def test_rasterize_meshes_hands_everything_on():
    expected = module.rasterize_meshes(structures.Meshes(*soup()), **SETTINGS)
    found = rasterize_meshes(Pretending(*soup()), **SETTINGS)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert int((found[0] >= 0).sum()) > 50


@pytest.mark.usefixtures("ours_is_forbidden")
def test_acceleration_leaves_other_devices_alone(monkeypatch):
    calls, result = [], tuple(torch.zeros(1) for _ in range(4))

    class Original:
        @staticmethod
        def apply(*arguments):
            calls.append(arguments)
            return result

    monkeypatch.setattr(module, "_RasterizeFaceVerts", Original)
    verts = torch.zeros(2, 3, 3, device="meta")
    arguments = (verts, torch.zeros(1), torch.ones(1), torch.zeros(2), (8, 8), 0.1, 3, 16, 40, True, False, True)
    with accelerate_pytorch3d():
        assert module._RasterizeFaceVerts.apply(*arguments) is result
    assert calls == [arguments]
    assert module._RasterizeFaceVerts is Original
