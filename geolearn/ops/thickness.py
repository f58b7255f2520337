"""How thick a shape is behind its vertices."""

import numpy as np
import torch

from geolearn.ops.feature_surface import FeatureSurface
from geolearn.ops.inner_lengths import GOLDEN_ANGLE_RAD, cast_from
from geolearn.ops.remeshing import surface_area
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Float, Tensor

RAYS = 5
CONE_RAD = np.pi / 6


@takes_mesh
def vertex_thickness(mesh: Mesh) -> Float[Tensor, " V"]:
    """The thickness of a shape behind every vertex, in the unit of the mesh.

    Five rays go from the centre of every face into the shape, within 30 degrees of the inward normal, until they leave
    it (`cast_from`). A face has the median of their lengths, a vertex the least of its faces. On a plate and on a strut
    it is their thickness, on a ball nearly the diameter; towards the edge of a wedge it falls to 0.

    Returns:
        float32, without gradient; inf at a vertex without a face, and where most rays do not leave an open mesh.

    >>> import trimesh
    >>> plate = Mesh.from_trimesh(trimesh.creation.box((1.0, 1.0, 0.1)).subdivide())
    >>> round(float(vertex_thickness(plate).median()), 2)
    0.1
    """
    thickness = torch.full((len(mesh.verts),), torch.inf)
    if len(mesh.faces) == 0:
        return thickness
    surface = FeatureSurface(mesh)
    tilt, turn = CONE_RAD * np.arange(RAYS) / (RAYS - 1), GOLDEN_ANGLE_RAD * np.arange(RAYS)
    directions = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], 1)
    lengths = np.median(cast_from(surface, surface.centres, directions, on_surface=True), 1)
    of_faces = surface.per_face(lengths[:, None])[:, 0].cpu() * surface_area(mesh) ** 0.5
    faces = mesh.faces.cpu()
    return thickness.scatter_reduce(0, faces.reshape(-1), of_faces.repeat_interleave(3), "amin").to(mesh.device)
