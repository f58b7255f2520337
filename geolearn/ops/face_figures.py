"""How right the labels of faces are, counted in the ways that papers count: each function says which way it is.

All are in percent. Figures of a test set are means over its meshes, so that each mesh counts the same, whatever its
number of faces; the mean intersection over union is of all faces together.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from geolearn.errors import InvalidInputError
from geolearn.ops.edge_labels import edge_areas, edges_in_face_order, soft_edge_labels
from geolearn.ops.face_geometry import face_areas
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.typing import Float, Int, Tensor


def face_accuracy(predicted: Int[Tensor, " F"], labels: Int[Tensor, " F"]) -> float:
    """The share of faces with the right label, every face counting the same.

    >>> face_accuracy(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 2]))
    75.0
    """
    _check(predicted, labels)
    return 100 * float((predicted == labels).double().mean())


def area_accuracy(predicted: Int[Tensor, " F"], labels: Int[Tensor, " F"], areas: Float[Tensor, " F"]) -> float:
    """The share of the surface with the right label, every face counting by its area.

    The figure of labeled PSB since Kalogerakis et al., SIGGRAPH 2010 (their recognition rate).

    >>> area_accuracy(torch.tensor([0, 1]), torch.tensor([0, 0]), torch.tensor([3.0, 1.0]))
    75.0
    """
    _check(predicted, labels)
    areas = areas.double()
    return 100 * float(areas[predicted == labels].sum() / areas.sum())


def confusion(predicted: Int[Tensor, " F"], labels: Int[Tensor, " F"], num_labels: int) -> Int[Tensor, "K K"]:
    """How many faces of each label (row) got which one (column).

    Raises:
        InvalidInputError: a label outside 0..num_labels-1.
    """
    _check(predicted, labels)
    both = torch.cat([predicted, labels])
    if len(both) and not 0 <= int(both.min()) <= int(both.max()) < num_labels:
        raise InvalidInputError(f"labels: expected 0..{num_labels - 1}, got {int(both.min())}..{int(both.max())}")
    return torch.bincount(labels * num_labels + predicted, minlength=num_labels**2).reshape(num_labels, num_labels)


class LabelFigures(NamedTuple):
    """Of every label, NaN where no face has it (and none is given it).

    Attributes:
        recall: the share of its faces that got it.
        precision: the share of faces that got it whose label it is.
        iou: intersection over union of the faces that have it and those that got it.
    """

    recall: Float[Tensor, " K"]
    precision: Float[Tensor, " K"]
    iou: Float[Tensor, " K"]


def label_figures(counts: Int[Tensor, "K K"]) -> LabelFigures:
    """From a confusion matrix, or a sum of several.

    >>> label_figures(torch.tensor([[3, 1], [0, 4]])).recall.tolist()
    [75.0, 100.0]
    """
    counts = counts.double()
    right, have, got = counts.diagonal(), counts.sum(1), counts.sum(0)
    return LabelFigures(100 * right / have, 100 * right / got, 100 * right / (have + got - right))


def mean_iou(counts: Int[Tensor, "K K"]) -> float:
    """Intersection over union from a confusion matrix, averaged over the labels that some face has or got.

    >>> mean_iou(torch.tensor([[3, 1, 0], [0, 4, 0], [0, 0, 0]]))
    77.5
    """
    return float(label_figures(counts).iou.nanmean())


@takes_mesh
def soft_edge_accuracy(mesh: Mesh, predicted: Int[Tensor, " F"], edge_labels: Int[Tensor, " E"]) -> float:
    """MeshCNN's lenient count: the share of edges, by area, whose predicted label is right or a neighbour's.

        sum_e area_e (1 / |F_e|) sum_{f in F_e} [predicted_f in S_e]

    F_e are the one or two faces of the edge e, area_e is a third of their area as a share of the surface, and S_e holds
    the label of e and of the edges that have a face in common with e (`soft_edge_labels`). The count is that of Hanocka
    et al. (MeshCNN, ACM TOG 2019); a network that labels faces enters it as Milano et al. did (PD-MeshNet, NeurIPS
    2020, supplement H): an edge between two labels counts half for each.

    Args:
        mesh: in the order of faces that the labels per edge were made for.
        edge_labels: as by `geolearn.io.face_labels.read_edge_labels`.

    Raises:
        InvalidInputError: not one prediction per face, or not one label per edge.
    """
    face_edges = edges_in_face_order(mesh.faces).face_edges
    count = int(face_edges.max()) + 1 if len(face_edges) else 0
    if len(predicted) != len(mesh.faces) or len(edge_labels) != count:
        raise InvalidInputError(
            f"expected {len(mesh.faces)} predictions and {count} labels of edges for {mesh.name!r}, got "
            f"{len(predicted)} and {len(edge_labels)}"
        )
    soft = soft_edge_labels(face_edges, edge_labels, int(torch.cat([predicted, edge_labels]).max()) + 1)
    flat = face_edges.reshape(-1)
    accepted = soft[flat, predicted.repeat_interleave(3)].double()
    faces = torch.bincount(flat, minlength=count).double()
    credit = torch.zeros(count, dtype=torch.float64, device=flat.device).index_add_(0, flat, accepted) / faces
    return 100 * float((edge_areas(face_edges, face_areas(mesh.triangles().double())) * credit).sum())


@takes_mesh
def hard_edge_accuracy(mesh: Mesh, predicted: Int[Tensor, " F"], edge_labels: Int[Tensor, " E"]) -> float:
    """The share of edges with the right label, every edge counting the same, and half for each of its two faces."""
    face_edges = edges_in_face_order(mesh.faces).face_edges
    flat = face_edges.reshape(-1)
    right = (edge_labels[flat] == predicted.repeat_interleave(3)).double()
    faces = torch.bincount(flat, minlength=len(edge_labels)).double()
    credit = torch.zeros(len(edge_labels), dtype=torch.float64, device=flat.device).index_add_(0, flat, right)
    return 100 * float((credit / faces).mean())


def face_figures(meshes: Sequence[Mesh], predicted: Sequence[Int[Tensor, " _"]], num_labels: int) -> dict[str, float]:
    """`face_accuracy` and `area_accuracy` averaged over meshes, and `mean_iou` of all their faces.

    Args:
        meshes: with `face_labels`, at least one.
        predicted: labels of every mesh.

    Raises:
        InvalidInputError: no mesh, or one without labels, or not one prediction per mesh.
    """
    if not meshes or len(meshes) != len(predicted):
        raise InvalidInputError(f"expected predictions for each mesh, got {len(predicted)} for {len(meshes)} meshes")
    faces, areas, counts = [], [], torch.zeros(num_labels, num_labels, dtype=torch.int64)
    for mesh, own in zip(meshes, predicted, strict=True):
        if mesh.face_labels is None:
            raise InvalidInputError(f"meshes: {mesh.name!r} has no face_labels")
        faces.append(face_accuracy(own, mesh.face_labels))
        areas.append(area_accuracy(own, mesh.face_labels, face_areas(mesh.triangles())))
        counts += confusion(own, mesh.face_labels, num_labels).cpu()
    mean = len(meshes)
    return {
        "face_accuracy": sum(faces) / mean,
        "area_accuracy": sum(areas) / mean,
        "mean_iou": mean_iou(counts),
    }


def _check(predicted: Tensor, labels: Tensor) -> None:
    if predicted.shape != labels.shape or len(labels) == 0:
        raise InvalidInputError(
            f"predicted, labels: expected as many of both, at least one, got {len(predicted)} and {len(labels)}"
        )
