"""PCADecoder: a linear basis of registered meshes, the classic prior on shapes with one topology.

Cootes et al., "Active Shape Models - Their Training and Application", CVIU 1995; for meshes Blanz & Vetter, "A
Morphable Model For The Synthesis Of 3D Faces", SIGGRAPH 1999:

    verts(z) = mean + sum_d z_d s_d b_d

with the principal directions b_d of N meshes and the standard deviations s_d along them, so that z is distributed as
the standard normal distribution.
"""

from collections.abc import Sequence
from typing import cast

import torch

from geolearn.errors import InvalidInputError
from geolearn.models.decoders import check_codes
from geolearn.models.weights import MODELS, PretrainedModel
from geolearn.structures import Mesh, MeshBatch
from geolearn.typing import Float, Tensor

LEAST_DEVIATION = 1e-6  # of the largest; directions below it are noise


@MODELS.register("pcadecoder")
class PCADecoder(PretrainedModel):
    """A linear basis of registered meshes. As a decoder (`geolearn.models.decoders`): codes (B, code_size) -> B meshes
    of one topology.

    Made by `PCADecoder.from_meshes`; the constructor makes room for weights that are loaded from a file.

    Attributes:
        code_size: D, the number of principal directions.

    >>> corner, face = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]])
    >>> decoder = PCADecoder.from_meshes([Mesh(size * corner, face) for size in (1, 2, 3)], 1)
    >>> decoder(torch.zeros(1, 1)).verts.round().tolist()  # the mean
    [[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """

    inputs = "codes"
    mean: Tensor
    basis: Tensor
    faces: Tensor

    def __init__(self, code_size: int, *, num_verts: int, num_faces: int):
        super().__init__(code_size=code_size, num_verts=num_verts, num_faces=num_faces)
        self.code_size = code_size
        self.register_buffer("mean", torch.zeros(num_verts, 3))
        self.register_buffer("basis", torch.zeros(code_size, num_verts, 3))  # s_d b_d
        self.register_buffer("faces", torch.zeros(num_faces, 3, dtype=torch.int64))

    @classmethod
    def from_meshes(cls, meshes: Sequence[Mesh], code_size: int) -> "PCADecoder":
        """The `code_size` directions along which registered meshes vary most.

        Args:
            meshes: N meshes whose vertices correspond by number, all with the same faces.

        Raises:
            InvalidInputError: other faces in one of them, or fewer directions than asked for: N meshes have at most
                N - 1.
        """
        first = meshes[0] if meshes else None
        for number, mesh in enumerate(meshes):
            if first is None or mesh.verts.shape != first.verts.shape or not torch.equal(mesh.faces, first.faces):
                raise InvalidInputError(
                    f"meshes: expected the same faces in all, but mesh {number} has others than mesh 0"
                )
        if first is None or not 1 <= code_size < len(meshes):
            raise InvalidInputError(
                f"code_size: {len(meshes)} meshes have 1 to {max(0, len(meshes) - 1)} directions, got {code_size}"
            )
        verts = torch.stack([mesh.verts for mesh in meshes]).double()
        mean = verts.mean(0)
        _, values, directions = torch.linalg.svd((verts - mean).flatten(1), full_matrices=False)
        if not bool(values[code_size - 1] > LEAST_DEVIATION * values[0]):
            found = int((values > LEAST_DEVIATION * values[0]).sum())
            raise InvalidInputError(f"code_size: these meshes vary along {found} directions only, got {code_size}")
        deviations = values[:code_size] / (len(meshes) - 1) ** 0.5
        decoder = cls(code_size, num_verts=len(first.verts), num_faces=len(first.faces))
        decoder.mean.copy_(mean)
        decoder.basis.copy_((deviations[:, None] * directions[:code_size]).reshape(decoder.basis.shape))
        decoder.faces.copy_(first.faces)
        return decoder.eval()

    def encode(self, verts: Float[Tensor, "B V 3"]) -> Float[Tensor, "B D"]:
        """The codes whose meshes come closest to registered vertices."""
        directions = self.basis.flatten(1)
        return (verts - self.mean).flatten(1) @ directions.T / directions.square().sum(1)

    def verts(self, codes: Float[Tensor, "B D"]) -> Float[Tensor, "B V 3"]:
        """Vertices of the meshes.

        Raises:
            InvalidInputError: codes of another size.
        """
        check_codes(codes, self.code_size)
        return self.mean + torch.einsum("bd,dvc->bvc", codes, self.basis)

    def forward(self, codes: Float[Tensor, "B D"]) -> MeshBatch:
        verts = self.verts(codes)
        count, (num_verts, num_faces) = len(codes), (len(self.mean), len(self.faces))
        offsets = num_verts * torch.arange(count, device=codes.device)[:, None, None]
        return MeshBatch(
            verts.reshape(-1, 3),
            (cast(Tensor, self.faces) + offsets).reshape(-1, 3),
            torch.full((count,), num_verts),
            torch.full((count,), num_faces),
        )
