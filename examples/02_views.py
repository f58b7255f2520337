"""Shapes to pictures to a multi-view network, in under a minute on two cores and without any download.

python examples/02_views.py
"""

import torch

from geolearn.data import Batches, RenderViews, ShapeDataset
from geolearn.models import MVCNN
from geolearn.typing import Tensor


def main(epochs: int = 8) -> float:
    """Teach a pretrained image network the names of procedural shapes; returns its accuracy on shapes it never saw."""
    torch.manual_seed(0)
    render = RenderViews("mvcnn12", 64, fit="sphere")  # twelve cameras around the upright shape
    train = ShapeDataset("procedural", "train", count=195, representation=render).packed()
    test = ShapeDataset("procedural", "test", count=104, representation=render).packed()

    net = MVCNN(len(train.classes), backbone="tf_efficientnet_lite0", pretrained="offline", pool_at="conv").eval()
    net.freeze("conv")  # only the classifier learns, so what the rest makes of every view is computed once
    seen, unseen = (
        torch.cat([described(net, batch.data) for batch in Batches(split, 16, shuffle=False)])
        for split in (train, test)
    )
    optimiser = torch.optim.AdamW(net.fc.parameters(), lr=3e-3)
    for epoch in range(epochs):
        for index in torch.randperm(len(train)).split(16):
            some = torch.randperm(train.views)[:6]  # other views of a shape each time
            loss = torch.nn.functional.cross_entropy(net(seen[index][:, some], start="conv"), train.targets[index])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}")

    accuracy = 0.0
    for views in (1, 3, 12):  # any number of views will do
        with torch.no_grad():
            predictions = net(unseen[:, :: train.views // views], start="conv").argmax(1)
        accuracy = 100 * (predictions == test.targets).float().mean().item()
        print(f"{views} views: {accuracy:.1f} % of {len(test)} unseen shapes of {len(test.classes)} classes")
    return accuracy


@torch.no_grad()
def described(net: MVCNN, images: Tensor) -> Tensor:
    """(B, V, C, H, W) pictures -> what the network makes of each view up to its last convolution."""
    return net.activations(images, "conv")


if __name__ == "__main__":
    main()
