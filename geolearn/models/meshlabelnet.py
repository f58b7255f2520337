"""MeshLabelNet: a convolutional network on the features of one face, laid out as a picture.

Guo, Zou & Chen, "3D mesh labeling via deep convolutional neural networks", ACM TOG 2015: 600 geometric features of a
face as an image of 30 x 20, a CNN that says how probable every label is, and a graph cut over the faces afterwards
(`geolearn.ops.graph_cut`).

    standardise - 30 x 20 - C(16, 3) - P(2) - C(32, 3) - P(2) - FC(128) - FC(K)

Departures: the paper's table of layers is not ours to see, so layers are chosen; the order of features is that of
`geolearn.ops.face_features`, family after family; dropout is put before both dense layers.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from geolearn.errors import InvalidInputError
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.nn.faces import Standardise
from geolearn.typing import Float, Tensor

ROWS, COLUMNS = 30, 20
FEATURES = 128


@MODELS.register("meshlabelnet")
class MeshLabelNet(PretrainedModel):
    """Labels of faces, each from its own 600 features.

    Args:
        num_labels: K.
        widths: channels of the two convolutions.
        dropout: before both dense layers.

    Shape: features (F, 600) -> logits (F, K). What `SurfaceLabelNet` takes beside the features is taken and not used,
    so that the two stand for each other.

    >>> MeshLabelNet(num_labels=4)(torch.rand(10, 600)).shape
    torch.Size([10, 4])
    """

    inputs = "faces"
    classifier, outputs = "fc2", "num_labels"

    def __init__(self, num_labels: int = 8, *, widths: tuple[int, int] = (16, 32), dropout: float = 0.5):
        super().__init__(num_labels=num_labels, widths=widths, dropout=dropout)
        if num_labels < 2:
            raise InvalidInputError(f"num_labels: expected at least 2, got {num_labels}")
        self.standardise = Standardise(ROWS * COLUMNS)
        self.conv1 = nn.Conv2d(1, widths[0], 3, padding=1)
        self.conv2 = nn.Conv2d(widths[0], widths[1], 3, padding=1)
        self.fc1 = nn.Linear(widths[1] * (ROWS // 4) * (COLUMNS // 4), FEATURES)
        self.fc2 = self.new_classifier(FEATURES, num_labels)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        features: Float[Tensor, "F C"],
        functions: Float[Tensor, "F M"] | None = None,
        eigenvalues: Float[Tensor, "B M"] | None = None,
        areas: Float[Tensor, " F"] | None = None,
        faces_per_mesh: Sequence[int] = (),
    ) -> Float[Tensor, "F K"]:
        if features.ndim != 2 or features.shape[1] != ROWS * COLUMNS:
            raise InvalidInputError(f"features: expected (F, {ROWS * COLUMNS}), got {tuple(features.shape)}")
        x = self.standardise(features).reshape(-1, 1, ROWS, COLUMNS)
        x = F.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = F.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = torch.relu(self.fc1(self.dropout(x.flatten(1))))
        return self.fc2(self.dropout(x))
