"""Next-best view: from where to look next, to know what a partly seen shape is.

Wu et al., "3D ShapeNets", CVPR 2015, section 5.3. Completions of what was seen stand for what the shape may be. Each is
seen from a candidate camera, what that shows is put together with what is known, and the entropy of the class is taken
of the result. The candidate with the least expected entropy wins: it is expected to tell the most about the class.
"""

import math
from dataclasses import dataclass

import torch

from geolearn.errors import InvalidInputError, unknown_name
from geolearn.models import ShapeNets3D, complete_by_belief
from geolearn.models.shapenets3d_completion import OCCUPIED, SURFACE, UNKNOWN
from geolearn.render import cameras_around, observe_shape
from geolearn.structures import Cameras, VoxelGrid
from geolearn.typing import Float, Int, Tensor

RULES = ("entropy", "random", "farthest", "most_new")


@dataclass(frozen=True)
class NextViewSettings:
    """How much is computed for the entropy rule. The paper's code takes 50, 50, 5, 32 and 20.

    Attributes:
        particles, passes: of the completions of what was seen.
        clusters: how many completions, each weighted by the particles near it, stand for all of them.
        entropy_particles, entropy_passes: for the posterior after each imagined view.
        pixels: side of the imagined depth maps.

    Example:
        >>> NextViewSettings(particles=10, passes=10).clusters
        5
    """

    particles: int = 50
    passes: int = 50
    clusters: int = 5
    entropy_particles: int = 32
    entropy_passes: int = 20
    pixels: int = 128

    def __post_init__(self) -> None:
        if min(vars(self).values()) < 1:
            raise InvalidInputError(f"settings: expected numbers >= 1, got {self}")


def choose_next_view(
    net: ShapeNets3D,
    observed: Float[Tensor, "R R R"],
    camera: Cameras,
    candidates: Cameras,
    *,
    rule: str = "entropy",
    settings: NextViewSettings = NextViewSettings(),
    generator: torch.Generator | None = None,
) -> tuple[int, Float[Tensor, " C"]]:
    """Which candidate to look from next, and every candidate's score, the higher the better.

    | rule | score |
    | --- | --- |
    | `entropy` | minus the expected entropy of the class, in nats |
    | `random` | a random number |
    | `farthest` | distance of the camera centre from that of the first |
    | `most_new` | how many unknown cells it is expected to see: those of the mean completion's free and surface cells |

    Args:
        net: the belief network.
        observed: free (0), unknown (0.5) and surface (1) cells so far, in the frame of the unit cube about the origin.
        camera: where they were seen from.
        candidates: C cameras.

    Raises:
        UnknownNameError: no such rule.
        InvalidInputError: no candidates, or an observation of another resolution or with other values.

    Example:
        >>> net = ShapeNets3D(10, channels=(4, 8, 16), hidden=20, top=30)
        >>> cameras = cameras_around(torch.tensor([0.0, 0.3, 3.0]), torch.zeros(3), size=32)
        >>> nothing = torch.full((30, 30, 30), 0.5)
        >>> choose_next_view(net, nothing, cameras[0], cameras, rule="farthest")[0]
        2
    """
    if rule not in RULES:
        raise unknown_name("rule of the next view", rule, RULES)
    if len(candidates) == 0:
        raise InvalidInputError("candidates: expected at least one camera, got none")
    if rule == "random":
        scores = torch.rand(len(candidates), generator=generator)
    elif rule == "farthest":
        scores = (candidates.centres - camera.centres).norm(dim=1)
    else:
        found = complete_by_belief(
            net, observed[None, None], particles=settings.particles, passes=settings.passes, generator=generator,
            keep_particles=True,
        )  # fmt: skip
        if found.particles is None:
            raise InvalidInputError("particles: expected the particles of a completion")
        if rule == "entropy":
            shapes, weights = cluster_shapes(found.particles[0] > 0.5, settings.clusters, generator)
            scores = -expected_entropy(net, observed, shapes, weights, candidates, settings, generator)
        else:
            mean = found.probabilities[0, 0] > OCCUPIED
            seen = _imagine(mean, candidates)
            scores = ((observed == UNKNOWN) & (seen != UNKNOWN)).flatten(1).sum(1).float()
    return int(scores.argmax()), scores


def fuse_observations(one: Float[Tensor, "*B R R R"], other: Float[Tensor, "*B R R R"]) -> Float[Tensor, "*B R R R"]:
    """What two observations show together: surface where either shows it, else free where either does, else unknown.

    Example:
        >>> fuse_observations(torch.tensor([[[0.5]]]), torch.tensor([[[1.0]]]))
        tensor([[[1.]]])
    """
    surface = (one == SURFACE) | (other == SURFACE)
    free = (one == 0) | (other == 0)
    return torch.where(surface, SURFACE, torch.where(free, 0.0, UNKNOWN)).to(one)


def expected_entropy(
    net: ShapeNets3D,
    observed: Float[Tensor, "R R R"],
    shapes: Float[Tensor, "S R R R"],
    weights: Float[Tensor, " S"],
    candidates: Cameras,
    settings: NextViewSettings = NextViewSettings(),
    generator: torch.Generator | None = None,
) -> Float[Tensor, " C"]:
    """Mean entropy of the class after each candidate's view, in nats, over shapes that the observed one may be.

    Args:
        shapes, weights: what the observed shape may be, and how likely each is.

    Example:
        >>> net = ShapeNets3D(10, channels=(4, 8, 16), hidden=20, top=30)
        >>> one = NextViewSettings(1, 1, 1, 1, 1)
        >>> cameras, cells = cameras_around(torch.zeros(2), torch.zeros(2), size=32), torch.zeros(1, 30, 30, 30)
        >>> expected_entropy(net, cells[0], cells, torch.ones(1), cameras, one).shape
        torch.Size([2])
    """
    imagined = torch.stack([_imagine(shape > 0.5, candidates) for shape in shapes])  # (S, C, R, R, R)
    fused = fuse_observations(observed.expand_as(imagined), imagined)
    resolution = observed.shape[-1]
    posterior = complete_by_belief(
        net, fused.reshape(-1, 1, resolution, resolution, resolution), particles=settings.entropy_particles,
        passes=settings.entropy_passes, generator=generator,
    ).posterior.view(len(shapes), len(candidates), -1)  # fmt: skip
    entropy = torch.special.entr(posterior).sum(2)
    return weights @ entropy / weights.sum()


def cluster_shapes(
    shapes: Tensor, count: int, generator: torch.Generator | None = None, *, rounds: int = 10
) -> tuple[Float[Tensor, "S R R R"], Float[Tensor, " S"]]:
    """At most `count` of the shapes, the medoids of their clusters by cells that differ, and each one's share.

    k-means on the cells from a random start far apart (k-means++), then the shape nearest to each mean.

    Args:
        shapes: (N, R, R, R) occupancy.

    Raises:
        InvalidInputError: no shapes.
    """
    if len(shapes) == 0:
        raise InvalidInputError("shapes: expected at least one, got none")
    points = shapes.float().flatten(1)
    chosen = [int(torch.randint(len(points), (), generator=generator))]
    while len(chosen) < min(count, len(points)):
        nearest = _squared_distances(points, points[chosen]).amin(1)
        if not bool((nearest > 0).any()):
            break
        chosen.append(int(torch.multinomial(nearest, 1, generator=generator)))
    means = points[chosen]
    for _ in range(rounds):
        nearest = _squared_distances(points, means).argmin(1)
        means = torch.stack(
            [points[nearest == k].mean(0) if bool((nearest == k).any()) else mean for k, mean in enumerate(means)]
        )
    nearest = _squared_distances(points, means).argmin(1)
    used = nearest.unique()
    medoids = torch.stack([_nearest_member(points, nearest == k, means[k]) for k in used.tolist()])
    shares = torch.stack([(nearest == k).float().mean() for k in used.tolist()])
    return medoids.view(-1, *shapes.shape[1:]), shares


def random_cameras(count: int, generator: torch.Generator | None = None, *, size: int = 128) -> Cameras:
    """Cameras that look at the origin from anywhere, evenly over the sphere."""
    drawn = torch.rand(2, count, generator=generator, dtype=torch.float64)
    return cameras_around(2 * math.pi * drawn[0], torch.asin(2 * drawn[1] - 1), size=size)


def _nearest_member(points: Tensor, members: Tensor, mean: Tensor) -> Tensor:
    own: Int[Tensor, " M"] = members.nonzero()[:, 0]
    return points[own[_squared_distances(points[own], mean[None])[:, 0].argmin()]]


def _squared_distances(points: Tensor, centres: Tensor) -> Float[Tensor, "N S"]:
    return torch.cdist(points, centres).square()


def _imagine(shape: Tensor, cameras: Cameras) -> Float[Tensor, "C R R R"]:
    """What every camera would see of a shape in the unit cube."""
    grid = VoxelGrid(shape.bool(), torch.full((3,), -0.5), 1 / len(shape))
    return torch.stack([view.values for view in observe_shape(grid, cameras)])
