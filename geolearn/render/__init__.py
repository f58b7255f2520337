"""From cameras to images: conventions, rigs, the rasterizer, views, volumes. Imports without PyTorch3D."""

from geolearn.render.accelerate import accelerate_pytorch3d
from geolearn.render.grid_observation import observe_shape
from geolearn.render.pictures import render_views
from geolearn.render.rasterizer import MeshRasterizer, rasterize_meshes
from geolearn.render.ray_sums import RaySums
from geolearn.render.rigs import camera_rig, cameras_around
from geolearn.render.shaded import render_shaded
from geolearn.render.soft import render_depth, render_silhouette
from geolearn.render.volumes import absorption_only, emission_absorption, visual_hull
from geolearn.structures.camera_conventions import (
    from_colmap,
    from_opencv,
    from_opengl,
    from_pytorch3d,
    to_colmap,
    to_opencv,
    to_opengl,
    to_pytorch3d,
)

__all__ = [
    "MeshRasterizer",
    "RaySums",
    "absorption_only",
    "accelerate_pytorch3d",
    "camera_rig",
    "cameras_around",
    "emission_absorption",
    "from_colmap",
    "from_opencv",
    "from_opengl",
    "from_pytorch3d",
    "observe_shape",
    "rasterize_meshes",
    "render_depth",
    "render_shaded",
    "render_silhouette",
    "render_views",
    "to_colmap",
    "to_opencv",
    "to_opengl",
    "to_pytorch3d",
    "visual_hull",
]
