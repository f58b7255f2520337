"""Gradients through faces that are cut in front of the camera: those of float64, and with `compat` PyTorch3D's."""

import itertools

import pytest
import torch
from raster_scenes import Dice, between_edges, plain_hits

from geolearn.render.clipping import clip_faces
from geolearn.render.rasterizer import RasterizeFaces, rasterize_meshes
from geolearn.structures import Mesh, MeshBatch

CUT, SIZE, MOST = 0.45, (17, 24), 4


def soup(seed):
    dice = Dice(seed)
    return torch.cat([2 * dice.floats(14, 3, 2) - 1, 0.1 + dice.floats(14, 3, 1)], 2)


def rasterize(corners, meshes, rasterizer, blur_radius, perspective_correct, clip, **options):
    return rasterizer(
        meshes(corners.reshape(-1, 3), torch.arange(corners[..., 0].numel()).reshape(-1, 3)),
        image_size=SIZE, blur_radius=blur_radius, faces_per_pixel=MOST, perspective_correct=perspective_correct,
        clip_barycentric_coords=clip, z_clip_value=CUT, **options,
    )  # fmt: skip


def batch(verts, faces):
    return MeshBatch.from_meshes([Mesh(verts, faces)])


def relative_error(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


def faces_of_hits(corners, blur_radius, perspective_correct, clip):
    """The parts of cut faces that our kernel sees, and which of them is hit where."""
    count = torch.tensor([len(corners)])
    parts = clip_faces(corners, count, CUT, perspective_correct=perspective_correct)
    assert parts is not None
    first, number = torch.tensor([0]), torch.tensor([len(parts.face_verts)])
    options = (parts.siblings, SIZE, blur_radius, MOST, perspective_correct, clip, False, False)
    return parts, RasterizeFaces.apply(parts.face_verts, first, number, *options)[0]


def plain_parts(corners, parts, perspective_correct):
    """Corners of the parts of faces, and their barycentrics in the whole face, by the equation of a cut."""
    points, shares = [], []
    for origin, rows in zip(parts.origin.tolist(), parts.corners.tolist(), strict=True):
        for row in rows:
            first, *second = [corner for corner, share in enumerate(row) if share != 0]
            a = b = corners[origin, first]
            t = torch.zeros((), dtype=corners.dtype)
            if second:
                b = corners[origin, second[0]]
                t = (a[2] - CUT) / (a[2] - b[2])
            xy = (1 - t) * a[:2] + t * b[:2]
            if perspective_correct and second:
                xy = ((1 - t) * a[:2] * a[2] + t * b[:2] * b[2]) / CUT
            points.append(torch.cat([xy, ((1 - t) * a[2] + t * b[2])[None]]))
            unit = torch.eye(3, dtype=corners.dtype)
            shares.append((1 - t) * unit[first] + (t * unit[second[0]] if second else 0))
    return torch.stack(points).reshape(-1, 3, 3), torch.stack(shares).reshape(-1, 3, 3)


@pytest.mark.parametrize("flags", itertools.product([False, True], repeat=2))
@pytest.mark.parametrize("blur_radius", [0.0, 1e-3])
def test_equal_float64_autograd_of_cutting_and_of_the_formula(flags, blur_radius):
    """A distance is that to the edges of the part that is left, so the cut moves it."""
    for seed in range(6):
        corners = soup(seed).requires_grad_()
        pix_to_face, *outputs = rasterize(corners, batch, rasterize_meshes, blur_radius, *flags)
        parts, part_of_pixel = faces_of_hits(corners.detach(), blur_radius, *flags)
        hit = part_of_pixel >= 0
        assert torch.equal(torch.where(hit, parts.origin[part_of_pixel.clamp(min=0)], -1), pix_to_face)

        exact = corners.detach().double().requires_grad_()
        exact_parts, within = plain_parts(exact, parts, flags[0])
        depths, barycentrics, distances = plain_hits(exact_parts, part_of_pixel, *flags)
        whole = torch.einsum("hij,hi->hj", within[part_of_pixel[hit]], barycentrics)
        plain = depths, whole, distances
        generator = torch.Generator().manual_seed(seed)
        weights = [torch.rand(output.shape, generator=generator) - 0.5 for output in outputs]
        weights[2][hit] *= ~between_edges(parts.face_verts, part_of_pixel)
        (ours,) = torch.autograd.grad(outputs, corners, weights)
        (expected,) = torch.autograd.grad(plain, exact, [weight[hit].double() for weight in weights])
        assert relative_error(ours, expected) < 1e-4
        assert int(hit.sum()) > 50


@pytest.mark.parametrize("flags", itertools.product([False, True], repeat=2))
def test_compat_equals_pytorch3d(flags):
    structures = pytest.importorskip("pytorch3d.structures")
    theirs = pytest.importorskip("pytorch3d.renderer.mesh").rasterize_meshes
    for seed in range(4):
        found = []
        for meshes, rasterizer, options in (
            (batch, rasterize_meshes, {"compat": True}),
            (lambda verts, faces: structures.Meshes([verts], [faces]), theirs, {}),
            (batch, rasterize_meshes, {}),
        ):
            corners = soup(seed).requires_grad_()
            outputs = rasterize(corners, meshes, rasterizer, 1e-3, *flags, **options)[1:]
            found += torch.autograd.grad(sum(output.sin().sum() for output in outputs), corners)
        assert relative_error(found[0], found[1]) < 1e-5
        assert relative_error(found[2], found[1]) > 1e-3
