"""The zero surface of a signed distance, as a mesh with the gradient into what the distance depends on."""

from collections.abc import Callable

import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.isosurface import isosurface
from geolearn.structures import Mesh
from geolearn.typing import Float, Tensor

LEAST_SLOPE = 1e-6  # squared, of the distance; a flatter place is not moved


def implicit_surface(
    distance: Callable[[Float[Tensor, "P 3"]], Float[Tensor, " P"]], resolution: int, side: float = 1.0
) -> Mesh:
    """The surface where a function of space is zero, with the gradient of the surface's place.

    Extracting a surface is no differentiable operation, but where its points go is known: from f(v(z), z) = 0,

        dv/dz = -grad f / |grad f|^2  df/dz     which is -n df/dz for a distance, whose gradient is the unit normal n

    along the normal, the only direction that changes the surface. So the mesh is extracted (`isosurface`, on a grid of
    resolution + 1 points per side), its vertices are moved onto the surface by a Newton step, and get this derivative.

    Source: Remelli et al., "MeshSDF: Differentiable Iso-Surface Extraction", NeurIPS 2020, theorem 1; for functions
    that are no exact distance as Niemeyer et al., "Differentiable Volumetric Rendering", CVPR 2020, equation 12.

    Args:
        distance: f, differentiable in the points, negative inside. It may depend on anything that requires a gradient.
        resolution: cells per side of the grid.
        side: of the cube around the origin in which the surface is looked for; it is closed at the sides of the cube.

    Returns:
        A closed mesh; without faces where f has one sign.

    Raises:
        InvalidInputError: a resolution < 2, a side <= 0, or values that are NaN.
    """
    if resolution < 2 or not side > 0:
        raise InvalidInputError(f"resolution, side: expected at least 2 and a length > 0, got {resolution} and {side}")
    steps = torch.linspace(-side / 2, side / 2, resolution + 1)
    points = torch.cartesian_prod(steps, steps, steps)
    with torch.no_grad():
        values = distance(points).float().reshape(*(resolution + 1,) * 3).clone()
    if bool(values.isnan().any()):
        raise InvalidInputError("distance: some values are NaN")
    cell = side / resolution
    for face in (values, values.transpose(0, 1), values.transpose(0, 2)):  # outside, so that the surface is closed
        face[0].clamp_(min=1e-3 * cell)
        face[-1].clamp_(min=1e-3 * cell)
    mesh = isosurface(-values, 0.0)
    if len(mesh.faces) == 0:
        return mesh
    verts = mesh.verts * cell - side / 2
    value, slope = _value_and_slope(distance, verts)
    step = value[:, None] * slope / slope.square().sum(1, keepdim=True).clamp(min=LEAST_SLOPE)
    verts = verts - step * (cell / 2 / step.norm(dim=1, keepdim=True).clamp(min=1e-12)).clamp(max=1)
    _, slope = _value_and_slope(distance, verts)
    value = distance(verts)
    direction = slope / slope.square().sum(1, keepdim=True).clamp(min=LEAST_SLOPE)
    return Mesh(verts - direction * (value - value.detach())[:, None], mesh.faces)


def _value_and_slope(distance: Callable[[Tensor], Tensor], points: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        value = distance(points)
        (slope,) = torch.autograd.grad(value.sum(), points)
    return value.detach(), slope.detach()
