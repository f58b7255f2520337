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

from typing import Literal, get_args

import torch
from torch import nn

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.models.doors import as_grids
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.nn.unet import VoxelUNet
from geolearn.nn.voxel import DepthToSpace3d, SpaceToDepth3d
from geolearn.typing import Float, Int, Shaped, Tensor

Mixing = Literal["linear", "middle"]
MIXINGS: tuple[Mixing, ...] = get_args(Mixing)
WIDTHS, TRACK = (24, 48, 96), 64
SURE = 4.0  # log-odds of a cell that is given
FOLD = 2  # cells a side that become channels: an eighth of the positions to convolve at


@MODELS.register("deformationflownet")
class DeformationFlowNet(PretrainedModel):
    """Grid and intention to flow: (B, 1, R, R, R) and (B, K) -> (B, 3, R, R, R), in cells.

    A grid holds 1 where the shape is, 0 where it is not and 0.5 where that is unknown (a depth scan). The shape stands
    upright (Z) and faces -Y, as `geolearn.data.deformations` has them; the longest side of its box fills
    R - 2 * padding cells. An intention of zeros gives a flow of zeros.

    Args:
        num_attributes: K.
        resolution: R, a multiple of 8.
        skip: join encoder and decoder at every level.
        mixing: "linear" or "middle", see the text of the module.
        widths: channels of the U-Net at R/2, R/4, ...
        track_size: of its global track.
        kinds: F, of shapes whose codes are known, see `Familiarity`.
        padding: empty cells on every side of the shapes that it learns from.

    Attributes:
        kind_means, kind_spreads: (F, D), and kind_usual: (F,), of their codes.
        motion: (K,), how far surface points move on average for an amount of 1, in cells; the network's output is in
            units of it. Ones, until training sets it.

    >>> net = DeformationFlowNet(2).eval()
    >>> net(torch.zeros(1, 1, 32, 32, 32), torch.tensor([[0.5, 0.0]])).shape
    torch.Size([1, 3, 32, 32, 32])
    """

    inputs = "deformations"
    motion: Tensor
    kind_means: Tensor
    kind_spreads: Tensor
    kind_usual: Tensor

    def __init__(
        self,
        num_attributes: int,
        resolution: int = 32,
        skip: bool = True,
        *,
        mixing: Mixing = "linear",
        widths: tuple[int, ...] = WIDTHS,
        track_size: int = TRACK,
        kinds: int = 0,
        padding: int = 4,
    ):
        super().__init__(
            num_attributes=num_attributes,
            resolution=resolution,
            skip=skip,
            mixing=mixing,
            widths=widths,
            track_size=track_size,
            kinds=kinds,
            padding=padding,
        )
        if mixing not in MIXINGS:
            raise unknown_name("mixing", mixing, MIXINGS)
        if not 0 <= 2 * padding < resolution:
            raise InvalidInputError(f"padding: expected 0 to less than half of {resolution}, got {padding}")
        self.num_attributes, self.resolution, self.mixing, self.padding = num_attributes, resolution, mixing, padding
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
        self.register_buffer("kind_means", torch.zeros(kinds, widths[-1]))
        self.register_buffer("kind_spreads", torch.ones(kinds, widths[-1]))
        self.register_buffer("kind_usual", torch.ones(kinds))

    def code(self, grid: Shaped[Tensor, "B 1 R R R"]) -> Float[Tensor, "B D"]:
        """What the encoder makes of a grid, D = widths[-1] numbers that tell kinds of shapes apart."""
        return self.trunk.unet.code(self.trunk.folded(grid)).float()

    def velocities(self, grid: Shaped[Tensor, "B 1 R R R"]) -> Float[Tensor, "B K 3 R R R"]:
        """The flow of every attribute for an amount of 1, in cells; with `mixing="linear"` only.

        Raises:
            InvalidInputError: another resolution, or mixing in the middle.
        """
        self._check_linear()
        fields = self.trunk(grid, None).float()
        size = self.resolution
        fields = fields.view(len(grid), self.num_attributes, 3, size, size, size)
        return fields * self.motion[:, None, None, None, None]

    def velocities_in_blocks(
        self, grid: Shaped[Tensor, "B 1 R R R"], blocks: Int[Tensor, "B S"], rows: Int[Tensor, "B M"]
    ) -> Float[Tensor, "B M S 8 3"]:
        """`velocities` of some attributes of each sample in some blocks of 2^3 voxels: what a training needs of them.

        Args:
            blocks: flat places in the grid of (R/2)^3 blocks. Voxels of a block come with z fastest.
            rows: attributes; of a -1 the first comes instead.
        """
        self._check_linear()
        rows = rows.clamp(min=0)
        features = self.trunk.features_in_blocks(grid, None, blocks)
        end = self.trunk.unet.end
        weight = end.weight.view(self.num_attributes, 3 * FOLD**3, -1)[rows]  # (B, M, 24, C)
        bias = end.bias.view(self.num_attributes, 3 * FOLD**3)[rows]  # type: ignore[union-attr]
        fields = torch.einsum("bsc,bmoc->bmso", features, weight.to(features)).float() + bias[:, :, None]
        return fields.unflatten(3, (3, -1)).transpose(3, 4) * self.motion[rows][:, :, None, None, None]

    def flow_in_blocks(
        self, grid: Shaped[Tensor, "B 1 R R R"], intention: Float[Tensor, "B K"], blocks: Int[Tensor, "B S"]
    ) -> Float[Tensor, "B S 8 3"]:
        """`forward` in some blocks, see `velocities_in_blocks`; with `mixing="middle"` only."""
        if self.mixing != "middle":
            raise InvalidInputError("flow_in_blocks: with mixing='linear' ask for velocities_in_blocks")
        features = self.trunk.features_in_blocks(grid, intention, blocks)
        end = self.trunk.unet.end
        fields = nn.functional.linear(features, end.weight.flatten(1), end.bias).float()
        return fields.unflatten(2, (3, -1)).transpose(2, 3) * self.motion.mean()

    def _check_linear(self) -> None:
        if self.mixing != "linear":
            raise InvalidInputError(
                "velocities: with mixing='middle' the flow is not linear in the intention; call the net"
            )

    def forward(self, grid: Shaped[Tensor, "B 1 R R R"], intention: Float[Tensor, "B K"]) -> Float[Tensor, "B 3 R R R"]:
        check_intention(intention, len(grid), self.num_attributes)
        if self.mixing == "linear":
            return torch.einsum("bk,bkcxyz->bcxyz", intention, self.velocities(grid))
        flow = self.trunk(grid, intention).float() * self.motion.mean()
        return flow * (intention != 0).any(1)[:, None, None, None, None]


@MODELS.register("deformedvolumenet")
class DeformedVolumeNet(PretrainedModel):
    """Grid and intention to the deformed volume: (B, 1, R, R, R) and (B, K) -> logits of occupancy (B, 1, R, R, R).

    The trunk of `DeformationFlowNet(mixing="middle")`, whose output is added to the grid's own logits, +-4 and 0 where
    it is unknown: the network learns what changes. Arguments as there.

    >>> net = DeformedVolumeNet(2, 16, widths=(4, 8)).eval()
    >>> net(torch.zeros(1, 1, 16, 16, 16), torch.tensor([[0.5, 0.0]])).shape
    torch.Size([1, 1, 16, 16, 16])
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

    def forward(self, grid: Shaped[Tensor, "B 1 R R R"], intention: Float[Tensor, "B K"]) -> Float[Tensor, "B 1 R R R"]:
        check_intention(intention, len(grid), self.num_attributes)
        return self.trunk(grid, intention).float() + SURE * (2 * grid.float() - 1)


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
        return self.unfold(self.unet(self.folded(grid), condition))

    def features_in_blocks(self, grid: Tensor, condition: Tensor | None, blocks: Tensor) -> Tensor:
        """What the last convolution sees at some places of the folded grid: (B, S, C)."""
        features = self.unet.features(self.folded(grid), condition).permute(0, 2, 3, 4, 1).flatten(1, 3)
        return features[torch.arange(len(grid), device=grid.device)[:, None], blocks]

    def folded(self, grid: Tensor) -> Tensor:
        """What the U-Net sees: (B, 8 + 3, R/2, R/2, R/2)."""
        grid = as_grids(grid, 1, self.resolution, self.unet.end.weight.dtype, "grid")
        places = self.coordinates.to(grid).expand(len(grid), -1, -1, -1, -1)
        return torch.cat([self.fold(2 * grid - 1), places], 1)


def check_intention(intention: Tensor, batch: int, num_attributes: int) -> None:
    """Refuse anything but one amount per attribute and sample."""
    if intention.shape != (batch, num_attributes):
        raise InvalidInputError(
            f"intention: expected ({batch}, {num_attributes}), an amount for each attribute, "
            f"got {tuple(intention.shape)}"
        )
