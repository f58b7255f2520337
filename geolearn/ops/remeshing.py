"""Even triangles of a given size: isotropic remeshing of closed meshes."""

import numpy as np
import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.face_geometry import face_areas
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Array, Float, Tensor

ROUNDS = 5
ROOM = 3  # rows per expected vertex and face
EQUILATERAL = 3**0.5 / 4  # area over squared side


@takes_mesh
def remesh(mesh: Mesh, edge_length: float | Float[Tensor, " V"], *, rounds: int = ROUNDS) -> Mesh:
    """The same surface with edges of about `edge_length`, all degrees near 6.

    Rounds of: split edges longer than 4/3 of the length in their middle, collapse those shorter than 4/5, flip edges
    where that brings degrees nearer to 6, and move vertices within their tangent planes to the
    mean of their neighbours. Source: Botsch and Kobbelt, "A remeshing approach to multiresolution modeling",
    SGP 2004, section 4, without its projection to the first surface: sharp edges and corners move by a
    part of the length.

    No edit folds a face over or changes the topology, so details smaller than the length may keep shorter edges.

    Args:
        mesh: closed, manifold and consistently oriented; vertices without a face are dropped.
        edge_length: > 0; or one at each vertex, slowly changing: an edge has the mean of its ends.
        rounds: at least 0.

    Returns:
        A mesh on the device of the given one, without labels and without gradient.

    Raises:
        InvalidInputError: a mesh that is not closed and manifold, a length <= 0, or one so small that it asks for more
            than 2^27 faces.
    """
    lengths = torch.as_tensor(edge_length).detach().cpu().double()
    if not bool(((lengths > 0) & lengths.isfinite()).all()):
        worst = float(lengths.min()) if bool(lengths.isfinite().all()) else "some that are not finite"
        raise InvalidInputError(f"edge_length: expected a length > 0, got {worst}")
    if lengths.ndim and lengths.shape != (len(mesh.verts),):
        raise InvalidInputError(
            f"edge_length: expected one length, or {len(mesh.verts)}, one at each vertex, got {tuple(lengths.shape)}"
        )
    if len(mesh.faces) == 0:
        return Mesh(mesh.verts[:0], mesh.faces)
    from geolearn.kernels.remesh_edits import remesh_rounds  # late: Numba takes a while to import

    used, faces = np.unique(mesh.faces.cpu().numpy(), return_inverse=True)
    faces = faces.reshape(-1, 3).astype(np.int64)
    verts = mesh.verts.detach().cpu().double().numpy()[used]
    twin, out = half_edges(faces)
    face_count = len(faces)
    expected = expected_faces(mesh, lengths)
    if expected > 1 << 27:
        raise InvalidInputError(f"edge_length: {float(lengths.min())} asks for {expected:.3g} faces; use a longer one")
    room = int(ROOM * max(expected, len(faces))) + 1000
    verts, faces = _grow(verts, room // 2), _grow(faces, room)
    twin, out = _grow(twin, 3 * room), _grow(out, room // 2)
    at_verts = np.empty(len(verts))
    at_verts[: len(used)] = lengths.expand(len(mesh.verts)).numpy()[used]
    counts = remesh_rounds(verts, faces, twin, out, at_verts, len(used), face_count, rounds)
    faces = faces[: counts[1]]
    kept, faces = np.unique(faces[faces[:, 0] >= 0], return_inverse=True)
    return Mesh(torch.from_numpy(verts[kept]), torch.from_numpy(faces.reshape(-1, 3)), name=mesh.name).to(mesh.device)


def expected_faces(mesh: Mesh, edge_length: Float[Tensor, "*V"]) -> float:
    """About how many faces `remesh` makes: the sum of area / (sqrt(3) / 4 length^2) over the faces.

    >>> import trimesh
    >>> round(expected_faces(Mesh.from_trimesh(trimesh.creation.box()), torch.tensor(0.1)))
    1386
    """
    areas = face_areas(mesh.triangles().detach().double())
    length = edge_length.to(areas).expand(len(mesh.verts))[mesh.faces].mean(1)
    return float((areas / length**2).sum() / EQUILATERAL)


def surface_area(mesh: Mesh) -> float:
    """The sum of the areas of all faces."""
    return float(face_areas(mesh.triangles().detach().double()).sum())


def is_closed(mesh: Mesh) -> bool:
    """Whether `remesh` takes a mesh: closed, manifold, consistently oriented."""
    if len(mesh.faces) == 0:
        return True
    try:
        half_edges(np.unique(mesh.faces.cpu().numpy(), return_inverse=True)[1].reshape(-1, 3))
    except InvalidInputError:
        return False
    return True


def half_edges(faces: Array) -> tuple[Array, Array]:
    """`twin` (3 F,) and `out` (V,) of a closed manifold mesh whose vertices are all used.

    Half-edge 3 f + k goes from corner k of face f to corner k + 1.

    Raises:
        InvalidInputError: the mesh is not closed, not manifold or not consistently oriented.
    """
    start, stop = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    count = int(faces.max()) + 1
    forth, back = start * count + stop, stop * count + start
    by_forth, by_back = np.argsort(forth, kind="stable"), np.argsort(back, kind="stable")
    closed = np.array_equal(forth[by_forth], back[by_back]) and bool((np.diff(forth[by_forth]) > 0).all())
    if not closed:
        raise InvalidInputError(
            "mesh: expected a closed surface, where every edge has two faces that run along it in opposite directions; "
            "mend it first (trimesh.repair), or take a surface from geolearn.ops.isosurface"
        )
    twin, out = np.empty(len(start), np.int64), np.empty(count, np.int64)
    twin[by_forth] = by_back
    out[start] = np.arange(len(start))
    if not _one_fan_per_vertex(start, twin, out):
        raise InvalidInputError("mesh: surfaces touch in a vertex; give each of them a copy of it")
    return twin, out


def _one_fan_per_vertex(start: Array, twin: Array, out: Array) -> bool:
    """Whether turning around every vertex passes all its half-edges."""
    degree = np.bincount(start)
    half, passed, active = out.copy(), np.zeros(len(out), np.int64), np.ones(len(out), bool)
    while active.any():
        passed += active
        half = np.where(active, twin[half - half % 3 + (half + 2) % 3], half)
        active &= half != out
    return bool((passed == degree).all())


def _grow(rows: Array, size: int) -> Array:
    more = np.full((max(size, len(rows)), *rows.shape[1:]), -1, rows.dtype)
    more[: len(rows)] = rows
    return more
