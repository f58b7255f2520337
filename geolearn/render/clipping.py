"""Cut faces at a plane in front of the camera, so that the rest can be projected, and map hits back."""

from typing import NamedTuple

import torch

from geolearn.typing import Float, Int, Tensor


class ClippedFaces(NamedTuple):
    """Faces in front of the plane, in the order of the faces they came from.

    Attributes:
        face_verts: (C, 3, 3), as given.
        faces_per_mesh: (N,).
        origin: (C,), the face that each one is a part of.
        siblings: (C,), the other half of a face that was cut into two, else -1.
        corners: (C, 3, 3), row i the barycentrics of corner i in the original face.
    """

    face_verts: Float[Tensor, "C 3 3"]
    faces_per_mesh: Int[Tensor, " N"]
    origin: Int[Tensor, " C"]
    siblings: Int[Tensor, " C"]
    corners: Float[Tensor, "C 3 3"]


def clip_faces(
    face_verts: Float[Tensor, "F 3 3"],
    faces_per_mesh: Int[Tensor, " N"],
    z_clip_value: float,
    *,
    perspective_correct: bool,
    compat: bool = False,
) -> ClippedFaces | None:
    """The parts of faces with depth >= `z_clip_value`, or None where no face is cut.

    A face with one corner behind the plane leaves a quadrilateral, which becomes two faces; with two corners behind, a
    triangle; with three, nothing. Depths are linear along edges; xy are projected, so with `perspective_correct` they
    are interpolated as xy * depth. A cut face that is not finite (a corner in the camera's plane) leaves nothing.

    Args:
        face_verts: xy in NDC and view depth.
        faces_per_mesh: how many faces each mesh has.
        z_clip_value: depth of the plane.
        compat: like PyTorch3D, take one of the two cuts as a constant in the backward pass.
    """
    behind = face_verts[..., 2] < z_clip_value
    count = behind.sum(1)
    if not bool(count.any()):
        return None
    finite = torch.isfinite(face_verts).all(2).all(1)
    pieces = torch.where(finite | (count == 0), count.new_tensor([1, 2, 1, 0])[count], 0)
    first = pieces.cumsum(0) - pieces
    origin = torch.repeat_interleave(torch.arange(len(face_verts), device=face_verts.device), pieces)
    mesh = torch.repeat_interleave(torch.arange(len(faces_per_mesh), device=count.device), faces_per_mesh)
    clipped_per_mesh = torch.zeros_like(faces_per_mesh).index_add_(0, mesh, pieces)

    cut = torch.nonzero((count > 0) & (pieces > 0))[:, 0]
    alone = torch.where(count[cut] == 1, behind[cut].int().argmax(1), (~behind[cut]).int().argmax(1))
    cycle = (alone[:, None] + torch.arange(3, device=cut.device)) % 3
    # The lone corner a, the others b and c in the order of the face, and the cuts p on ab and q on ac.
    a, b, c = face_verts[cut[:, None], cycle].unbind(1)
    p_share = (a[:, 2:] - z_clip_value) / (a[:, 2:] - b[:, 2:])
    q_share = (a[:, 2:] - z_clip_value) / (a[:, 2:] - c[:, 2:])
    if compat:
        q_share = q_share.detach()
    p = _interpolate(a, b, p_share, z_clip_value, perspective_correct)
    q = _interpolate(a, c, q_share, z_clip_value, perspective_correct)
    a_at, b_at, c_at = torch.eye(3, dtype=face_verts.dtype, device=cut.device)[cycle].unbind(1)
    p_at = a_at * (1 - p_share) + b_at * p_share
    q_at = a_at * (1 - q_share) + c_at * q_share

    whole = torch.nonzero(count == 0)[:, 0]
    one = count[cut] == 2
    two = ~one
    place = torch.cat([first[whole], first[cut[one]], first[cut[two]], first[cut[two]] + 1])
    order = place.argsort()
    parts = [face_verts[whole]] + [
        torch.stack(corners, 1)[chosen] for corners, chosen in (((p, q, a), one), ((p, b, q), two), ((q, b, c), two))
    ]
    ats = [torch.eye(3, dtype=face_verts.dtype, device=cut.device).expand(len(whole), 3, 3)] + [
        torch.stack(corners, 1)[chosen]
        for corners, chosen in (((p_at, q_at, a_at), one), ((p_at, b_at, q_at), two), ((q_at, b_at, c_at), two))
    ]
    siblings = torch.full_like(origin, -1)
    halves = first[cut[two]]
    siblings[halves], siblings[halves + 1] = halves + 1, halves
    return ClippedFaces(torch.cat(parts)[order], clipped_per_mesh, origin, siblings, torch.cat(ats)[order])


def _interpolate(start: Tensor, end: Tensor, share: Tensor, depth: float, perspective_correct: bool) -> Tensor:
    point = start * (1 - share) + end * share
    if not perspective_correct:
        return point
    xy = (start[:, :2] * start[:, 2:] * (1 - share) + end[:, :2] * end[:, 2:] * share) / depth
    return torch.cat([xy, point[:, 2:]], 1)


def unclip(
    pix_to_face: Int[Tensor, "N H W K"], barycentrics: Float[Tensor, "N H W K 3"], clipped: ClippedFaces
) -> tuple[Int[Tensor, "N H W K"], Float[Tensor, "N H W K 3"]]:
    """Hits on clipped faces as hits on the faces they came from."""
    hit = pix_to_face >= 0
    face = pix_to_face[hit]
    cut = ~(clipped.corners == torch.eye(3, dtype=clipped.corners.dtype, device=face.device)).all(2).all(1)
    there = torch.zeros_like(hit)
    there[hit] = cut[face]
    changed = barycentrics.clone()
    changed[there] = (clipped.corners[pix_to_face[there]] * barycentrics[there][:, :, None]).sum(1)
    original = torch.full_like(pix_to_face, -1)
    original[hit] = clipped.origin[face]
    return original, changed
