"""Soft silhouettes and depth maps: by hand, by the formula in float64 with its gradient, and on hard input."""

import math

import pytest
import torch
from raster_scenes import edge_function, nearest_on_edges

from geolearn.errors import InvalidInputError
from geolearn.render import camera_rig, render_depth, render_silhouette, render_views, to_pytorch3d
from geolearn.render.soft import hit_depths
from geolearn.structures import Cameras, Mesh, MeshBatch

trimesh = pytest.importorskip("trimesh")


def camera(height=9, width=9, focal=9.0):
    """At the origin looking along +Z, with x right and y down."""
    K = [[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]]
    return Cameras(torch.tensor([K]), torch.eye(4)[None], height, width)


def triangle(corners, depth=1.0):
    return Mesh(torch.tensor([[*corner, depth] for corner in corners]), torch.tensor([[0, 1, 2]]))


def sphere(level=2, radius=0.4, centre=(0.0, 0.0, 0.0)):
    ball = Mesh.from_trimesh(trimesh.creation.icosphere(level, radius))
    return Mesh(ball.verts + torch.tensor(centre), ball.faces)


EMPTY = Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64))


def plain_silhouette(verts, faces, K, pose, height, width, sigma, blur_radius):
    """The formula in float64, every face against every pixel: one image."""
    local = verts @ pose[:3, :3].T + pose[:3, 3]
    homogeneous = local @ K.T
    unit = min(height, width) / 2
    points = homogeneous[:, :2] / homogeneous[:, 2:] / unit
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    pixels = torch.stack([x.reshape(-1), y.reshape(-1)], 1).double() / unit
    passes = torch.ones(len(pixels), dtype=torch.float64)
    for face in faces.tolist():
        corners = [points[vertex].expand(len(pixels), 2) for vertex in face]
        area = edge_function(corners[2], corners[0], corners[1])
        edges = [edge_function(pixels, corners[i], corners[i - 2]) / area for i in range(3)]
        inside = (torch.stack(edges) > 0).all(0)
        nearest = nearest_on_edges(pixels, torch.stack(corners, 1))
        distances = ((pixels - nearest) ** 2).sum(2)
        distance = distances.gather(0, distances.argmin(0, keepdim=True))[0]
        share = torch.sigmoid(torch.where(inside, distance, -distance) / sigma)
        passes = passes * torch.where(inside | (distance < blur_radius), 1 - share, 1.0)
    return (1 - passes).reshape(height, width)


def scene(seed, height, width):
    """Triangles of all sizes, a camera that sees most of them, and the same in float64."""
    generator = torch.Generator().manual_seed(seed)
    centres = 1.4 * torch.rand(10, 1, 3, generator=generator) - 0.7
    extent = torch.tensor([0.02, 0.1, 0.3, 1.0, 2.0]).repeat(2)[:, None, None]
    verts = (centres + extent * (torch.rand(10, 3, 3, generator=generator) - 0.5)).reshape(-1, 3)
    faces = torch.cat([torch.arange(30).reshape(10, 3), torch.tensor([[0, 3, 6], [1, 1, 4]])])
    rig = camera_rig("sphere", count=7, size=(height, width))[[seed % 7]]
    return verts, faces, rig


@pytest.mark.parametrize("size", [(16, 16), (12, 30), (31, 9), (1, 1)])
@pytest.mark.parametrize("sigma", [1e-4, 3e-3])
def test_equals_the_formula_and_its_gradient(size, sigma):
    for seed in range(3):
        verts, faces, rig = scene(seed, *size)
        leaves = [verts.clone(), rig.K.clone(), rig.world_to_camera.clone()]
        exact = [leaf.double().requires_grad_() for leaf in leaves]
        leaves = [leaf.requires_grad_() for leaf in leaves]
        image = render_silhouette(Mesh(leaves[0], faces), Cameras(leaves[1], leaves[2], *size), sigma=sigma)[0]
        plain = plain_silhouette(exact[0], faces[:-1], exact[1][0], exact[2][0], *size, sigma, 9.2102 * sigma)
        # A pixel at the very end of the blur may be counted or not: that is the 1e-4 of the last share.
        assert float((image.double() - plain).detach().abs().max()) < 2e-4
        weights = torch.rand(size, generator=torch.Generator().manual_seed(seed))
        found = torch.autograd.grad((weights * image).sum(), leaves)
        expected = torch.autograd.grad((weights * plain).sum(), exact)
        for ours, theirs in zip(found, expected, strict=True):
            assert float((ours - theirs).abs().max()) <= 1e-3 * float(theirs.abs().max())


@pytest.mark.parametrize("size", [(14, 14), (10, 23)])
def test_smooth_gradient_without_a_cut_is_exact(size):
    """With a blur that reaches everywhere there is no end of the blur, and nothing but rounding."""
    verts, faces, rig = scene(3, *size)
    leaf, exact = verts.clone().requires_grad_(), verts.double().requires_grad_()
    image = render_silhouette(Mesh(leaf, faces), rig, sigma=0.02, blur_radius=100.0)[0]
    plain = plain_silhouette(exact, faces[:-1], rig.K[0].double(), rig.world_to_camera[0].double(), *size, 0.02, 100.0)
    assert float((image.double() - plain).detach().abs().max()) < 3e-6
    weights = torch.rand(size, generator=torch.Generator().manual_seed(0)) - 0.5
    (found,) = torch.autograd.grad((weights * image).sum(), leaf)
    (expected,) = torch.autograd.grad((weights * plain).sum(), exact)
    assert float((found - expected).abs().max()) < 1e-5 * float(expected.abs().max())


def test_one_edge_by_hand():
    # In the 9 x 9 camera a corner (x, y) at depth 1 is pixel 9 x + 4.5. The edge x = 0.5 is the column u = 9, beside
    # which the last pixel centre 8.5 is 0.5 px = 1/9 NDC away; the face lies beyond it.
    mesh = triangle([(0.5, -9.0), (0.5, 9.0), (9.0, 0.0)])
    verts = mesh.verts.requires_grad_()
    image = render_silhouette(Mesh(verts, mesh.faces), camera(), sigma=0.01, blur_radius=0.02)[0]
    share = 1 / (1 + math.exp((1 / 9) ** 2 / 0.01))
    assert image[4, 8].item() == pytest.approx(share, rel=1e-5)
    assert bool((image[:, :8] == 0).all())
    # d alpha / dx = -p (1 - p) / sigma * 2 d, and an edge that moves by dx in the world moves by 2 dx in NDC.
    (gradient,) = torch.autograd.grad(image[4, 8], verts)
    assert float(gradient[:, 0].sum()) == pytest.approx(-share * (1 - share) / 0.01 * 2 / 9 * 2, rel=1e-4)
    assert float(gradient[:2, 0].min()) == pytest.approx(float(gradient[:2, 0].max()), rel=1e-4)


def test_inside_and_on_an_edge_by_hand():
    # The centre pixel lies 1.5 px = 1/3 NDC inside of the nearest edge, or on it.
    image = render_silhouette(triangle([(-1 / 6, -9.0), (-1 / 6, 9.0), (9.0, 0.0)]), camera(), sigma=0.1)[0]
    assert image[4, 4] == pytest.approx(1 / (1 + math.exp(-1 / 9 / 0.1)), rel=1e-5)
    on_edge = render_silhouette(triangle([(0.0, -9.0), (0.0, 9.0), (9.0, 0.0)]), camera(), sigma=0.1)[0]
    assert on_edge[4, 4] == pytest.approx(0.5, abs=1e-6)
    twice = MeshBatch.from_meshes([triangle([(0.0, -9.0), (0.0, 9.0), (9.0, 0.0)])])
    doubled = Mesh(twice.verts, torch.cat([twice.faces, twice.faces.flip(1)]))
    assert render_silhouette(doubled, camera(), sigma=0.1)[0, 4, 4] == pytest.approx(0.75, abs=1e-6)


@pytest.mark.parametrize("size", [(40, 40), (33, 60), (60, 21)])
def test_small_sigma_is_the_hard_silhouette(size):
    # Off centre, because a pixel exactly on an edge is half seen by each of its faces.
    mesh, cameras = sphere(3, centre=(0.011, 0.017, -0.007)), camera_rig("sphere", count=5, size=size)
    hard = render_views(mesh, cameras, shading="silhouette")[:, 0]
    assert torch.equal(render_silhouette(mesh, cameras, sigma=1e-13), hard)
    assert 0 < float(hard.mean()) < 1


def test_nearest_faces_are_all_faces_where_k_suffices():
    verts, faces, rig = scene(5, 20, 33)
    leaf, pose = verts.requires_grad_(), rig.world_to_camera.clone().requires_grad_()
    cameras = Cameras(rig.K, pose, 20, 33)
    images = [render_silhouette(Mesh(leaf, faces), cameras, sigma=1e-3, faces_per_pixel=k) for k in (None, 12, 1)]
    assert torch.allclose(images[0], images[1], atol=1e-5)
    assert float((images[0] - images[2]).detach().max()) > 0.1
    gradients = [torch.autograd.grad(image.square().sum(), [leaf, pose]) for image in images[:2]]
    for ours, theirs in zip(*gradients, strict=True):
        assert float((ours - theirs).abs().max()) < 1e-4 * float(theirs.abs().max())


def test_equals_pytorch3ds_shader():
    renderer = pytest.importorskip("pytorch3d.renderer")
    mesh, cameras = sphere(2), camera_rig("ring", count=2, size=(24, 37))
    settings = renderer.RasterizationSettings(image_size=(24, 37), blur_radius=9.2e-3, faces_per_pixel=80)
    theirs = renderer.MeshRenderer(
        renderer.MeshRasterizer(to_pytorch3d(cameras), settings),
        renderer.SoftSilhouetteShader(blend_params=renderer.BlendParams(sigma=1e-3)),
    )(mesh.to_pytorch3d().extend(2))[..., 3]
    assert torch.allclose(render_silhouette(mesh, cameras, sigma=1e-3, blur_radius=9.2e-3), theirs, atol=2e-4)


@pytest.mark.parametrize("shift", [(0.15, 0.0, 0.0), (0.0, -0.12, 0.1)])
def test_the_gradient_pulls_a_sphere_to_a_shifted_silhouette(shift):
    cameras = camera_rig("sphere", count=8, size=48)
    target = render_silhouette(sphere(2, 0.3, shift), cameras)
    move = torch.zeros(3, requires_grad=True)
    start = sphere(2, 0.3)
    optimiser = torch.optim.Adam([move], lr=0.02)
    for _ in range(40):
        loss = (render_silhouette(Mesh(start.verts + move, start.faces), cameras) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float((move.detach() - torch.tensor(shift)).norm()) < 0.01


def test_the_gradient_turns_a_camera_back():
    rig = camera_rig("ring", count=1, size=(30, 44))
    mesh = Mesh.from_trimesh(trimesh.creation.box((0.9, 0.5, 0.3)))
    target = render_silhouette(mesh, rig)
    offset = torch.tensor([0.05, -0.04, 0.1], requires_grad=True)
    optimiser = torch.optim.Adam([offset], lr=0.01)
    for _ in range(80):
        pose = rig.world_to_camera + torch.nn.functional.pad(offset[None, :, None], (3, 0, 0, 1))
        loss = (render_silhouette(mesh, Cameras(rig.K, pose, 30, 44)) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(offset.detach().norm()) < 0.03  # from 0.12


def test_batches_sizes_and_order():
    meshes = [sphere(1), EMPTY, Mesh(torch.cat([sphere(2).verts, torch.full((3, 3), -9.0)]), sphere(2).faces)]
    cameras = camera_rig("sphere", count=3, size=(20, 30))
    batch = MeshBatch.from_meshes(meshes)
    for render in (render_silhouette, render_depth):
        together = render(batch, cameras, (12, 18))
        assert together.shape == (3, 3, 12, 18)
        assert together.dtype == torch.float32
        for image, mesh in zip(together, meshes, strict=True):
            assert torch.allclose(image, render(mesh, cameras, (12, 18)), atol=1e-6)
        assert bool((together[1] == 0).all())
        assert render(meshes[0], cameras[:0]).shape == (0, 20, 30)
        assert render(meshes[0], cameras, 1).shape == (3, 1, 1)


def test_gradients_of_a_batch_are_those_of_its_meshes():
    meshes = [sphere(1), EMPTY, sphere(2, 0.3, (0.1, 0.0, 0.0))]
    cameras = camera_rig("ring", count=2, size=16)
    packed = MeshBatch.from_meshes(meshes)
    for render in (render_silhouette, render_depth):
        verts = packed.verts.clone().requires_grad_()
        batch = MeshBatch(verts, packed.faces, packed.verts_per_mesh, packed.faces_per_mesh)
        (together,) = torch.autograd.grad(render(batch, cameras).square().sum(), verts)
        alone = []
        for mesh in meshes:
            leaf = mesh.verts.clone().requires_grad_()
            alone += torch.autograd.grad(render(Mesh(leaf, mesh.faces), cameras).square().sum(), leaf)
        assert torch.allclose(together, torch.cat(alone), atol=1e-4 * float(together.abs().max()))


def test_behind_around_and_across_the_camera():
    around = Mesh.from_trimesh(trimesh.creation.box((2.0, 2.0, 2.0)))
    for centre, expected in (((0.0, 0.0, 0.0), 1.0), ((0.0, 0.0, -9.0), 0.0)):
        verts = (around.verts + torch.tensor(centre)).requires_grad_()
        cameras = Cameras(camera(8, 15).K, torch.eye(4)[None].requires_grad_(), 8, 15)
        hard = render_silhouette(Mesh(verts, around.faces), cameras, sigma=1e-9)
        assert bool((hard == expected).all())
        soft, depth = (
            render_silhouette(Mesh(verts, around.faces), cameras),
            render_depth(Mesh(verts, around.faces), cameras),
        )
        for gradient in torch.autograd.grad(soft.sum() + depth.sum(), [verts, cameras.world_to_camera]):
            assert bool(torch.isfinite(gradient).all())
        assert bool((depth == expected).all())
    # A floor that runs from behind the camera to the horizon: the lower half of the picture.
    floor = Mesh(
        torch.tensor([[-99.0, 1.0, -5.0], [99.0, 1.0, -5.0], [99.0, 1.0, 99.0], [-99.0, 1.0, 99.0]]),
        torch.tensor([[0, 1, 2], [0, 2, 3]]),
    )
    for view in (camera(10, 10), camera(10, 24)):
        hard = render_views(floor, view, shading="silhouette")[:, 0]
        assert torch.equal(render_silhouette(floor, view, sigma=1e-11), hard)
        assert hard.mean() == 0.5


def test_a_vertex_in_the_plane_of_the_camera():
    verts = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 2.0], [0.0, 1.0, 2.0], [1.0, 1.0, 0.0]], requires_grad=True)
    mesh = Mesh(verts, torch.tensor([[0, 1, 2], [1, 2, 3]]))
    image, depth = render_silhouette(mesh, camera()), render_depth(mesh, camera())
    (gradient,) = torch.autograd.grad(image.sum() + depth.sum(), verts)
    assert float(image.detach().max()) > 0.9
    assert bool(torch.isfinite(gradient).all())


def test_faces_without_area_and_vertices_without_faces():
    verts = torch.tensor([[0.0, 0.0, 2.0], [0.1, 0.1, 2.0], [0.2, 0.2, 2.0], [5.0, 5.0, 5.0]], requires_grad=True)
    mesh = Mesh(verts, torch.tensor([[0, 1, 2], [1, 1, 2], [2, 2, 2]]))
    for render in (render_silhouette, render_depth):
        image = render(mesh, camera())
        assert bool((image == 0).all())
        assert bool((torch.autograd.grad(image.sum(), verts)[0] == 0).all())


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_same_bits_for_any_number_of_threads(threads):
    mesh, rig = sphere(3), camera_rig("ring", count=1, size=70)
    before, found = torch.get_num_threads(), []
    for count in (1, threads):
        torch.set_num_threads(count)
        try:
            verts = mesh.verts.clone().requires_grad_()
            image = render_silhouette(Mesh(verts, mesh.faces), rig, sigma=1e-3)
            found.append((image, *torch.autograd.grad(image.square().sum(), verts)))
        finally:
            torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_depth_is_that_of_views_and_of_a_plane_by_hand():
    mesh, cameras = sphere(3), camera_rig("sphere", count=4, size=(30, 50))
    expected = render_views(mesh, cameras, shading="depth")[:, 0]
    assert torch.allclose(render_depth(mesh, cameras), expected, atol=1e-5)
    # A wall at depth 3: moving all of it by dz moves every depth by dz, moving it sideways changes nothing.
    wall = triangle([(-90.0, -90.0), (90.0, -90.0), (0.0, 180.0)], 3.0)
    verts = wall.verts.requires_grad_()
    depth = render_depth(Mesh(verts, wall.faces), camera())
    (gradient,) = torch.autograd.grad(depth.mean(), verts)
    assert torch.allclose(depth, torch.tensor(3.0))
    assert torch.allclose(gradient.sum(0), torch.tensor([0.0, 0.0, 1.0]), atol=1e-5)


def test_depth_gradients_equal_finite_differences():
    generator = torch.Generator().manual_seed(1)
    corners = torch.randn(5, 3, 3, generator=generator, dtype=torch.float64).requires_grad_()
    pixels = torch.randn(5, 2, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda corners: hit_depths(corners, pixels), corners)
    tilted = torch.tensor([[-9.0, -8.0, 4.0], [9.0, -7.0, 5.0], [0.3, 9.0, 8.0]])
    rig = camera(11, 14)
    leaves = [leaf.clone().requires_grad_() for leaf in (tilted, rig.K, rig.world_to_camera)]

    def loss(verts, K, pose):
        depth = render_depth(Mesh(verts, torch.tensor([[0, 1, 2]])), Cameras(K, pose, 11, 14))
        return (depth.double() * torch.linspace(0.2, 1, 14)).sum()

    gradients = torch.autograd.grad(loss(*leaves), leaves)
    for number, entries in enumerate([[(0, 0), (1, 1), (2, 2)], [(0, 0, 0), (0, 1, 2)], [(0, 0, 3), (0, 2, 3)]]):
        for entry in entries:
            values = []
            for step in (-1e-2, 1e-2):
                moved = [leaf.detach().clone() for leaf in leaves]
                moved[number][entry] += step
                values.append(float(loss(*moved)))
            expected = (values[1] - values[0]) / 2e-2
            assert abs(expected) > 0.1
            assert float(gradients[number][entry]) == pytest.approx(expected, rel=5e-3)


def test_depth_pulls_a_sphere_to_its_distance():
    cameras = camera_rig("ring", count=1, size=32)
    target = render_depth(sphere(2, 0.3, (0.1, 0.0, 0.0)), cameras)
    move, start = torch.zeros(3, requires_grad=True), sphere(2, 0.3)
    depth = render_depth(Mesh(start.verts + move, start.faces), cameras)
    both = (depth > 0) & (target > 0)
    (depth - target)[both].square().mean().backward()
    towards = cameras.world_to_camera[0, 2, :3]  # the camera's axis; the target lies nearer along it
    assert float((move.grad * towards).sum()) > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sigma": 0.0}, "sigma: expected a squared distance > 0, got 0.0"),
        ({"sigma": math.nan}, "sigma: expected a squared distance > 0, got nan"),
        ({"blur_radius": -1e-4}, "blur_radius: expected a squared distance >= 0, got -0.0001"),
        ({"blur_radius": math.inf}, "blur_radius: .* got inf"),
        ({"faces_per_pixel": 0}, "faces_per_pixel: expected at least 1, or None for all, got 0"),
        ({"size": 0}, "size: expected at least 1 pixel, got 0 x 0"),
        ({"size": (5, -1)}, "size: expected at least 1 pixel, got 5 x -1"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        render_silhouette(sphere(0), camera(), **settings)


def test_bad_meshes():
    bad = sphere(1).verts.clone()
    bad[3, 1] = math.nan
    with pytest.raises(InvalidInputError, match="verts: 1 of 126 values are NaN"):
        Mesh(bad, sphere(1).faces)
    with pytest.raises(InvalidInputError, match="size: expected at least 1 pixel"):
        render_depth(sphere(0), camera(), 0)
    for render in (render_silhouette, render_depth):
        with pytest.raises(InvalidInputError, match="mesh, cameras: expected both on one device, got meta and cpu"):
            render(on_meta(sphere(0)), camera())


def on_meta(mesh):
    """A mesh on another device; the check of values that a record makes at the door is not possible there."""
    other = object.__new__(MeshBatch)
    for name in ("verts", "faces", "verts_per_mesh", "faces_per_mesh"):
        object.__setattr__(other, name, getattr(MeshBatch.from_meshes([mesh]), name).to("meta"))
    return other
