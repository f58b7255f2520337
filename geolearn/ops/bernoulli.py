"""Samples of binary units."""

import numpy as np
import torch

from geolearn.typing import Float, Tensor


def sample_bernoulli(
    probabilities: Float[Tensor, "*N"], generator: torch.Generator | None = None, *, dtype: torch.dtype | None = None
) -> Float[Tensor, "*N"]:
    """1 with the given probabilities, else 0, each element by itself.

    On the CPU the generator gives one seed for all, and a kernel some 2^-24 fine uniform numbers by counting: the same
    for any number of threads, and much faster than `torch.bernoulli`.

    Args:
        probabilities: in [0, 1]; beyond, as the nearer of both.
        generator: on the device of `probabilities`; None is torch's own.
        dtype: of the samples, by default that of `probabilities`. bfloat16 and float32 cost no copy.

    Example:
        >>> sample_bernoulli(torch.tensor([0.0, 1.0, 1.0]))
        tensor([0., 1., 1.])
    """
    dtype = dtype or probabilities.dtype
    if probabilities.is_cuda or torch.compiler.is_compiling():
        return torch.bernoulli(probabilities.clamp(0, 1), generator=generator).to(dtype)
    from geolearn.kernels.bernoulli import toss  # late: Numba takes a while to import

    seed = np.uint64(int(torch.randint(0, 1 << 62, (), generator=generator)))
    values = probabilities.detach().float().contiguous()
    half = dtype == torch.bfloat16
    samples = torch.empty(values.shape, dtype=torch.bfloat16 if half else torch.float32)
    flat = samples.view(-1)
    written = flat.view(torch.int16).numpy().view(np.uint16) if half else flat.numpy()
    toss(values.view(-1).numpy(), seed, np.uint16(0x3F80) if half else np.float32(1), written)  # the bits of 1.0
    return samples.to(dtype)
