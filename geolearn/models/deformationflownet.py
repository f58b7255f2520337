"""DeformationFlowNet: a voxelized shape and the attributes to change, to the flow that changes them.

Yumer & Mitra, "Learning Semantic Deformation Flows with 3D Convolutional Networks", ECCV 2016: an encoder and a decoder
of 3D convolutions with skips between them, the intention in the middle, a displacement for every voxel at the end. The
flow is a free-form deformation lattice with its nodes at the voxel centres (`geolearn.ops.deform_by_lattice`): it moves
the original mesh, so detail finer than a voxel survives.

    grid R^3, 2^3 cells folded into channels, and the coordinates of the cells -> VoxelUNet at R/2 -> unfolded to R^3

`DeformedVolumeNet` has the same trunk and predicts the occupancy of the deformed shape instead: the comparison in the
paper.

Departures. Layer sizes are not published; these are ours. With `mixing="middle"` the intention enters by a scale and a
shift of the coarsest features (`VoxelUNet`) and not by a fully connected layer. With `mixing="linear"`, the default,
the network gives one velocity field per attribute, and the flow is their sum weighted by the intention:

    u(p) = sum_k amount_k v_k(p; grid)

So the flow is exactly linear in the amounts and additive over attributes, as the true motions are
(`geolearn.data.deformations`); one shape teaches all its attributes at once, and one evaluation of the network answers
every intention.
"""

import torch
from torch import nn

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.nn.unet import VoxelUNet
from geolearn.nn.voxel import DepthToSpace3d, SpaceToDepth3d
from geolearn.typing import Float, Tensor

MIXINGS = ("linear", "middle")
WIDTHS, TRACK = (24, 48, 96), 64
FOLD = 2  # cells a side that become channels: an eighth of the positions to convolve at


@MODELS.register("deformationflownet")
class DeformationFlowNet(PretrainedModel):
    """Grid and intention to flow: (B, 1, R, R, R) and (B, K) -> (B, 3, R, R, R), in cells.

    A grid holds 1 where the shape is, 0 where it is not and 0.5 where that is unknown (a depth scan). The shape stands
    upright (Z) and faces -Y, as `geolearn.data.deformations` has them; the longest side of its box fills R minus the
    padding of the training data. An intention of zeros gives a flow of zeros.

    Args:
        num_attributes: K.
        resolution: R, a multiple of 8.
        skip: join encoder and decoder at every level.
        mixing: "linear" or "middle", see the text of the module.
        widths: channels of the U-Net at R/2, R/4, ...
        track_size: of its global track.

    Attributes:
        motion: (K,), how far surface points move on average for an amount of 1, in cells; the network's output is in
            units of it. Ones, until training sets it.

    >>> net = DeformationFlowNet(2).eval()
    >>> net(torch.zeros(1, 1, 32, 32, 32), torch.tensor([[0.5, 0.0]])).shape
    torch.Size([1, 3, 32, 32, 32])
    """

    inputs = "deformations"
    motion: Tensor

    def __init__(
        self,
        num_attributes: int,
        resolution: int = 32,
        skip: bool = True,
        *,
        mixing: str = "linear",
        widths: tuple[int, ...] = WIDTHS,
        track_size: int = TRACK,
    ):
        super().__init__(
            num_attributes=num_attributes,
            resolution=resolution,
            skip=skip,
            mixing=mixing,
            widths=widths,
            track_size=track_size,
        )
        if mixing not in MIXINGS:
            raise unknown_name("mixing", mixing, MIXINGS)
        self.num_attributes, self.resolution, self.mixing = num_attributes, resolution, mixing
        linear = mixing == "linear"
        self.trunk = _Trunk(
            3 * num_attributes if linear else 3,
            0 if linear else num_attributes,
            num_attributes,
            resolution,
            skip,
            widths,
            track_size,
        )
        self.register_buffer("motion", torch.ones(num_attributes))

    def velocities(self, grid: Float[Tensor, "B 1 R R R"]) -> Float[Tensor, "B K 3 R R R"]:
        """The flow of every attribute for an amount of 1, in cells; with `mixing="linear"` only.

        Raises:
            InvalidInputError: another resolution, or mixing in the middle.
        """
        if self.mixing != "linear":
            raise InvalidInputError(
                "velocities: with mixing='middle' the flow is not linear in the intention; call the net"
            )
        fields = self.trunk(grid, None).float()
        size = self.resolution
        fields = fields.view(len(grid), self.num_attributes, 3, size, size, size)
        return fields * self.motion[:, None, None, None, None]

    def forward(self, grid: Float[Tensor, "B 1 R R R"], intention: Float[Tensor, "B K"]) -> Float[Tensor, "B 3 R R R"]:
        check_intention(intention, len(grid), self.num_attributes)
        if self.mixing == "linear":
            return torch.einsum("bk,bkcxyz->bcxyz", intention, self.velocities(grid))
        flow = self.trunk(grid, intention).float() * self.motion.mean()
        return flow * (intention != 0).any(1)[:, None, None, None, None]


@MODELS.register("deformedvolumenet")
class DeformedVolumeNet(PretrainedModel):
    """Grid and intention to the deformed volume: (B, 1, R, R, R) and (B, K) -> logits of occupancy (B, 1, R, R, R).

    The trunk of `DeformationFlowNet(mixing="middle")`. Arguments as there.
    """

    inputs = "deformations"

    def __init__(
        self,
        num_attributes: int,
        resolution: int = 32,
        skip: bool = True,
        *,
        widths: tuple[int, ...] = WIDTHS,
        track_size: int = TRACK,
    ):
        super().__init__(
            num_attributes=num_attributes, resolution=resolution, skip=skip, widths=widths, track_size=track_size
        )
        self.num_attributes, self.resolution = num_attributes, resolution
        self.trunk = _Trunk(1, num_attributes, num_attributes, resolution, skip, widths, track_size)

    def forward(self, grid: Float[Tensor, "B 1 R R R"], intention: Float[Tensor, "B K"]) -> Float[Tensor, "B 1 R R R"]:
        check_intention(intention, len(grid), self.num_attributes)
        return self.trunk(grid, intention).float()


class _Trunk(nn.Module):
    """Fold, add coordinates, U-Net, unfold."""

    coordinates: Tensor

    def __init__(
        self,
        channels: int,
        condition_size: int,
        num_attributes: int,
        resolution: int,
        skip: bool,
        widths: tuple[int, ...],
        track_size: int,
    ):
        super().__init__()
        if num_attributes < 1:
            raise InvalidInputError(f"num_attributes: expected at least 1, got {num_attributes}")
        factor = FOLD * 2 ** (len(widths) - 1)
        if resolution < factor or resolution % factor:
            raise InvalidInputError(
                f"resolution: expected a multiple of {factor} with {len(widths)} widths, got {resolution}"
            )
        self.resolution = resolution
        self.fold, self.unfold = SpaceToDepth3d(FOLD), DepthToSpace3d(FOLD)
        self.unet = VoxelUNet(
            FOLD**3 + 3, FOLD**3 * channels, widths, skip=skip, condition_size=condition_size, track_size=track_size
        )
        nn.init.normal_(self.unet.end.weight, std=0.02)  # begin with hardly any motion
        nn.init.zeros_(self.unet.end.bias)  # type: ignore[arg-type]
        count = resolution // FOLD
        steps = 2 * (torch.arange(count) + 0.5) / count - 1
        places = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"))[None]
        self.register_buffer("coordinates", places, persistent=False)

    def forward(self, grid: Tensor, condition: Tensor | None) -> Tensor:
        size = self.resolution
        if grid.shape[1:] != (1, size, size, size):
            raise InvalidInputError(f"grid: expected (B, 1, {size}, {size}, {size}), got {tuple(grid.shape)}")
        places = self.coordinates.to(grid).expand(len(grid), -1, -1, -1, -1)
        return self.unfold(self.unet(torch.cat([self.fold(2 * grid - 1), places], 1), condition))


def check_intention(intention: Tensor, batch: int, num_attributes: int) -> None:
    """Refuse anything but one amount per attribute and sample."""
    if intention.shape != (batch, num_attributes):
        raise InvalidInputError(
            f"intention: expected ({batch}, {num_attributes}), an amount for each attribute, "
            f"got {tuple(intention.shape)}"
        )
