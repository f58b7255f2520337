"""The descent of `fit_mesh`: phase after phase, step after step, in a state that can be saved and resumed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from geolearn.fitting.camera_offsets import CameraOffsets
from geolearn.fitting.edge_sizes import thin_edge_lengths
from geolearn.fitting.frame import pixel_side
from geolearn.fitting.metrics import coverage_iou
from geolearn.fitting.pace import Turns, cosine_decay
from geolearn.fitting.parametrisation import SmoothParametrisation
from geolearn.fitting.result import Step
from geolearn.fitting.schedule import Phase
from geolearn.fitting.surface_pictures import headlight, visible_normals
from geolearn.fitting.targets import Targets
from geolearn.fitting.uniform_adam import UniformAdam
from geolearn.losses import silhouette_l1_loss
from geolearn.ops import mesh_edges
from geolearn.ops.remeshing import EQUILATERAL, is_closed, remesh, surface_area
from geolearn.ops.unfolding import unfold
from geolearn.render import render_silhouette
from geolearn.structures import Cameras, Mesh
from geolearn.typing import Array, Float, Tensor

THIN_SMOOTHNESS = 1.0  # power of the length of edges that smoothness falls with
CAMERA_RATE = 0.2  # of cameras, radians and sides of the object, as a part of that of the vertices


class MeshDescent:
    """A mesh that descends towards the targets, in the frame of the fit.

    Args:
        mesh, targets: in the frame.
        phases: the schedule.
        views_per_step, picture_weight: as in `fit_mesh`.
        generator: draws the views.
        refine_cameras: whether the cameras of the targets move as well.
        thin: whether edges, smoothness and steps follow the thickness of the shape (`thin_edge_lengths`).
        spent: seconds, before.

    Attributes:
        mesh: as it is now.
        history: an entry per step.
    """

    def __init__(
        self,
        mesh: Mesh,
        targets: Targets,
        phases: Sequence[Phase],
        *,
        views_per_step: int,
        picture_weight: float,
        generator: torch.Generator,
        refine_cameras: bool = False,
        thin: bool = False,
        spent: float = 0.0,
    ) -> None:
        self.mesh, self.targets, self.phases = mesh, targets, tuple(phases)
        self.history: list[Step] = []
        self._weight, self._generator, self._thin = picture_weight, generator, thin
        self._turns = Turns(len(targets.masks), views_per_step, generator)
        self._offsets = CameraOffsets(targets.cameras) if refine_cameras else None
        self._number, self._done = 0, 0  # phase, steps of it
        self._before = mesh  # at the end of the phase before
        self._coordinates: Tensor | None = None
        self._parametrisation: SmoothParametrisation | None = None
        self._moments: dict[str, Any] = {}  # of the optimiser
        self._total = sum(phase.steps for phase in self.phases)
        self._spent, self._began = spent, time.perf_counter()
        self._kept = self._state()

    def run(self, after_step: Callable[[Step], None]) -> None:
        """To the end of the schedule."""
        while self._number < len(self.phases):
            phase = self.phases[self._number]
            scaled = self.targets.at(phase.size)
            if self._coordinates is None:
                self.mesh = remesh_for_phase(self.mesh, phase, scaled.cameras, thin=self._thin)
            smoothness = smoothness_for_phase(self.mesh, phase) if self._thin else phase.smoothness
            self._parametrisation = SmoothParametrisation(self.mesh.faces, len(self.mesh.verts), smoothness)
            if self._coordinates is None:
                self._coordinates = self._parametrisation.encode(self.mesh.verts).requires_grad_()
            optimiser = UniformAdam([self._coordinates], phase.rate)
            if self._moments:
                optimiser.state[self._coordinates] = self._moments
            while self._done < phase.steps:
                self._step(phase, scaled, self._parametrisation, self._coordinates, optimiser)
                after_step(self.history[-1])
            self.mesh = self._before = unfold(self._decode())
            self._number, self._done = self._number + 1, 0
            self._coordinates, self._parametrisation, self._moments = None, None, {}
            self._kept = self._state()

    def keep_the_better(self) -> None:
        """After an interrupt: the mesh as it is, or that of the phase before if that fits all views better."""
        if self._number < len(self.phases):
            phase, self.mesh = self.phases[self._number], self._decode()
            if self._mean_loss(self._before, phase) < self._mean_loss(self.mesh, phase):
                self.mesh = self._before
            self.mesh = unfold(self.mesh)

    @property
    def cameras(self) -> Cameras:
        """As they are now."""
        if self._offsets is None:
            return self.targets.cameras
        cameras = self._offsets.cameras()
        return replace(cameras, world_to_camera=cameras.world_to_camera.detach())

    def seconds(self) -> float:
        """Spent on the fit, earlier parts of a resumed one included."""
        return self._spent + time.perf_counter() - self._began

    def state(self) -> dict[str, Array]:
        """All that a resumed fit needs, as it was after the last whole step."""
        return {name: np.asarray(value) for name, value in self._kept.items()} | {
            "history": np.array(self.history[: self._kept["steps"]], np.float64).reshape(-1, len(Step._fields)),
            "seconds": np.float64(self.seconds()),
        }

    def restore(self, state: dict[str, Array]) -> None:
        """Go on from a state of a fit of the same targets and schedule."""
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in state.items()}
        self.mesh = Mesh(tensors["verts"], tensors["faces"])
        self._before = Mesh(tensors["before_verts"], tensors["before_faces"])
        self._number, self._done = int(state["phase"]), int(state["done"])
        self._turns.waiting = tensors["waiting"].tolist()
        self._generator.set_state(tensors["generator"])
        self._spent = float(state["seconds"])
        self.history = [
            Step(int(row[0]), int(row[1]), row[2], row[3], int(row[4]), row[5]) for row in state["history"].tolist()
        ]
        if self._offsets is not None:
            self._offsets.restore(tensors)
        if "coordinates" in tensors:
            self._coordinates = tensors["coordinates"].requires_grad_()
            self._moments = {"step": self._done, "first": tensors["first"], "second": tensors["second"]}
        self._kept = self._state()

    def _step(
        self,
        phase: Phase,
        scaled: Targets,
        parametrisation: SmoothParametrisation,
        coordinates: Tensor,
        optimiser: UniformAdam,
    ) -> None:
        optimiser.param_groups[0]["lr"] = phase.rate * cosine_decay(self._done / phase.steps)
        optimiser.zero_grad()
        chosen = self._turns.next()
        seen = self._select_seen(scaled, chosen)
        mesh = replace(self.mesh, verts=parametrisation.decode(coordinates))
        loss, iou = view_loss(mesh, seen, phase, self._weight)
        loss.backward()
        optimiser.step()
        if self._offsets is not None:
            self._offsets.step(chosen, CAMERA_RATE * optimiser.param_groups[0]["lr"])
        self._moments = optimiser.state[coordinates]
        self._done += 1
        number = len(self.history)
        self.history.append(Step(number, self._total, loss.item(), iou, self._number, self.seconds()))
        self._kept = self._state()

    @torch.no_grad()
    def _decode(self) -> Mesh:
        """The mesh of the current coordinates."""
        if self._parametrisation is None or self._coordinates is None:
            return self.mesh
        return replace(self.mesh, verts=self._parametrisation.decode(self._coordinates))

    @torch.no_grad()
    def _mean_loss(self, mesh: Mesh, phase: Phase) -> float:
        scaled = self.targets.at(phase.size)
        total = 0.0
        for view in range(len(scaled.masks)):
            total += float(view_loss(mesh, self._select_seen(scaled, [view]), phase, self._weight)[0])
        return total

    def _select_seen(self, scaled: Targets, chosen: list[int]) -> Targets:
        """Some of the views, with their current cameras."""
        seen = scaled.select(chosen)
        return seen if self._offsets is None else replace(seen, cameras=self._offsets.cameras(chosen))

    def _state(self) -> dict[str, Any]:
        state = {
            "phase": self._number, "done": self._done, "steps": len(self.history),
            "verts": self.mesh.verts, "faces": self.mesh.faces,
            "before_verts": self._before.verts, "before_faces": self._before.faces,
            "waiting": np.array(self._turns.waiting, np.int64), "generator": self._generator.get_state(),
        }  # fmt: skip
        if self._offsets is not None:
            state |= self._offsets.state()
        if self._coordinates is not None and self._moments:
            state["coordinates"] = self._coordinates.detach().clone()
            state |= {"first": self._moments["first"].clone(), "second": self._moments["second"].clone()}
        return state


def view_loss(mesh: Mesh, targets: Targets, phase: Phase, picture_weight: float) -> tuple[Tensor, float]:
    """The loss of some views, and the IoU of the areas that their silhouettes cover."""
    height, width = phase.size
    drawn_size = (height * phase.oversampling, width * phase.oversampling)
    sigma = phase.sigma * (2 / min(drawn_size)) ** 2
    silhouettes = render_silhouette(mesh, targets.cameras, drawn_size, sigma=sigma)
    silhouettes = torch.nn.functional.avg_pool2d(silhouettes, phase.oversampling)
    loss = silhouette_l1_loss(silhouettes, targets.masks)
    if picture_weight > 0:
        loss = loss + picture_weight * _picture_loss(mesh, targets, phase.size)
    return loss, float(coverage_iou(silhouettes.detach(), targets.masks))


def _picture_loss(mesh: Mesh, targets: Targets, size: tuple[int, int]) -> Tensor:
    """Mean over all pixels of |P - picture|, which is 0 where not both show the object alone."""
    if targets.pictures is None:
        return mesh.verts.sum() * 0
    seen = visible_normals(mesh, targets.cameras, size)
    inside = targets.full.reshape(-1)[seen.pixel]
    pictures = targets.pictures.movedim(1, -1).flatten(0, 2)[seen.pixel[inside]]
    if targets.kind == "normals":
        difference = seen.normals[inside] - pictures
    else:
        difference = (headlight(seen.cosine[inside], pictures[:, 0]) - pictures[:, 0])[:, None]
    return difference.abs().mean(1).sum() / targets.masks.numel()


def remesh_for_phase(mesh: Mesh, phase: Phase, cameras: Cameras, *, thin: bool = False) -> Mesh:
    """With as many faces as the phase asks for, if the mesh is closed; with more where it is thin, if that is asked."""
    mesh = replace(mesh, verts=mesh.verts.detach())
    if phase.faces is None or not is_closed(mesh):
        return mesh
    edge = max(even_edge(mesh, phase.faces), pixel_side(cameras, phase.size[0]) / 2)
    return remesh(mesh, thin_edge_lengths(mesh, edge, pixel_side(cameras, cameras.height) / 2) if thin else edge)


def even_edge(mesh: Mesh, faces: int) -> float:
    """The length of edges with which a mesh has so many faces."""
    return (surface_area(mesh) / faces / EQUILATERAL) ** 0.5


def smoothness_for_phase(mesh: Mesh, phase: Phase) -> Float[Tensor, " V"]:
    """At every vertex, less where edges are shorter than those of the phase would be."""
    edges = mesh_edges(mesh.faces)
    length = (mesh.verts[edges[:, 0]] - mesh.verts[edges[:, 1]]).detach().norm(dim=1).repeat(2)
    ends = edges.T.reshape(-1)
    total = torch.zeros(len(mesh.verts)).index_add(0, ends, length)
    mean = total / torch.bincount(ends, minlength=len(total)).clamp(min=1)
    share = mean / even_edge(mesh, phase.faces or len(mesh.faces))
    return phase.smoothness * share.clamp(max=1) ** THIN_SMOOTHNESS
