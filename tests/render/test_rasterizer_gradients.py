"""Gradients of the rasterizer equal float64 automatic differentiation of the formula; `compat` equals PyTorch3D's."""

import itertools

import pytest
import torch
from raster_scenes import Dice, between_edges, pixel_centre, plain_hits, random_scene

from geolearn.render.rasterizer import RasterizeFaces, rasterize_meshes
from geolearn.structures import Mesh, MeshBatch

FLAGS = list(itertools.product([False, True], repeat=2))  # perspective, clip


def rasterize_faces(face_verts, scene, perspective_correct, clip, compat=False):
    first = scene.faces_per_mesh.cumsum(0) - scene.faces_per_mesh
    return RasterizeFaces.apply(
        face_verts, first, scene.faces_per_mesh, scene.siblings, scene.image_size, scene.blur_radius,
        scene.faces_per_pixel, perspective_correct, clip, False, compat,
    )  # fmt: skip


def gradients(seed, perspective_correct, clip, compat=False):
    """Ours, the plain version's and PyTorch3D's gradient of one random linear loss."""
    scene = random_scene(seed)
    face_verts = scene.face_verts.clone().requires_grad_()
    pix_to_face, *outputs = rasterize_faces(face_verts, scene, perspective_correct, clip, compat)
    dice = Dice(seed)
    # Some losses see only some of the outputs, as a silhouette loss does.
    weights = [dice.integer(0, 3) / 2 * (2 * dice.floats(*output.shape) - 1) for output in outputs]
    hit = pix_to_face >= 0
    weights[2][hit] *= ~between_edges(scene.face_verts, pix_to_face)
    (ours,) = torch.autograd.grad(outputs, face_verts, weights)
    exact = scene.face_verts.double().requires_grad_()
    plain_outputs = plain_hits(exact, pix_to_face, perspective_correct, clip)
    (plain,) = torch.autograd.grad(plain_outputs, exact, [weight[hit].double() for weight in weights])
    theirs = pytest.importorskip("pytorch3d._C").rasterize_meshes_backward(
        scene.face_verts, pix_to_face, *weights, perspective_correct, clip
    )
    return ours, plain, theirs


def relative_error(found, expected):
    size = float(expected.abs().max()) if expected.numel() else 0.0
    return float((found - expected).abs().max()) / size if size else 0.0


@pytest.mark.parametrize("flags", FLAGS)
def test_equal_float64_autograd_of_the_formula(flags):
    for seed in range(30):
        ours, plain, _ = gradients(seed, *flags)
        assert relative_error(ours, plain) < 1e-5
        assert bool(torch.isfinite(ours).all())


@pytest.mark.slow
@pytest.mark.parametrize("flags", FLAGS)
def test_equal_float64_autograd_on_many_scenes(flags):
    for seed in range(1000, 1500):
        ours, plain, _ = gradients(seed, *flags)
        assert relative_error(ours, plain) < 1e-5


@pytest.mark.parametrize("flags", FLAGS)
def test_compat_equals_pytorch3d(flags):
    for seed in range(30):
        ours, _, theirs = gradients(seed, *flags, compat=True)
        finite = torch.isfinite(theirs)  # theirs is NaN at edges of length 0
        assert relative_error(ours[finite], theirs[finite]) < 2e-6
        assert bool(torch.isfinite(ours).all())


def test_beyond_the_horizon_ours_is_right_where_pytorch3d_is_not():
    # Blurred faces that come steeply towards the camera are seen by pixels beyond their horizon.
    ours, plain, theirs = gradients(26, True, True)
    assert relative_error(ours, plain) < 1e-5
    assert relative_error(theirs, plain) > 1e4
    assert relative_error(gradients(26, True, True, compat=True)[0], theirs) < 2e-6


def test_distance_to_an_edge_by_hand():
    # The edge x = 0.25 of a face to the left (+X) of it, seen from the pixel at (0, 0): distance 0.25, nearest point in
    # the middle of the edge. d(x^2)/dx = 0.5, half of it for each end.
    verts = torch.tensor([[0.25, -1.0, 1.0], [0.25, 1.0, 1.0], [0.75, 0.0, 1.0]], requires_grad=True)
    *_, dists = rasterize_meshes(MeshBatch.from_meshes([Mesh(verts, torch.tensor([[0, 1, 2]]))]), 1, 0.1, 1)
    assert dists.item() == pytest.approx(0.0625)
    dists.sum().backward()
    assert torch.allclose(verts.grad, torch.tensor([[0.25, 0.0, 0.0], [0.25, 0.0, 0.0], [0.0, 0.0, 0.0]]))


def test_depth_of_a_slanted_face_by_hand():
    verts = torch.tensor([[-1.0, -1.0, 2.0], [3.0, -1.0, 2.0], [-1.0, 3.0, 4.0]], requires_grad=True)
    _, zbuf, *_ = rasterize_meshes(MeshBatch.from_meshes([Mesh(verts, torch.tensor([[0, 1, 2]]))]), 1, 0.0, 1)
    zbuf.sum().backward()
    # At the pixel (0, 0) the barycentrics are 1/2, 1/4, 1/4, and the depth rises by 1/2 per unit of y.
    weights = torch.tensor([0.5, 0.25, 0.25])
    assert torch.allclose(verts.grad, torch.stack([0 * weights, -0.5 * weights, weights], 1), atol=1e-6)


def test_shared_vertices_add_up_and_unused_ones_get_nothing():
    dice = Dice(3)
    verts = torch.cat([2 * dice.floats(6, 2) - 1, 1 + dice.floats(6, 1)], 1)
    faces = torch.tensor([[0, 1, 2], [2, 1, 3], [0, 2, 4]])
    leaf = verts.clone().requires_grad_()
    pix_to_face, zbuf, *_ = rasterize_meshes(MeshBatch.from_meshes([Mesh(leaf, faces)]), 16, 1e-2, 4)
    zbuf.mean().backward()
    exact = verts.double().requires_grad_()
    (plain_hits(exact[faces], pix_to_face, False, False)[0].sum() / zbuf.numel()).backward()
    assert relative_error(leaf.grad, exact.grad) < 1e-5
    assert bool((leaf.grad[5] == 0).all())


def intersections(face_verts, pix_to_face):
    """Depth and barycentrics where rays meet the planes of faces: no clipping needed, corners may lie behind."""
    _, height, width, _ = pix_to_face.shape
    _, row, column, _ = hit = torch.nonzero(pix_to_face >= 0, as_tuple=True)
    rays = torch.stack(
        [pixel_centre(column, width, height), pixel_centre(row, height, width), torch.ones(len(row))], 1
    ).double()
    corners = face_verts[pix_to_face[hit]]
    corners = torch.cat([corners[..., :2] * corners[..., 2:], corners[..., 2:]], 2)  # to view space
    volumes = torch.stack(
        [(rays * torch.linalg.cross(corners[:, i - 2], corners[:, i - 1])).sum(1) for i in range(3)], 1
    )
    barycentrics = volumes / volumes.sum(1, keepdim=True)
    return (barycentrics * corners[..., 2]).sum(1), barycentrics


def test_through_the_near_plane():
    """A cut does not change where rays meet a face, so the gradient is that of the whole face."""
    cut = 0
    for seed in range(20):
        dice = Dice(seed)
        corners = torch.cat([2 * dice.floats(9, 3, 2) - 1, 2 * dice.floats(9, 3, 1) - 0.5], 2)
        corners[..., 2] += 0.2 * corners[..., 2].sign()  # away from the camera's plane, where nothing is well defined
        verts = corners.reshape(-1, 3).requires_grad_()
        batch = MeshBatch.from_meshes([Mesh(verts, torch.arange(27).reshape(9, 3))])
        pix_to_face, zbuf, barycentrics, _ = rasterize_meshes(
            batch, 16, 0.0, 4, perspective_correct=True, z_clip_value=0.1
        )
        hit = pix_to_face >= 0
        weight = torch.rand(barycentrics[hit].shape, generator=dice.generator)
        (ours,) = torch.autograd.grad(zbuf[hit].sum() + (weight * barycentrics[hit]).sum(), verts)
        exact = corners.detach().double().requires_grad_()
        depth, plain = intersections(exact, pix_to_face)
        assert torch.allclose(plain, barycentrics[hit].double(), atol=1e-4)
        (expected,) = torch.autograd.grad(depth.sum() + (weight.double() * plain).sum(), exact)
        assert relative_error(ours, expected.reshape(-1, 3)) < 1e-3
        behind = (corners[..., 2] < 0.1).sum(1)
        cut += int(((behind > 0) & (behind < 3)).sum())
    assert cut > 50


def test_losses_on_strided_and_expanded_outputs():
    scene = random_scene(2)
    results = []
    for loss in (lambda zbuf: zbuf.sum(), lambda zbuf: zbuf.transpose(1, 2).contiguous().sum()):
        face_verts = scene.face_verts.clone().requires_grad_()
        loss(rasterize_faces(face_verts, scene, False, False)[1]).backward()
        results.append(face_verts.grad)
    assert float(results[0].abs().max()) > 0
    assert torch.equal(*results)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_same_bits_for_any_number_of_threads(threads, monkeypatch):
    # One face covers 9,000 pixels, more than one share of work; the others are small.
    corners = torch.tensor([[[-9.0, -9.0, 3.0], [9.0, -9.0, 3.0], [0.0, 9.0, 2.0]]])
    scene = random_scene(6)
    scene = scene._replace(
        face_verts=torch.cat([corners, scene.face_verts]), siblings=torch.full((len(scene.face_verts) + 1,), -1),
        faces_per_mesh=torch.tensor([len(scene.face_verts) + 1]), image_size=(90, 100), blur_radius=1e-3,
        faces_per_pixel=8,
    )  # fmt: skip
    before = torch.get_num_threads()
    found = []
    for count, pixels_per_piece in ((1, 1 << 14), (threads, 1 << 14), (threads, 64)):
        monkeypatch.setattr("geolearn.kernels.rasterize_backward.PIXELS_PER_PIECE", pixels_per_piece)
        torch.set_num_threads(count)
        try:
            face_verts = scene.face_verts.clone().requires_grad_()
            outputs = rasterize_faces(face_verts, scene, True, True)[1:]
            found += torch.autograd.grad(sum((output.sin()).sum() for output in outputs), face_verts)
        finally:
            torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    exact = scene.face_verts.double().requires_grad_()
    pix_to_face = rasterize_faces(scene.face_verts, scene, True, True)[0]
    loss = sum(output.sin().sum() for output in plain_hits(exact, pix_to_face, True, True))
    assert relative_error(found[0], torch.autograd.grad(loss, exact)[0]) < 1e-4


def test_no_gradient_without_hits():
    verts = torch.tensor([[-1.0, -1.0, -1.0], [1.0, -1.0, -1.0], [0.0, 1.0, -1.0]], requires_grad=True)
    batch = MeshBatch.from_meshes([Mesh(verts, torch.tensor([[0, 1, 2]]))])
    for z_clip_value in (None, 0.1):
        _, zbuf, barycentrics, dists = rasterize_meshes(batch, 8, z_clip_value=z_clip_value)
        (gradient,) = torch.autograd.grad(zbuf.sum() + barycentrics.sum() + dists.sum(), verts)
        assert bool((gradient == 0).all())
