"""Edges in the order in which the faces name them, and labels that were given per edge: MeshCNN's way of labelling."""

from typing import NamedTuple

import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.segments import scatter
from geolearn.typing import Bool, Float, Int, Tensor


class FaceEdges(NamedTuple):
    """Attributes:
    ends: int64 (E, 2), the two vertices of every edge, the smaller first.
    face_edges: int64 (F, 3), the edges of every face: of its corners 0-1, 1-2 and 2-0.
    """

    ends: Int[Tensor, "E 2"]
    face_edges: Int[Tensor, "F 3"]


def edges_in_face_order(faces: Int[Tensor, "F 3"]) -> FaceEdges:
    """All edges, numbered as a walk over the faces first meets them.

    The walk takes the faces in order, and of each face the edges 0-1, 1-2, 2-0; an edge gets the next number when it is
    seen for the first time, in either direction. That is the order of the lines in MeshCNN's label files (Hanocka et
    al., "MeshCNN: a network with an edge", ACM TOG 2019). Vertices count by their index, not by their position.

    >>> edges_in_face_order(torch.tensor([[2, 1, 0], [1, 2, 3]])).ends.tolist()
    [[1, 2], [0, 1], [0, 2], [2, 3], [1, 3]]
    """
    ends = torch.stack([faces, faces.roll(-1, 1)], 2).reshape(-1, 2).sort(1).values
    if len(ends) == 0:
        return FaceEdges(ends, faces)
    key = ends[:, 0] * (int(faces.max()) + 1) + ends[:, 1]
    _, group = key.unique(return_inverse=True)
    place = torch.arange(len(key), device=faces.device)
    first = scatter(place, group, reduce="min")
    order = first.argsort()
    number = torch.empty_like(order)
    number[order] = torch.arange(len(order), device=faces.device)
    return FaceEdges(ends[first[order]], number[group].reshape(-1, 3))


def face_labels_from_edges(face_edges: Int[Tensor, "F 3"], edge_labels: Int[Tensor, " E"]) -> Int[Tensor, " F"]:
    """The label that two or three edges of a face share; where all three differ, that of its first edge.

    Args:
        face_edges: as by `edges_in_face_order`.
        edge_labels: one per edge.

    Raises:
        InvalidInputError: not one label per edge.

    >>> face_labels_from_edges(torch.tensor([[0, 1, 2], [2, 3, 4]]), torch.tensor([5, 7, 7, 8, 9])).tolist()
    [7, 7]
    """
    edges = int(face_edges.max()) + 1 if len(face_edges) else 0
    if len(edge_labels) != edges:
        raise InvalidInputError(f"edge_labels: expected one for each of {edges} edges, got {len(edge_labels)}")
    first, second, third = edge_labels[face_edges].unbind(1)
    return torch.where(second == third, second, first)


def soft_edge_labels(
    face_edges: Int[Tensor, "F 3"], edge_labels: Int[Tensor, " E"], num_labels: int
) -> Bool[Tensor, "E K"]:
    """Which labels MeshCNN's lenient count takes as right: an edge's own, and those of edges in one face with it.

    MeshCNN publishes them as `.seseg` files, a row of weights per edge of which only the sign counts. They are rebuilt
    here from the hard labels: weights are positive for the edge itself and for its (up to four) neighbours.

    Args:
        face_edges: as by `edges_in_face_order`.
        edge_labels: in 0..num_labels-1.

    Raises:
        InvalidInputError: a label out of range.
    """
    if len(edge_labels) and not 0 <= int(edge_labels.min()) <= int(edge_labels.max()) < num_labels:
        low, high = int(edge_labels.min()), int(edge_labels.max())
        raise InvalidInputError(f"edge_labels: expected values in 0..{num_labels - 1}, got {low}..{high}")
    soft = torch.nn.functional.one_hot(edge_labels, num_labels)
    seen = soft[face_edges].amax(1)  # (F, K): the labels of a face's edges
    around = scatter(seen.repeat_interleave(3, 0), face_edges.reshape(-1), dim_size=len(edge_labels), reduce="max")
    return torch.maximum(soft, around) > 0


def edge_areas(face_edges: Int[Tensor, "F 3"], face_areas: Float[Tensor, " F"]) -> Float[Tensor, " E"]:
    """The share of the surface that belongs to each edge: a third of each of its faces. They sum to 1.

    >>> edge_areas(torch.tensor([[0, 1, 2], [2, 3, 4]]), torch.tensor([3.0, 6.0])).mul(9).tolist()
    [1.0, 1.0, 3.0, 2.0, 2.0]
    """
    edges = int(face_edges.max()) + 1 if len(face_edges) else 0
    third = (face_areas / 3).repeat_interleave(3)
    return scatter(third, face_edges.reshape(-1), dim_size=edges) / face_areas.sum()
