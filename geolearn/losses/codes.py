"""The prior on the codes of a learned decoder, and how far a distribution of codes is from it."""

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

    >>> import torch
    >>> code_prior_loss(torch.tensor([[1.0, 3.0]]))  # (1 + 9) / 2 entries / 2
    tensor(2.5000)
    """
    if codes.numel() == 0 or not deviation > 0:
        raise InvalidInputError(
            f"codes, deviation: expected at least one code and a deviation > 0, got shape {tuple(codes.shape)} and "
            f"{deviation}"
        )
    return codes.square().mean() / (2 * deviation**2)


def code_divergence_loss(mean: Float[Tensor, "B D"], log_variance: Float[Tensor, "B D"]) -> Float[Tensor, ""]:
    """Kullback-Leibler divergence of normal distributions of codes from the standard one, in nats per code.

        1/B sum_b 1/2 sum_d (m_bd^2 + s_bd^2 - 1 - log s_bd^2)

    Source: Kingma & Welling, "Auto-Encoding Variational Bayes", ICLR 2014, appendix B.

    Args:
        mean, log_variance: m and log s^2, at least one code.

    Raises:
        InvalidInputError: no codes, or two shapes.

    >>> import torch
    >>> code_divergence_loss(torch.ones(1, 2), torch.zeros(1, 2))  # as wide as the prior, 1 off in each entry
    tensor(1.)
    """
    if mean.shape != log_variance.shape or mean.numel() == 0:
        raise InvalidInputError(
            "mean, log_variance: expected one shape with at least one value, got "
            f"{tuple(mean.shape)} and {tuple(log_variance.shape)}"
        )
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum() / (2 * len(mean))
