"""What other packages compute that a family of features of faces has, where they are installed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from geolearn import ops
from geolearn.ops.feature_surface import SAMPLES, FeatureSurface
from geolearn.ops.medial_distance import RAYS as VIEWS
from geolearn.ops.medial_distance import inner_balls
from geolearn.ops.shape_diameter import RAYS, cone_directions
from geolearn.structures import Mesh

Ways = dict[tuple[str, str], Callable[[], Any]]


def peers(mesh: Mesh, threads: int) -> tuple[Ways, list[str]]:
    """Ways by family and name, and the packages that are absent."""
    ways: Ways = {}
    absent = []
    for name, add in (("libigl", _igl), ("potpourri3d", _potpourri), ("open3d", _open3d), ("pymeshlab", _pymeshlab)):
        try:
            ways |= add(mesh, threads)
        except ImportError:
            absent.append(name)
    return ways, absent


def _arrays(mesh: Mesh) -> tuple[Any, Any]:
    return mesh.verts.double().numpy(), mesh.faces.numpy()


def _sources(mesh: Mesh) -> Any:
    return np.linspace(0, len(mesh.verts) - 1, SAMPLES).astype(np.int64)


def _igl(mesh: Mesh, threads: int) -> Ways:
    import igl
    import igl.embree

    verts, faces = _arrays(mesh)
    centres, normals = verts[faces].mean(1), ops.face_normals(mesh.triangles()).double().numpy()

    def heat() -> Any:
        ready = igl.HeatGeodesicsData()
        igl.heat_geodesics_precompute(verts, faces, ready)
        return [igl.heat_geodesics_solve(ready, np.array([source])) for source in _sources(mesh)]

    return {
        ("curvature", "libigl, one radius of 5 edges"): lambda: igl.principal_curvature(verts, faces),
        ("curvature", "libigl, three of 2, 3 and 6 edges"): lambda: [
            igl.principal_curvature(verts, faces, radius=radius) for radius in (2, 3, 6)
        ],
        ("shape diameter", f"libigl (Embree), mean of {RAYS} rays"): lambda: igl.embree.shape_diameter_function(
            verts, faces, centres, normals, RAYS
        ),
        ("geodesic distance", "libigl, heat method"): heat,
    }


def _potpourri(mesh: Mesh, threads: int) -> Ways:
    import potpourri3d

    verts, faces = _arrays(mesh)

    def heat() -> Any:
        solver = potpourri3d.MeshHeatMethodDistanceSolver(verts, faces)
        return [solver.compute_distance(int(source)) for source in _sources(mesh)]

    return {("geodesic distance", "potpourri3d, heat method"): heat}


def _open3d(mesh: Mesh, threads: int) -> Ways:
    """Embree: the tree and the nearest faces on our rays, which are made beforehand; no statistics of them."""
    import open3d

    surface = FeatureSurface(mesh)
    verts, faces = surface.verts.astype(np.float32), surface.triangles.astype(np.uint32)
    inside = surface.centres - 1e-5 * surface.normals
    cone = np.einsum("rk,fkc->frc", cone_directions(), surface.frames)
    middle = surface.centres - inner_balls(surface)[:, None] * surface.normals
    around = np.random.default_rng(0).normal(size=(len(faces), VIEWS, 3))

    def cast(origins: Any, directions: Any) -> Callable[[], Any]:
        rays = np.concatenate([np.broadcast_to(origins[:, None], directions.shape), directions], 2).astype(np.float32)

        def way() -> Any:
            scene = open3d.t.geometry.RaycastingScene(nthreads=threads)
            scene.add_triangles(open3d.core.Tensor(verts), open3d.core.Tensor(faces))
            return scene.cast_rays(open3d.core.Tensor(rays), nthreads=threads)["t_hit"].numpy()

        return way

    return {
        ("shape diameter", f"Open3D (Embree), {RAYS} rays alone"): cast(inside, cone),
        ("medial distance", f"Open3D (Embree), {VIEWS} rays from known centres alone"): cast(middle, around),
    }


def _pymeshlab(mesh: Mesh, threads: int) -> Ways:
    import pymeshlab

    verts, faces = _arrays(mesh)

    def run(name: str, **options: Any) -> Callable[[], Any]:
        def way() -> None:
            meshes = pymeshlab.MeshSet()
            meshes.add_mesh(pymeshlab.Mesh(verts, faces))
            meshes.apply_filter(name, **options)

        return way

    return {
        ("curvature", "pymeshlab, quadric fitting, one radius"): run(
            "compute_curvature_principal_directions_per_vertex", method="Quadric Fitting"
        ),
        ("shape diameter", f"pymeshlab, {RAYS} rays a vertex"): run(
            "compute_scalar_by_shape_diameter_function_per_vertex", rays=RAYS, cone_amplitude=120.0
        ),
    }
