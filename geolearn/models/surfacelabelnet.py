"""SurfaceLabelNet: a network on the surface itself, fed with the 600 geometric features of every face.

Own design: blocks of learned heat diffusion (Sharp et al., "DiffusionNet", ACM TOG 2022) on faces in place of vertices,

    standardise - dropout - FC(W) - blocks of [diffusion beside its input - norm - FC(2W) - gelu - FC(W), residual]
    - norm - FC(K)

so that a face is labelled by its own features and by what is around it, near and far. Departures from DiffusionNet:
the input is features of the surface's shape in space instead of positions or heat kernel signatures, and there are no
gradient features; dense layers see the diffused beside the undiffused channels, normalised.
"""

from collections.abc import Sequence

from torch import nn

from geolearn.errors import InvalidInputError
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.nn.faces import FaceBlock, Standardise
from geolearn.typing import Float, Tensor


@MODELS.register("surfacelabelnet")
class SurfaceLabelNet(PretrainedModel):
    """Labels of the faces of whole meshes.

    Args:
        num_labels: K.
        features: of every face.
        width: W, channels inside.
        blocks: how many.
        dropout: of the features, and of every block's result.

    Shape: features (F, 600) of all faces of B meshes, their spectra (`geolearn.ops.face_spectrum`: functions (F, M),
    eigenvalues (B, M), areas (F,)) and the faces of each mesh -> logits (F, K). A part of a mesh's faces may be
    given, such as a random sample; areas are then scaled up by the share that is left out.

    >>> import torch
    >>> waves, values, areas = torch.rand(10, 6), torch.zeros(2, 6), torch.full((10,), 0.2)
    >>> SurfaceLabelNet(num_labels=4)(torch.rand(10, 600), waves, values, areas, [5, 5]).shape
    torch.Size([10, 4])
    """

    inputs = "faces"
    classifier, outputs = "leave", "num_labels"

    def __init__(
        self,
        num_labels: int = 8,
        *,
        features: int = 600,
        width: int = 64,
        blocks: int = 4,
        dropout: tuple[float, float] = (0.3, 0.2),
    ):
        super().__init__(num_labels=num_labels, features=features, width=width, blocks=blocks, dropout=dropout)
        if num_labels < 2 or features < 1 or width < 1 or blocks < 0:
            raise InvalidInputError(
                "expected num_labels >= 2, features and width >= 1, blocks >= 0, got "
                f"{num_labels}, {features}, {width} and {blocks}"
            )
        self.standardise = Standardise(features)
        self.dropout = nn.Dropout(dropout[0])
        self.enter = nn.Linear(features, width)
        self.blocks = nn.ModuleList(FaceBlock(width, dropout[1]) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.leave = self.new_classifier(width, num_labels)

    def forward(
        self,
        features: Float[Tensor, "F C"],
        functions: Float[Tensor, "F M"],
        eigenvalues: Float[Tensor, "B M"],
        areas: Float[Tensor, " F"],
        faces_per_mesh: Sequence[int],
    ) -> Float[Tensor, "F K"]:
        if features.ndim != 2 or features.shape[1] != self.enter.in_features:
            raise InvalidInputError(f"features: expected (F, {self.enter.in_features}), got {tuple(features.shape)}")
        if sum(faces_per_mesh) != len(features) or len(faces_per_mesh) != len(eigenvalues):
            raise InvalidInputError(
                f"faces_per_mesh: expected {len(eigenvalues)} counts that sum to {len(features)}, got "
                f"{list(faces_per_mesh)}"
            )
        x = self.enter(self.dropout(self.standardise(features)))
        for block in self.blocks:
            x = block(x, functions, eigenvalues, areas, faces_per_mesh)
        return self.leave(self.norm(x))
