"""Auto-decoders of signed distance: a code for each training shape, learned with the weights (DeepSDF)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import torch
from torch import nn

from geolearn._optional import require
from geolearn.data import Batch, Collection, Packed, Representation, ShapeCollection, Store
from geolearn.errors import InvalidInputError
from geolearn.models import SDFDecoder
from geolearn.ops import sample_surface
from geolearn.structures import Mesh
from geolearn.training.method import METHODS, Figure, GradientMethod, Moment, Outcome, Prediction
from geolearn.training.recipes import RECIPES, GradientRecipe
from geolearn.typing import Float, Tensor


@dataclass(frozen=True)
class SampleDistances(Representation):
    """Points and their signed distance to the surface, negative inside: float32 (count, 4).

    A fifth of the points is uniform in the cube of side 1.1 about the origin; the others are near the surface, half of
    them within about a twentieth of the longest side, half within a two-hundredth.

    Attributes:
        count: points of each shape.
        seed: the same points for the same mesh.
    """

    count: int = 4096
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 10:
            raise InvalidInputError(f"count: expected at least 10 points, got {self.count}")

    def __call__(self, shape: Mesh, /) -> Float[Tensor, "N 4"]:
        if not isinstance(shape, Mesh):
            raise InvalidInputError("SampleDistances: expected a mesh; grids and pictures have no exact distance")
        generator = torch.Generator().manual_seed(self.seed)
        anywhere = 1.1 * (torch.rand(self.count // 5, 3, generator=generator) - 0.5)
        near = self.count - len(anywhere)
        surface = sample_surface(shape, near, generator=generator).points
        spread = torch.where(torch.arange(near) % 2 == 0, 0.05, 0.005)[:, None]
        points = torch.cat([anywhere, surface + spread * torch.randn(near, 3, generator=generator)])
        scene = require("open3d", extra="open3d").t.geometry.RaycastingScene()
        scene.add_triangles(shape.verts.numpy(), shape.faces.int().numpy().astype("uint32"))
        distance = torch.from_numpy(scene.compute_signed_distance(points.numpy(), nsamples=3).numpy())
        return torch.cat([points, distance[:, None]], dim=1)


@dataclass(frozen=True)
class DistanceRecipe(GradientRecipe):
    """A recipe for decoders of signed distance.

    Attributes:
        sample: where distances are known.
        points_per_step: of each shape, at random.
        prior: weight of the squared length of the codes.
        search_steps: of the search for the code of a shape that was not trained on.
    """

    method: ClassVar[str] = "distance_decoding"

    sample: SampleDistances = field(default_factory=SampleDistances)
    points_per_step: int = 512
    prior: float = 1e-4
    search_steps: int = 150


@dataclass(frozen=True, repr=False)
class CodePrediction(Prediction):
    """The code whose surface fits a shape best.

    Attributes:
        code: (D,), as the decoder takes it.
        distance_error: mean absolute error of distances that the search did not see, in units of the longest side.
    """

    code: Float[Tensor, " D"]
    distance_error: float

    def record(self) -> dict[str, Any]:
        return {"code": self.code.tolist(), "distance_error": self.distance_error}

    def summary(self) -> str:
        return f"fitted by a code of {len(self.code)} numbers, distances off by {100 * self.distance_error:.2f} %"


@METHODS.register("distance_decoding")
class DistanceDecoding(GradientMethod[DistanceRecipe]):
    """Clamped differences of distances and a prior on the codes; tested by searching codes for unseen shapes."""

    figures = (
        Figure("distance_error", "mean error of distances, % of the longest side", "lower"),
        Figure("distance_error_of_mean_code", "the same for the mean code", "lower"),
    )
    recipe_type = DistanceRecipe
    _rows: dict[str, int]

    def representation(self) -> SampleDistances:
        return self.recipe.sample

    def build(self, split: Packed) -> nn.Module:
        self._rows = {key: row for row, key in enumerate(split.keys)}
        return SDFDecoder(shapes=len(split), **self.recipe.model)

    def loss(self, net: nn.Module, batch: Batch, moment: Moment) -> Tensor:
        chosen = torch.randint(batch.data.shape[1], (self.recipe.points_per_step,), device=batch.data.device)
        samples = batch.data[:, chosen]
        rows = torch.tensor([self._rows[key] for key in batch.keys], device=samples.device)
        return cast(SDFDecoder, net).training_loss(rows, samples[..., :3], samples[..., 3], self.recipe.prior)

    def finish(self, net: nn.Module) -> None:
        cast(SDFDecoder, net).settle()

    def test(self, net: nn.Module, data: Collection, split: str, *, progress: bool = False) -> Outcome:
        found = self.load(data, split)
        decoder = cast(SDFDecoder, net.eval())
        errors = torch.tensor([self._search(decoder, found.take(torch.tensor([i]))[0])[1:] for i in range(len(found))])
        figures = {
            "distance_error": 100 * float(errors[:, 0].mean()),
            "distance_error_of_mean_code": 100 * float(errors[:, 1].mean()),
        }
        voting = f"codes searched in {self.recipe.search_steps} steps on half of the points, tested on the others"
        return Outcome(figures, voting, len(found), predictions=errors[:, 0])

    def predict(self, net: nn.Module, shape: Any, names: Sequence[str]) -> CodePrediction:
        split = self.load(ShapeCollection({"test": Store.of_shapes([shape], classes=names)}), "test")
        code, error, _ = self._search(cast(SDFDecoder, net.eval()), split.take(torch.tensor([0]))[0])
        return CodePrediction(code, error)

    def _search(self, decoder: SDFDecoder, samples: Float[Tensor, "N 4"]) -> tuple[Float[Tensor, " D"], float, float]:
        """The best code, and the error of distances on the other half of the points by it and by the mean code."""
        seen, unseen = samples[::2], samples[1::2]
        wanted = seen[:, 3].clamp(-decoder.clamp, decoder.clamp)
        code = torch.zeros(1, decoder.code_size, requires_grad=True)
        optimiser = torch.optim.Adam([code], lr=0.05)
        for _ in range(self.recipe.search_steps):
            miss = decoder.distance(code, seen[None, :, :3])[0].clamp(-decoder.clamp, decoder.clamp) - wanted
            loss = miss.abs().mean() + 1e-4 * code.square().mean()
            (code.grad,) = torch.autograd.grad(loss, code)
            optimiser.step()
        with torch.no_grad():
            errors = [self._error(decoder, each, unseen) for each in (code, torch.zeros_like(code))]
        return code.detach()[0], errors[0], errors[1]

    def _error(self, decoder: SDFDecoder, code: Float[Tensor, "1 D"], samples: Float[Tensor, "N 4"]) -> float:
        limit = decoder.clamp
        found = decoder.distance(code, samples[None, :, :3])[0].clamp(-limit, limit)
        return float((found - samples[:, 3].clamp(-limit, limit)).abs().mean())


RECIPES.add(
    "sdfdecoder/best",
    DistanceRecipe(
        epochs=200, batch_size=16, learning_rate=2e-3, weight_decay=0.0, warm_up=0.1, ema_decay=0.0, gradient_clip=1.0
    ),
)
