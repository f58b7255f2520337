"""Make an existing PyTorch3D program rasterize on our CPU kernels: `accelerate_pytorch3d`."""

import threading
from types import TracebackType
from typing import Any

import torch

from geolearn._optional import require
from geolearn.render.rasterizer import MAX_SIDE, RasterizeFaces
from geolearn.typing import Tensor

# The class that all of PyTorch3D's wrappers look up at every call, so it is the only thing to replace.
REPLACED = "_RasterizeFaceVerts"

_lock = threading.Lock()
_active: "list[Acceleration]" = []


def accelerate_pytorch3d(*, compat: bool = False) -> "Acceleration":
    """From now on, PyTorch3D's mesh rasterizer runs our kernels for float32 tensors on CPU.

    One line anywhere in a program is enough. `rasterize_meshes`, `MeshRasterizer` and everything that uses them
    (`MeshRenderer`, all shaders) find the same hits in a fraction of the time, and their gradients are those of
    `geolearn.render.rasterize_meshes`. CUDA tensors take PyTorch3D's own way.

        accelerate_pytorch3d()              # for the rest of the program
        with accelerate_pytorch3d(): ...    # for a while; `.undo()` on the result does the same by hand

    Two differences remain: faces with NaN or infinite corners are dropped, where PyTorch3D writes NaN into the image,
    and `bin_size > 0` is accepted, where PyTorch3D raises on CPU. Calls may be nested and undone in any order;
    PyTorch3D is itself again when all are undone. Of several, the latest that is active decides about `compat`.

    Args:
        compat: reproduce PyTorch3D's gradients, see `rasterize_meshes`.

    Raises:
        MissingDependencyError: PyTorch3D is not installed (extra `render`).

    >>> with accelerate_pytorch3d() as acceleration:
    ...     acceleration.compat
    False
    """
    acceleration = Acceleration(compat)
    module = _pytorch3d()
    with _lock:
        _active.append(acceleration)
        if len(_active) == 1:
            setattr(module, REPLACED, _RasterizeOnCpu(getattr(module, REPLACED)))
    return acceleration


class Acceleration:
    """One active `accelerate_pytorch3d()`: a context manager, or call `undo`."""

    def __init__(self, compat: bool):
        self.compat = compat

    def undo(self) -> None:
        """Leave PyTorch3D as before this call. A second time does nothing."""
        module = _pytorch3d()
        with _lock:
            if self in _active:
                _active.remove(self)
                if not _active:
                    setattr(module, REPLACED, getattr(module, REPLACED).original)

    def __enter__(self) -> "Acceleration":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()


class _RasterizeOnCpu:
    """Stands in for PyTorch3D's autograd function; what is not float32 on CPU goes to the original."""

    def __init__(self, original: Any):
        self.original = original

    def apply(
        self,
        face_verts: Tensor,
        first_face: Tensor,
        faces_per_mesh: Tensor,
        siblings: Tensor,
        image_size: tuple[int, int],
        blur_radius: float,
        faces_per_pixel: int,
        bin_size: int,
        max_faces_per_bin: int,
        *flags: bool,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        arguments = (face_verts, first_face, faces_per_mesh, siblings, image_size, blur_radius, faces_per_pixel)
        if face_verts.device.type != "cpu" or face_verts.dtype != torch.float32 or max(image_size) > MAX_SIDE:
            return self.original.apply(*arguments, bin_size, max_faces_per_bin, *flags)
        compat = bool(_active) and _active[-1].compat
        return RasterizeFaces.apply(*arguments, *(bool(flag) for flag in flags), compat)  # type: ignore[return-value]


def _pytorch3d() -> Any:
    """The module, whose name its package also gives to a function."""
    return require("pytorch3d.renderer.mesh.rasterize_meshes", extra="render")
