"""Which faces are cut at a plane, at its very place."""

import torch

from geolearn.render.clipping import clip_faces

PLANE = 0.5


def face(*depths: float) -> torch.Tensor:
    return torch.tensor([[[0.0, 0, depths[0]], [1, 0, depths[1]], [0, 1, depths[2]]]])


def test_what_lies_in_the_plane_is_in_front_of_it():
    for depths in ((PLANE, PLANE, PLANE), (PLANE, 1, 1), (PLANE, PLANE, 2)):
        assert clip_faces(face(*depths), torch.tensor([1]), PLANE, perspective_correct=False) is None


def test_a_corner_behind_leaves_two_faces_and_two_corners_one():
    below = PLANE - 2.0**-20
    for depths, parts in (
        ((below, 1, 1), 2),
        ((below, below, 1), 1),
        ((below, below, below), 0),
        ((below, PLANE, 1), 2),
    ):
        cut = clip_faces(face(*depths), torch.tensor([1]), PLANE, perspective_correct=False)
        assert cut is not None
        assert (len(cut.face_verts), cut.faces_per_mesh.tolist()) == (parts, [parts])
        assert (cut.face_verts[..., 2] >= PLANE).all()
