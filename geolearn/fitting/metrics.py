"""How good a fitted mesh is: its silhouettes, its distance to a reference, and whether it is sound."""

import torch

from geolearn.errors import InvalidInputError
from geolearn.losses import nearest_squared_distances
from geolearn.ops import mesh_edges, sample_surface
from geolearn.ops.unfolding import flawed_faces
from geolearn.render import render_views
from geolearn.structures import Cameras, Mesh
from geolearn.typing import Float, Tensor

SAMPLES_PER_PIXEL = 8  # along each side, at which silhouettes are drawn to be measured


def silhouette_iou(mesh: Mesh, masks: Float[Tensor, "N H W"], cameras: Cameras) -> dict[str, float]:
    """Mean over the views of the IoU of the silhouettes of a mesh with masks, without any softness.

    The mesh is drawn at 8 x 8 samples per pixel, and averaged.

    Returns:
        `iou`: both cut at half a pixel's area. `coverage_iou`: sum(min) / sum(max) of the shares of pixels that are
        covered, which needs masks with smooth edges to reach 1. Views that are empty in both count 1.

    Raises:
        InvalidInputError: masks that are not as many or not as large as the cameras' pictures.

    >>> import trimesh
    >>> from geolearn.render import camera_rig, render_views
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> cameras = camera_rig("sphere", count=4, size=16)
    >>> masks = render_views(ball, cameras, shading="silhouette")[:, 0]
    >>> silhouette_iou(ball, masks, cameras)["iou"] > 0.9
    True
    """
    height, width = cameras.height, cameras.width
    if tuple(masks.shape) != (len(cameras), height, width) or len(cameras) == 0:
        raise InvalidInputError(
            f"masks: expected {(len(cameras), height, width)}, at least one, got {tuple(masks.shape)}"
        )
    hard, covered = [], []
    for number in range(len(cameras)):
        drawn, mask = draw_coverage(mesh, cameras[number]), masks[number, None]
        hard.append(float(coverage_iou((drawn >= 0.5).float(), (mask >= 0.5).float())))
        covered.append(float(coverage_iou(drawn, mask)))
    return {"iou": sum(hard) / len(hard), "coverage_iou": sum(covered) / len(covered)}


def draw_coverage(mesh: Mesh, camera: Cameras) -> Float[Tensor, "1 H W"]:
    """The share of every pixel that a mesh covers, from 8 x 8 samples per pixel."""
    size = (camera.height * SAMPLES_PER_PIXEL, camera.width * SAMPLES_PER_PIXEL)
    samples = render_views(mesh, camera, size, "silhouette")[:, 0]
    return torch.nn.functional.avg_pool2d(samples, SAMPLES_PER_PIXEL)


def coverage_iou(drawn: Float[Tensor, "*B N H W"], masks: Float[Tensor, "*B N H W"]) -> Float[Tensor, "*B"]:
    """Mean over N views of sum(min) / sum(max) of the covered shares of pixels; views that are empty in both count 1.

    >>> float(coverage_iou(torch.tensor([[[0.5, 1.0]]]), torch.tensor([[[1.0, 1.0]]])))
    0.75
    """
    common, union = drawn.minimum(masks).sum((-2, -1)), drawn.maximum(masks).sum((-2, -1))
    return torch.where(union > 0, common / union.where(union > 0, 1), 1).mean(-1)


def surface_agreement(
    mesh: Mesh,
    reference: Mesh,
    *,
    threshold: float = 0.01,
    samples: int = 100_000,
    generator: torch.Generator | None = None,
) -> dict[str, float]:
    """Distances between points drawn from two surfaces.

    Args:
        threshold: of a match, as a part of the diagonal of the reference's box.
        samples: points per surface.

    Returns:
        `precision` (share of points of `mesh` near the reference), `recall` (the other way), `f_score` (their harmonic
        mean; Knapitsch et al., "Tanks and Temples", 2017), and `chamfer` (mean distance both ways, halved, as a part of
        the diagonal).

    >>> import trimesh
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> agreement = surface_agreement(ball, ball, samples=500, threshold=0.05)
    >>> agreement["f_score"] > 0.9
    True
    """
    points = sample_surface(mesh, samples, generator=generator).points
    others = sample_surface(reference, samples, generator=generator).points
    diagonal = float((reference.bounds[1] - reference.bounds[0]).norm())
    there = nearest_squared_distances(points, others)[0].sqrt() / diagonal
    back = nearest_squared_distances(others, points)[0].sqrt() / diagonal
    precision, recall = float((there < threshold).double().mean()), float((back < threshold).double().mean())
    f_score = 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
    chamfer = float(there.mean() + back.mean()) / 2
    return {"f_score": f_score, "precision": precision, "recall": recall, "chamfer": chamfer}


def soundness(mesh: Mesh) -> dict[str, float]:
    """Flaws of a mesh that do not depend on what it shows.

    Returns:
        `watertight` (1 if every edge has two faces), `folded` and `degenerate` (shares of faces, see `flawed_faces`),
        `faces`.

    >>> import trimesh
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> soundness(ball)
    {'watertight': 1.0, 'folded': 0.0, 'degenerate': 0.0, 'faces': 320.0}
    """
    faces = mesh.faces
    if len(faces) == 0:
        return {"watertight": 0.0, "folded": 0.0, "degenerate": 0.0, "faces": 0.0}
    folded, degenerate = flawed_faces(mesh)
    edges = mesh_edges(faces)
    keys = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    directed = torch.unique(keys, dim=0)
    twins = torch.unique(torch.cat([directed, directed.flip(1)]), dim=0)
    watertight = len(directed) == len(keys) == len(twins) == 2 * len(edges)
    return {
        "watertight": float(watertight),
        "folded": float(folded.double().mean()),
        "degenerate": float(degenerate.double().mean()),
        "faces": float(len(faces)),
    }
