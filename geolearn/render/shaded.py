"""Differentiable shaded pictures: PyTorch3D's own shaders and blending over the hits of our rasterizer."""

import math
from typing import Any, Literal

import torch

from geolearn._optional import require
from geolearn.errors import InvalidInputError, unknown_name
from geolearn.render.projection import NEAR, batch_in_view, image_size
from geolearn.render.rasterizer import MeshRasterizer
from geolearn.render.soft import LEAST_SHARE
from geolearn.structures import Cameras, Mesh, MeshBatch
from geolearn.structures.camera_conventions import to_pytorch3d
from geolearn.structures.foreign import takes_meshes
from geolearn.typing import Float, Tensor

Shader = Literal["soft_phong", "hard_phong", "soft_gouraud", "hard_gouraud", "hard_flat"]
SHADERS: dict[Shader, str] = {
    "soft_phong": "SoftPhongShader",
    "hard_phong": "HardPhongShader",
    "soft_gouraud": "SoftGouraudShader",
    "hard_gouraud": "HardGouraudShader",
    "hard_flat": "HardFlatShader",
}


@takes_meshes
def render_shaded(
    mesh: Mesh | MeshBatch,
    cameras: Cameras,
    size: int | tuple[int, int] | None = None,
    *,
    colours: Float[Tensor, "P 3"] | str | None = None,
    shader: Shader = "soft_phong",
    lights: Any = None,
    materials: Any = None,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    sigma: float = 1e-4,
    gamma: float = 1e-4,
    blur_radius: float | None = None,
    faces_per_pixel: int | None = None,
) -> Float[Tensor, "*B V 4 H W"]:
    """Pictures of every mesh from every camera, with gradients into vertices, colours, lights and cameras.

    Args:
        mesh: a mesh, or a batch of B meshes that are all seen by the same cameras.
        cameras: V cameras.
        size: side in pixels, or (height, width), if another than that of the cameras; the intrinsics are scaled.
        colours: of the (packed) P vertices, in [0, 1]; grey by default; or "normals": unit normals of the vertices as
            colours, (x right, y up, z to the viewer) from -1..1 to 0..1, without light.
        shader: `soft_phong`, `hard_phong`, `soft_gouraud`, `hard_gouraud` or `hard_flat`: PyTorch3D's classes. Hard
            ones show the nearest face, with gradients through its shading; soft ones blend all faces near a pixel
            (`softmax_rgb_blend`), so that gradients also move outlines.
        lights, materials: PyTorch3D's, for all images or for each (mesh after mesh, view after view); by default a
            white light at the camera.
        background: colour where nothing is seen.
        sigma, blur_radius, faces_per_pixel: as for `render_silhouette`. The latter two are by default 9.21 sigma and 10
            for soft shaders, 0 and 1 for hard ones.
        gamma: how much nearer a face must be to hide another: a part of the distance of the farthest vertex.

    Returns:
        float32 (V, 4, H, W), or (B, V, 4, H, W) for a batch: red, green, blue, and the opacity.

    Raises:
        MissingDependencyError: PyTorch3D is not installed (extra `render`).
        UnknownNameError: no such shader.
        InvalidInputError: as for `render_silhouette`; gamma <= 0; colours of another shape.

    >>> import trimesh
    >>> from geolearn.render import camera_rig
    >>> ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=2, radius=0.4))
    >>> render_shaded(ball, camera_rig("ring", count=2, size=16), shader="hard_phong").shape
    torch.Size([2, 4, 16, 16])
    """
    if shader not in SHADERS:
        raise unknown_name("shader", shader, SHADERS)
    if not (0 < sigma < math.inf and 0 < gamma < math.inf):
        raise InvalidInputError(f"sigma, gamma: expected numbers > 0, got {sigma} and {gamma}")
    height, width = image_size(cameras, size)
    batch = batch_in_view(mesh, cameras)
    if batch.verts.device != cameras.device:
        raise InvalidInputError(f"mesh, cameras: expected one device, got {batch.verts.device} and {cameras.device}")
    if isinstance(colours, str) and colours != "normals":
        raise InvalidInputError(f"colours: expected a tensor (V, 3) or 'normals', got {colours!r}")
    if isinstance(colours, Tensor) and colours.shape != batch.verts.shape:
        raise InvalidInputError(
            f"colours: expected {tuple(batch.verts.shape)}, one per vertex, got {tuple(colours.shape)}"
        )
    renderer = require("pytorch3d.renderer", extra="render")
    soft = shader.startswith("soft")
    views, images = len(cameras), len(batch) * len(cameras)
    if blur_radius is None:
        blur_radius = math.log(1 / LEAST_SHARE - 1) * sigma if soft else 0.0
    if images == 0 or len(batch.faces) == 0:  # which PyTorch3D's shaders do not take
        empty = torch.tensor((*background, 0.0), device=batch.verts.device)[:, None, None]
        pictures = empty.expand(len(batch), views, 4, height, width).clone()
        return pictures[0] if isinstance(mesh, Mesh) else pictures
    farthest = float(torch.cdist(cameras.centres.detach(), batch.verts.detach()).max())
    turns = torch.arange(views).repeat(len(batch))
    each = cameras.resized(height, width)[turns]
    seen_by = to_pytorch3d(each)
    meshes = batch.to_pytorch3d().extend(views)
    meshes.textures = renderer.TexturesVertex(_vertex_colours(colours, batch, meshes, each))
    if isinstance(colours, str):
        lights = renderer.AmbientLights(device=batch.verts.device)
    elif lights is None:
        lights = renderer.PointLights(location=each.centres, device=batch.verts.device)
    rasterize = MeshRasterizer(
        seen_by,
        renderer.RasterizationSettings(
            image_size=(height, width), blur_radius=blur_radius, z_clip_value=NEAR * farthest,
            faces_per_pixel=(10 if soft else 1) if faces_per_pixel is None else faces_per_pixel,
        ),
    )  # fmt: skip
    shade = getattr(renderer, SHADERS[shader])(
        device=batch.verts.device, cameras=seen_by, lights=lights, materials=materials,
        blend_params=renderer.BlendParams(sigma=sigma, gamma=gamma, background_color=background),
    )  # fmt: skip
    fragments = rasterize(meshes)
    pictures = shade(fragments, meshes, znear=0.0, zfar=farthest).permute(0, 3, 1, 2)
    pictures = pictures.reshape(len(batch), views, 4, height, width)
    return pictures[0] if isinstance(mesh, Mesh) else pictures


def _vertex_colours(colours: Tensor | str | None, batch: MeshBatch, meshes: Any, each: Cameras) -> list[Tensor]:
    """(V, 3) for every image."""
    if isinstance(colours, str):
        rotations = each.world_to_camera[:, :3, :3]
        flip = rotations.new_tensor([0.5, -0.5, -0.5])
        normals = zip(meshes.verts_normals_list(), rotations, strict=True)
        return [0.5 + (normal @ rotation.mT) * flip for normal, rotation in normals]
    packed = torch.full_like(batch.verts, 0.7) if colours is None else colours
    views = len(each) // len(batch)
    return [part for part in packed.split(batch.verts_per_mesh.tolist()) for _ in range(views)]
