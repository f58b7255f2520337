"""The prior on the codes of a learned decoder."""

from geolearn.errors import InvalidInputError
from geolearn.typing import Float, Tensor


def code_prior_loss(codes: Float[Tensor, "*B D"], deviation: float = 1.0) -> Float[Tensor, ""]:
    """Minus the log-density of codes under a normal distribution, up to a constant, averaged over codes and entries.

        mean(z^2) / (2 deviation^2)

    Source: Park et al., "DeepSDF", CVPR 2019, section 4 (there summed over the entries). The mean makes one weight fit
    codes of all sizes.

    Args:
        codes: (..., D), at least one.
        deviation: standard deviation of the entries, > 0.

    Raises:
        InvalidInputError: no codes, or a deviation <= 0.
    """
    if codes.numel() == 0 or not deviation > 0:
        raise InvalidInputError(
            f"codes, deviation: expected at least one code and a deviation > 0, got shape {tuple(codes.shape)} and "
            f"{deviation}"
        )
    return codes.square().mean() / (2 * deviation**2)
