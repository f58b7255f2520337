"""What a decoder is: any `nn.Module` that maps codes to shapes. `geolearn.fitting.fit_latent` takes every one.

    decoder.code_size                 how many numbers a code has
    decoder(codes (B, code_size))     the shapes of the codes, differentiable in them, either

- a tensor (B, 1, R, R, R) of opacities in [0, 1]: grids [x, y, z] whose corner and cell size are the decoder's `origin`
  and `voxel_size` if it has them, and that fill the unit cube around the world's origin otherwise; or
- a `MeshBatch` of B meshes whose vertices carry the gradient.

Codes are taken to be distributed as the standard normal distribution: fits keep them near zero. `VoxelVAE` and any
network of your own are of the first kind, `PCADecoder` and `SDFDecoder` of the second.
"""

from geolearn.errors import InvalidInputError
from geolearn.typing import Tensor


def check_codes(codes: Tensor, code_size: int) -> None:
    """Refuse anything but (B, code_size)."""
    if codes.ndim != 2 or codes.shape[1] != code_size:
        raise InvalidInputError(f"codes: expected (B, {code_size}), got {tuple(codes.shape)}")
