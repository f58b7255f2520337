"""What decided: which views of a shape, and which pixels in them.

Su et al., ICCV 2015, section 4.3, after Simonyan et al., ICLR workshop 2014: the size of the gradient of a class score
with respect to the pictures.
"""

from typing import NamedTuple

import torch

from geolearn.models import MVCNN
from geolearn.typing import Bool, Float, Int, Tensor


class Saliency(NamedTuple):
    """Attributes:
    pixels: (B, V, H, W), the largest absolute gradient over the channels of each pixel.
    views: (B, V), the share of each view in the sum over all pixels; sums to 1 per shape.
    """

    pixels: Float[Tensor, "B V H W"]
    views: Float[Tensor, "B V"]


def view_saliency(
    model: MVCNN,
    x: Float[Tensor, "B V C H W"],
    label: Int[Tensor, " B"] | None = None,
    mask: Bool[Tensor, "B V"] | None = None,
) -> Saliency:
    """Saliency of every pixel and view for the score (before the softmax) of a class.

    Args:
        label: the classes asked about; by default those that the model gives the highest score.
    """
    training = model.training
    model.eval()
    images = x.detach().requires_grad_()
    with torch.enable_grad():
        scores = model(images, mask)
        asked = scores.argmax(1) if label is None else label
        (gradient,) = torch.autograd.grad(scores.gather(1, asked[:, None]).sum(), images)
    model.train(training)
    pixels = gradient.abs().amax(2)
    views = pixels.sum((2, 3))
    return Saliency(pixels, views / views.sum(1, keepdim=True).clamp(min=torch.finfo(views.dtype).tiny))
