"""The rasterizer finds the hits PyTorch3D's C++ rasterizer finds, knows the values by hand, and says what is wrong."""

import itertools

import pytest
import torch
from raster_scenes import plain_hits, random_scene

from geolearn.errors import InvalidInputError
from geolearn.render.rasterizer import MeshRasterizer, RasterizeFaces, rasterize_meshes
from geolearn.structures import Mesh, MeshBatch

TRIANGLE = torch.tensor([[-1.0, -1.0, 2.0], [1.0, -1.0, 2.0], [-1.0, 1.0, 4.0]])
FLAGS = list(itertools.product([False, True], repeat=3))  # perspective, clip, cull


def mesh(verts, faces=((0, 1, 2),)):
    return Mesh(verts, torch.tensor(faces))


def rasterize_faces(scene, perspective_correct, clip, cull):
    first = scene.faces_per_mesh.cumsum(0) - scene.faces_per_mesh
    return RasterizeFaces.apply(
        scene.face_verts, first, scene.faces_per_mesh, scene.siblings, scene.image_size, scene.blur_radius,
        scene.faces_per_pixel, perspective_correct, clip, cull, False,
    )  # fmt: skip


def in_pytorch3d(scene, perspective_correct, clip, cull):
    first = scene.faces_per_mesh.cumsum(0) - scene.faces_per_mesh
    return pytest.importorskip("pytorch3d._C").rasterize_meshes(
        scene.face_verts, first, scene.faces_per_mesh, scene.siblings, scene.image_size, scene.blur_radius,
        scene.faces_per_pixel, 0, 0, perspective_correct, clip, cull,
    )  # fmt: skip


def assert_same_hits(found, expected):
    assert torch.equal(found[0], expected[0])
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        assert float(((ours - theirs).abs() / (1 + theirs.abs())).max() if ours.numel() else 0) <= 1e-5


def test_values_of_one_triangle_by_hand():
    # 2 x 2 pixels with centres at +-0.5, +X left: image x runs 0.5, -0.5 and image y runs 0.5, -0.5.
    pix_to_face, zbuf, barycentrics, dists = rasterize_meshes(mesh(TRIANGLE), 2, faces_per_pixel=1)
    assert pix_to_face[0, :, :, 0].tolist() == [[-1, -1], [-1, 0]]
    assert torch.allclose(barycentrics[0, 1, 1, 0], torch.tensor([0.5, 0.25, 0.25]))
    assert zbuf[0, 1, 1, 0] == pytest.approx(2 * 0.75 + 4 * 0.25)
    assert dists[0, 1, 1, 0] == pytest.approx(-0.25)
    assert zbuf[0, 0, 0, 0] == dists[0, 0, 0, 0] == barycentrics[0, 0, 0, 0, 0] == -1


def test_perspective_correction_by_hand():
    _, zbuf, barycentrics, _ = rasterize_meshes(mesh(TRIANGLE), 2, faces_per_pixel=1, perspective_correct=True)
    # Weights over depth: 0.5/2, 0.25/2, 0.25/4 = 4, 2, 1 sixteenths, that is 4/7, 2/7, 1/7.
    assert torch.allclose(barycentrics[0, 1, 1, 0], torch.tensor([4.0, 2.0, 1.0]) / 7)
    assert zbuf[0, 1, 1, 0] == pytest.approx((2 * 4 + 2 * 2 + 4 * 1) / 7)


def test_blur_reaches_outside_and_clipping_moves_to_the_nearest_barycentrics():
    found = rasterize_meshes(mesh(TRIANGLE), 2, 0.26, 1, clip_barycentric_coords=True)
    # The pixels (0.5, -0.5) and (-0.5, 0.5) lie on the long edge: not inside, at distance 0.
    assert found[0][0, :, :, 0].tolist() == [[-1, 0], [0, 0]]
    assert found[3][0, 0, 1, 0] == pytest.approx(0.0, abs=1e-7)
    # (0.5, 0.5) is sqrt(0.5) from it, at barycentrics (-0.5, 0.75, 0.75).
    found = rasterize_meshes(mesh(TRIANGLE), 2, 0.51, 1, clip_barycentric_coords=True)
    assert found[3][0, 0, 0, 0] == pytest.approx(0.5)
    assert torch.allclose(found[2][0, 0, 0, 0], torch.tensor([0.0, 0.5, 0.5]))
    assert found[1][0, 0, 0, 0] == pytest.approx(3.0)


def test_nearest_first_and_equal_depths_in_order_of_faces():
    flat = torch.cat([TRIANGLE * torch.tensor([1.0, 1.0, 0.0]) + torch.tensor([0, 0, z]) for z in (3.0, 1.0, 2.0, 1.0)])
    found = rasterize_meshes(mesh(flat, torch.arange(12).reshape(4, 3).tolist()), 2, faces_per_pixel=3)
    assert found[0][0, 1, 1].tolist() == [1, 3, 2]
    assert found[1][0, 1, 1].tolist() == [1.0, 1.0, 2.0]


def test_back_faces_are_culled_on_request():
    # +X is left, so a triangle that is counter-clockwise on paper is clockwise in the image.
    front = mesh(TRIANGLE, ((0, 2, 1),))
    assert int((rasterize_meshes(front, 4, cull_backfaces=True)[0] >= 0).sum()) == 6
    assert int((rasterize_meshes(mesh(TRIANGLE), 4)[0] >= 0).sum()) == 6
    assert int((rasterize_meshes(mesh(TRIANGLE), 4, cull_backfaces=True)[0] >= 0).sum()) == 0


@pytest.mark.parametrize("flags", FLAGS)
def test_equals_pytorch3d_on_random_scenes(flags):
    hits = 0
    for seed in range(30):
        scene = random_scene(seed)
        found = rasterize_faces(scene, *flags)
        assert_same_hits(found, in_pytorch3d(scene, *flags))
        hits += int((found[0] >= 0).sum())
    assert hits > 1000


@pytest.mark.slow
def test_equals_pytorch3d_on_many_random_scenes():
    """Prints the counts, with `pytest -m slow -s`."""
    scenes = pixels = places = hits = mismatches = 0
    largest = 0.0
    for flags in FLAGS:
        for seed in range(1000, 1250):
            scene = random_scene(seed)
            found, expected = rasterize_faces(scene, *flags), in_pytorch3d(scene, *flags)
            assert_same_hits(found, expected)
            scenes += 1
            pixels += found[0][..., 0].numel()
            places += found[0].numel()
            hits += int((found[0] >= 0).sum())
            mismatches += int((found[0] != expected[0]).sum())
            for ours, theirs in zip(found[1:], expected[1:], strict=True):
                if ours.numel():
                    largest = max(largest, float(((ours - theirs).abs() / (1 + theirs.abs())).max()))
    print(
        f"\n{scenes} scenes ({len(FLAGS)} combinations of flags x 250), {pixels:,} pixels, {places:,} places, "
        f"{hits:,} hits: {mismatches} differ in face; depth, barycentrics and distance by {largest:.1e} at most"
    )
    assert mismatches == 0


@pytest.mark.parametrize("z_clip_value", [0.1, 0.5])
@pytest.mark.parametrize("perspective_correct", [False, True])
def test_equals_pytorch3d_through_the_near_plane(z_clip_value, perspective_correct):
    structures = pytest.importorskip("pytorch3d.structures")
    theirs = pytest.importorskip("pytorch3d.renderer.mesh").rasterize_meshes
    cut = 0
    for seed in range(15):
        scene = random_scene(seed)
        corners = [c for c in scene.face_verts.split(scene.faces_per_mesh.tolist()) if len(c)]
        meshes = structures.Meshes(
            [c.reshape(-1, 3) for c in corners], [torch.arange(3 * len(c)).reshape(-1, 3) for c in corners]
        )
        settings = {
            "image_size": scene.image_size, "blur_radius": scene.blur_radius, "faces_per_pixel": scene.faces_per_pixel,
            "perspective_correct": perspective_correct, "clip_barycentric_coords": seed % 2 == 0,
            "z_clip_value": z_clip_value,
        }  # fmt: skip
        assert_same_hits(rasterize_meshes(meshes, **settings), theirs(meshes, **settings))
        behind = (torch.cat(corners)[..., 2] < z_clip_value).sum(1)
        cut += int(((behind > 0) & (behind < 3)).sum())
    assert cut > 50


def test_depths_and_distances_are_those_of_the_formula():
    scene = random_scene(4)._replace(face_verts=random_scene(4).face_verts.abs() + torch.tensor([-0.5, -0.5, 0.5]))
    found = rasterize_faces(scene, True, True, False)
    hit = found[0] >= 0
    for ours, plain in zip(found[1:], plain_hits(scene.face_verts.double(), found[0], True, True), strict=True):
        assert torch.allclose(ours[hit].double(), plain, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_same_bits_for_any_number_of_threads(threads):
    scene = random_scene(18)
    expected = rasterize_faces(scene, True, True, False)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = rasterize_faces(scene, True, True, False)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_many_large_faces_in_coarser_tiles(monkeypatch):
    expected = [rasterize_faces(random_scene(seed), False, False, False) for seed in (3, 7, 22)]
    monkeypatch.setattr("geolearn.kernels.rasterize.MIN_PAIRS", 1)
    monkeypatch.setattr("geolearn.kernels.rasterize.BYTES_PER_HIT", 0)
    for seed, wanted in zip((3, 7, 22), expected, strict=True):
        found = rasterize_faces(random_scene(seed), False, False, False)
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_150_faces_per_pixel():
    depths = torch.linspace(3, 1, 200)
    corners = TRIANGLE[None] * torch.tensor([1.0, 1.0, 0.0]) + depths[:, None, None] * torch.tensor([0.0, 0.0, 1.0])
    found = rasterize_meshes(mesh(corners.reshape(-1, 3), torch.arange(600).reshape(-1, 3).tolist()), 3, 0.0, 150)
    assert found[0][0, 2, 2].tolist() == list(range(199, 49, -1))


def test_batch_of_different_meshes_counts_faces_through_it():
    near = mesh(TRIANGLE - torch.tensor([0.0, 0.0, 1.0]))
    empty = Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64))
    batch = MeshBatch.from_meshes([mesh(TRIANGLE), empty, near, empty])
    pix_to_face, zbuf, *_ = rasterize_meshes(batch, (2, 4), z_clip_value=0.5)
    alone = rasterize_meshes(near, (2, 4))
    assert (pix_to_face[1] == -1).all()
    assert (pix_to_face[3] == -1).all()
    assert torch.equal(pix_to_face[2] >= 0, alone[0][0] >= 0)
    assert set(pix_to_face[2].unique().tolist()) == {-1, 1}
    assert torch.equal(zbuf[2], alone[1][0])


def test_nothing_to_see_gives_empty_images():
    empty = Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64))
    behind = mesh(TRIANGLE * torch.tensor([1.0, 1.0, -1.0]))
    beside = mesh(TRIANGLE + torch.tensor([5.0, 0.0, 0.0]))
    flat = mesh(TRIANGLE * torch.tensor([1.0, 0.0, 1.0]))
    for nothing in (empty, behind, beside, flat):
        for z_clip_value in (None, 0.1):
            found = rasterize_meshes(nothing, (3, 5), 1e-3, 2, z_clip_value=z_clip_value)
            assert [tuple(value.shape) for value in found] == [
                (1, 3, 5, 2),
                (1, 3, 5, 2),
                (1, 3, 5, 2, 3),
                (1, 3, 5, 2),
            ]
            assert all(bool((value == -1).all()) for value in found)


def test_nothing_is_left_when_all_faces_are_culled():
    verts = TRIANGLE.clone().requires_grad_()
    found = rasterize_meshes(mesh(verts), 4, 1e-2, 3, cull_backfaces=True)
    assert all(bool((value == -1).all()) for value in found)
    (gradient,) = torch.autograd.grad(sum(value.sum() for value in found[1:]), verts)
    assert bool((gradient == 0).all())


def test_one_pixel():
    pix_to_face, zbuf, *_ = rasterize_meshes(mesh(TRIANGLE - torch.tensor([0.1, 0.1, 0])), 1, faces_per_pixel=1)
    assert pix_to_face.item() == -1
    pix_to_face, zbuf, *_ = rasterize_meshes(mesh(TRIANGLE + torch.tensor([0.5, 0.5, 0])), 1, faces_per_pixel=1)
    assert (pix_to_face.item(), zbuf.item()) == (0, pytest.approx(2.5))


def test_a_face_touching_the_camera_plane_is_dropped_not_smeared():
    touching = TRIANGLE.clone()
    touching[0] = torch.tensor([float("inf"), float("nan"), 0.0])
    for z_clip_value in (None, 0.1):
        found = rasterize_meshes(mesh_of(touching), 8, 1e-2, perspective_correct=True, z_clip_value=z_clip_value)
        assert bool((found[0] == -1).all())


def test_huge_corners_are_no_mistake():
    # Their sum is infinite, they are not; what is beside them is still drawn.
    verts = torch.cat([TRIANGLE, torch.tensor([[3e38, 3e38, 1.0], [3e38, 2e38, 1.0], [2e38, 3e38, 1.0]])])
    found = rasterize_meshes(mesh(verts, ((0, 1, 2), (3, 4, 5))), 4)
    assert int((found[0] == 0).sum()) == 6
    assert int((found[0] == 1).sum()) == 0


def mesh_of(verts):
    """Not a `Mesh`, which would refuse infinite vertices."""
    structures = pytest.importorskip("pytorch3d.structures")
    return structures.Meshes([verts], [torch.tensor([[0, 1, 2]])])


def test_frustum_culling_never_drops_a_visible_face():
    # PyTorch3D's culling drops this face, because all coordinates of its first corner exceed 1.
    visible = mesh(torch.tensor([[1.5, 1.5, 2.0], [-1.0, 0.0, 2.0], [0.0, -1.0, 2.0]]))
    culled = rasterize_meshes(visible, 8, cull_to_frustum=True)
    assert int((culled[0] >= 0).sum()) > 0
    assert all(torch.equal(a, b) for a, b in zip(culled, rasterize_meshes(visible, 8), strict=True))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"faces_per_pixel": 0}, "faces_per_pixel: expected at least 1, got 0"),
        ({"blur_radius": -1e-4}, "blur_radius: expected a squared distance >= 0, got -0.0001"),
        ({"blur_radius": float("nan")}, "blur_radius: .* got nan"),
        ({"image_size": 0}, "image_size: .* got 0"),
        ({"image_size": (8, 8, 8)}, r"image_size: .* got \(8, 8, 8\)"),
        ({"image_size": (8, 40000)}, "1 to 32767 pixels"),
        ({"z_clip_value": 0.0, "perspective_correct": True}, "z_clip_value: expected a depth > 0"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        rasterize_meshes(mesh(TRIANGLE), **settings)


def test_bad_meshes():
    with pytest.raises(InvalidInputError, match="1 of 1 faces have vertices that are NaN"):
        rasterize_meshes(mesh_of(TRIANGLE * torch.tensor([float("nan"), 1.0, 1.0])))
    with pytest.raises(InvalidInputError, match="1 of 1 faces have vertices that are NaN"):
        rasterize_meshes(mesh_of(TRIANGLE * torch.tensor([1.0, 1.0, float("nan")])))
    with pytest.raises(InvalidInputError, match=r"expected float32 vertices, got torch.float64"):
        rasterize_meshes(mesh_of(TRIANGLE.double()))
    with pytest.raises(InvalidInputError, match="expected PyTorch3D Meshes, a MeshBatch or a Mesh, got Tensor"):
        rasterize_meshes(TRIANGLE)


class TestMeshRasterizer:
    """Against PyTorch3D's class on a scene in world space."""

    @staticmethod
    def scene():
        structures = pytest.importorskip("pytorch3d.structures")
        generator = torch.Generator().manual_seed(1)
        soups = [torch.rand(3 * count, 3, generator=generator) * 2 - 1 for count in (12, 20)]
        return structures.Meshes(soups, [torch.arange(len(soup)).reshape(-1, 3) for soup in soups])

    @pytest.mark.parametrize("camera", ["FoVPerspectiveCameras", "FoVOrthographicCameras", "PerspectiveCameras"])
    @pytest.mark.parametrize("blur_radius", [0.0, 1e-3])
    def test_same_fragments(self, camera, blur_radius):
        renderer = pytest.importorskip("pytorch3d.renderer")
        R, T = renderer.look_at_view_transform(1.2, 20, [30, 200])  # close: faces cross the near plane
        cameras = getattr(renderer, camera)(R=R, T=T)
        settings = renderer.RasterizationSettings(image_size=(20, 33), blur_radius=blur_radius, faces_per_pixel=4)
        theirs = renderer.MeshRasterizer(cameras, settings)(self.scene())
        ours = MeshRasterizer(cameras, settings)(self.scene())
        assert type(ours) is type(theirs)
        names = ("pix_to_face", "zbuf", "bary_coords", "dists")
        assert_same_hits([getattr(ours, n) for n in names], [getattr(theirs, n) for n in names])

    def test_cameras_and_settings_can_come_with_the_call(self):
        renderer = pytest.importorskip("pytorch3d.renderer")
        cameras = renderer.FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        settings = renderer.RasterizationSettings(image_size=16, faces_per_pixel=2)
        late = MeshRasterizer()(self.scene(), cameras=cameras, raster_settings=settings)
        early = MeshRasterizer(cameras, settings).to("cpu")(self.scene())
        assert late.zbuf.shape == (2, 16, 16, 2)
        assert torch.equal(late.zbuf, early.zbuf)

    def test_renders_in_pytorch3d(self):
        renderer = pytest.importorskip("pytorch3d.renderer")
        cameras = renderer.FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        settings = renderer.RasterizationSettings(image_size=16, faces_per_pixel=5, blur_radius=1e-3)
        images = [
            renderer.MeshRenderer(rasterizer(cameras, settings), renderer.SoftSilhouetteShader())(self.scene())
            for rasterizer in (MeshRasterizer, renderer.MeshRasterizer)
        ]
        assert float(images[0][..., 3].max()) > 0.9
        assert torch.allclose(*images, atol=1e-5)

    def test_inside_the_mesh(self):
        renderer = pytest.importorskip("pytorch3d.renderer")
        box = pytest.importorskip("pytorch3d.utils").ico_sphere(1)
        verts = box.verts_packed().clone().requires_grad_()
        around = type(box)([verts], [box.faces_packed()])
        for cameras in (renderer.PerspectiveCameras(), renderer.FoVPerspectiveCameras(znear=0.01)):
            settings = renderer.RasterizationSettings(image_size=(9, 14), blur_radius=1e-3, faces_per_pixel=3)
            fragments = MeshRasterizer(cameras, settings)(around)
            outputs = [fragments.zbuf, fragments.bary_coords, fragments.dists]
            (gradient,) = torch.autograd.grad(sum(output.sum() for output in outputs), verts)
            assert bool(torch.isfinite(gradient).all())
        assert bool((fragments.pix_to_face[..., 0] >= 0).all())  # cut in front of the camera, nothing is missing

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"faces_per_pixel": 0}, "faces_per_pixel: expected at least 1, got 0"),
            ({"blur_radius": -1e-4}, "blur_radius: expected a squared distance >= 0"),
            ({"image_size": 0}, "image_size: .* got 0"),
        ],
    )
    def test_bad_settings(self, settings, message):
        renderer = pytest.importorskip("pytorch3d.renderer")
        cameras = renderer.FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        with pytest.raises(InvalidInputError, match=message):
            MeshRasterizer(cameras, renderer.RasterizationSettings(**settings))(self.scene())

    def test_bad_meshes_and_batches(self):
        renderer = pytest.importorskip("pytorch3d.renderer")
        cameras = renderer.FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]).expand(3, 3))
        settings = renderer.RasterizationSettings(image_size=1, faces_per_pixel=2)
        with pytest.raises(InvalidInputError, match="cameras: expected 1 or 2, one per mesh, got 3"):
            MeshRasterizer(cameras, settings)(self.scene())
        assert MeshRasterizer(cameras, settings)(self.scene()[[0, 1, 1]]).zbuf.shape == (3, 1, 1, 2)
        verts = self.scene().verts_list()
        verts[1][4, 0] = float("nan")
        with pytest.raises(InvalidInputError, match="1 of 32 faces have vertices that are NaN"):
            MeshRasterizer(cameras[0], settings)(type(self.scene())(verts, self.scene().faces_list()))

    def test_empty_mesh_in_a_batch(self):
        renderer = pytest.importorskip("pytorch3d.renderer")
        scene, nothing = self.scene(), torch.zeros(0, 3)
        batch = type(scene)([nothing, scene.verts_list()[0]], [nothing.long(), scene.faces_list()[0]])
        cameras = renderer.FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        found = MeshRasterizer(cameras, renderer.RasterizationSettings(image_size=9))(batch)
        assert bool((found.pix_to_face[0] == -1).all())
        assert bool((found.pix_to_face[1] >= 0).any())

    def test_no_cameras(self):
        with pytest.raises(ValueError, match="Cameras must be specified"):
            MeshRasterizer()(self.scene())
