"""The shapes that a decoder gives, checked against its contract (`geolearn.models.decoders`), and their silhouettes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.fitting.grid_fit import PIXELS_PER_CELL, grid_metrics, rays_through, thickness_of
from geolearn.fitting.metrics import silhouette_iou
from geolearn.fitting.silhouette_batch import SilhouetteBatch
from geolearn.render import render_silhouette
from geolearn.structures import Mesh, MeshBatch, VoxelGrid
from geolearn.typing import Float, Tensor

LONGEST_FOR_MESHES = 128  # pixels; larger masks are averaged down


@contextmanager
def evaluation_mode(decoder: nn.Module) -> Iterator[None]:
    """The decoder in evaluation mode, and back."""
    before = decoder.training
    decoder.eval()
    try:
        yield
    finally:
        decoder.train(before)


def size_of_codes(decoder: nn.Module) -> int:
    """`decoder.code_size`.

    Raises:
        InvalidInputError: it has none, or lies on another device than the CPU.
    """
    code_size = getattr(decoder, "code_size", None)
    if not isinstance(code_size, int) or code_size < 1:
        raise InvalidInputError(
            f"decoder: expected a module with an attribute `code_size` >= 1, got {type(decoder).__name__} with "
            f"{code_size}; see geolearn.models.decoders"
        )
    if any(weight.device.type != "cpu" for weight in decoder.parameters()):
        raise InvalidInputError("decoder: fits run on the CPU; move it there with decoder.cpu()")
    return code_size


def decode_shapes(decoder: nn.Module, codes: Float[Tensor, "B D"]) -> Tensor | MeshBatch:
    """Decode codes into shapes.

    Raises:
        InvalidInputError: neither opacities (B, 1, R, R, R) nor B meshes.
    """
    shapes = decoder(codes)
    if isinstance(shapes, MeshBatch) and len(shapes) == len(codes):
        return shapes
    if isinstance(shapes, Tensor):
        side = shapes.shape[-1] if shapes.ndim else 0
        if tuple(shapes.shape) == (len(codes), 1, side, side, side):
            return shapes
    got = tuple(shapes.shape) if isinstance(shapes, Tensor) else type(shapes).__name__
    raise InvalidInputError(
        f"decoder: expected opacities ({len(codes)}, 1, R, R, R) or a MeshBatch of {len(codes)}, got {got}"
    )


class DecodedGrids:
    """Decoded opacities, drawn as solid cells.

    Attributes:
        longest: pixels of the masks that they are compared with.
    """

    def __init__(self, decoder: nn.Module, example: Tensor):
        low, high = (float(bound) for bound in example.aminmax())
        if not 0 <= low <= high <= 1:  # NaN is in no order
            raise InvalidInputError(
                f"decoder: expected opacities in [0, 1], got {low:g}..{high:g}; pass logits through a sigmoid"
            )
        self.resolution = example.shape[-1]
        self.voxel_size = float(getattr(decoder, "voxel_size", 1 / self.resolution))
        corner = (-self.voxel_size * self.resolution / 2,) * 3
        self.origin = torch.as_tensor(getattr(decoder, "origin", corner), dtype=torch.float32).cpu()
        self.longest = PIXELS_PER_CELL * self.resolution

    def see(self, batch: SilhouetteBatch) -> None:
        """Take these masks and cameras."""
        self.batch, self.rays = batch, rays_through(batch.cameras, self.resolution, self.origin, self.voxel_size)

    def draw_silhouettes(self, shapes: Tensor, views: list[int], softness: float) -> Float[Tensor, "B V H W"]:
        """Silhouettes; cells have no softness to choose."""
        return self.rays.silhouettes(thickness_of(shapes.float()), views)

    def outcome(self, shapes: Tensor, number: int) -> tuple[VoxelGrid, dict[str, float]]:
        """Shape `number` of the batch and the agreement of its silhouettes."""
        one = shapes[number, None].float()
        metrics = grid_metrics(thickness_of(one), self.batch.masks[number, None], self.rays)
        return VoxelGrid(one[0, 0], self.origin, self.voxel_size), metrics


class DecodedMeshes:
    """Decoded meshes, drawn by soft silhouettes. Attributes as of `DecodedGrids`."""

    longest = LONGEST_FOR_MESHES

    def see(self, batch: SilhouetteBatch) -> None:
        self.batch = batch

    @torch.autocast("cpu", enabled=False)
    def draw_silhouettes(self, shapes: MeshBatch, views: list[int], softness: float) -> Float[Tensor, "B V H W"]:
        """Silhouettes whose edges are sqrt(softness) pixels soft."""
        sigma = softness * (2 / min(self.batch.size)) ** 2
        return render_silhouette(shapes, self.batch.cameras[views], sigma=sigma)

    @torch.autocast("cpu", enabled=False)
    def outcome(self, shapes: MeshBatch, number: int) -> tuple[Mesh, dict[str, float]]:
        mesh = shapes.unbind()[number]
        return mesh, silhouette_iou(mesh, self.batch.masks[number], self.batch.cameras)
