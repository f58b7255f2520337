"""One procedural shape: built from a seed, deformed by its attributes, sampled by split and index."""

import contextlib
import hashlib
import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from geolearn.data.procedural.assembly import Assembly, Draw, known_volume
from geolearn.data.procedural.attributes import Attribute
from geolearn.data.procedural.families import FAMILIES, Family
from geolearn.data.procedural.union import BadUnionError, on_grid, rounded, unite
from geolearn.errors import InvalidInputError, unknown_name
from geolearn.structures import Mesh
from geolearn.typing import Array, Float, Tensor

# Part of every seed: raise it when any family changes, so that a number names the shapes it was measured on.
VERSION = 1
SPLITS = ("train", "val", "test")
ATTEMPTS = 20
STRETCH = (0.7, 1.4)


@dataclass(frozen=True, eq=False)
class Shape:
    """A watertight, labelled mesh that knows its semantic attributes.

    Attributes:
        family: one of `procedural.CLASSES`.
        mesh: watertight, Z up, lowest point at z = 0, front towards -Y before it was turned; its `face_labels` are
            places in `part_names`.
        part_names: every part the family can have, in label order; a shape need not have all.
        parameters: the drawn choices it was built from (options by position); a deformation leaves them as they were.
        volume: exact volume of the mesh where the construction knows it, else None.
        azimuth_rad: how far the shape was turned about Z.
        handles: what moves for each attribute; use `attributes`, `procedural.flow` and `procedural.deformation`.

    >>> chair = make_shape("chair", seed=7)
    >>> chair.part_names, "back height" in chair.attributes
    (('seat', 'leg', 'back', 'arm'), True)
    """

    family: str
    mesh: Mesh
    part_names: tuple[str, ...]
    parameters: dict[str, float]
    volume: float | None
    azimuth_rad: float
    handles: tuple[Attribute, ...]

    @property
    def attributes(self) -> dict[str, float]:
        """Attribute values by name: lengths in the units of the mesh, slants as a slope."""
        return {handle.name: handle.value for handle in self.handles}


def make_shape(family: str, *, seed: int, azimuth_rad: float = 0.0) -> Shape:
    """The shape of `family` that `seed` names, turned about Z by `azimuth_rad`: the same bytes on every machine.

    Raises:
        UnknownNameError: no such family.
        InvalidInputError: an azimuth that is not finite.
        MissingDependencyError: manifold3d, which joins the parts, is not installed (extra "data").

    >>> make_shape("mug", seed=0).mesh.to_trimesh().is_watertight
    True
    """
    entry = FAMILIES[family]
    if not math.isfinite(azimuth_rad):
        raise InvalidInputError(f"azimuth_rad: expected a finite angle, got {azimuth_rad}")
    for attempt in range(ATTEMPTS):
        draw = Draw(f"geolearn procedural {VERSION} {family} {seed} {attempt}")
        with contextlib.suppress(BadUnionError):
            return _build(entry, draw, azimuth_rad)
    raise InvalidInputError(f"seed: no watertight {family} in {ATTEMPTS} attempts from {seed}; use another seed")


def _build(entry: Family, draw: Draw, azimuth_rad: float) -> Shape:
    assembly = Assembly(entry.part_names)
    entry.build(draw, assembly)
    scale = np.array([draw.uniform(f"stretch_{axis}", *STRETCH) for axis in "xyz"])
    solids = [on_grid(solid.scaled(scale)) for solid in assembly.solids]
    verts, faces, labels = unite(solids, assembly.labels)
    floor = np.array((0.0, 0.0, verts[:, 2].min()))
    turned = torch.from_numpy(rounded(_turn(verts - floor, azimuth_rad)).astype(np.float32))
    return Shape(
        family=entry.name,
        mesh=Mesh(turned, torch.from_numpy(faces), torch.from_numpy(labels), entry.name),
        part_names=entry.part_names,
        parameters=draw.parameters,
        volume=known_volume(solids),
        azimuth_rad=azimuth_rad,
        handles=tuple(handle.carried(lambda points: points * scale - floor) for handle in assembly.attributes),
    )


def sample(split: str, index: int, *, seed: int = 0, aligned: bool = False) -> tuple[str, int, Shape]:
    """Sample `index` of a split: (key, label, shape). Classes take turns, so any full round is balanced.

    The shape's seed is a hash of (split, index, seed) whose last two bits are the split: splits never share a shape.
    Shapes stand at a random azimuth from the same hash, or face -Y where `aligned`.

    Raises:
        UnknownNameError: a split other than train, val, test.
        InvalidInputError: a negative index.

    >>> key, label, shape = sample("train", 0)
    >>> key, shape.family
    ('airplane-train-0-000000', 'airplane')
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    if index < 0:
        raise InvalidInputError(f"index: expected 0 or more, got {index}")
    digest = hashlib.sha256(f"{split} {index} {seed}".encode()).digest()
    shape_seed = int.from_bytes(digest[:7], "big") * 4 + SPLITS.index(split)
    azimuth = 0.0 if aligned else 2 * math.pi * int.from_bytes(digest[7:11], "big") / 2**32
    classes = list(FAMILIES)
    label = index % len(classes)
    shape = make_shape(classes[label], seed=shape_seed, azimuth_rad=azimuth)
    return f"{classes[label]}-{split}-{seed}-{index:06d}", label, shape


def limits(shape: Shape, attribute: str) -> tuple[float, float]:
    """The lowest and highest amount by which `attribute` of `shape` may change.

    >>> low, high = limits(make_shape("chair", seed=7), "back height")
    >>> low < 0 < high
    True
    """
    return _handle(shape, attribute).limits()


def flow(shape: Shape, attribute: str, amount: float, points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
    """How every point of space moves when `attribute` of `shape` changes by `amount`.

    A length L becomes L * (1 + amount); a slant s becomes s + amount. The motion is linear in the amount, continuous,
    smooth between a few planes, and takes no two points of space to one place.

    Returns:
        Displacements in the dtype and on the device of `points`.

    Raises:
        UnknownNameError: an attribute this shape does not have.
        InvalidInputError: an amount outside `limits(shape, attribute)`.

    >>> chair = make_shape("chair", seed=7)
    >>> motion = flow(chair, "seat height", 0.1, chair.mesh.verts)
    >>> motion.shape == chair.mesh.verts.shape, bool((motion[:, 2] >= 0).all())  # nothing goes down
    (True, True)
    """
    handle = _handle(shape, attribute)
    low, high = handle.limits()
    if not low <= amount <= high:
        raise InvalidInputError(
            f"amount: {attribute!r} of this {shape.family} can change by {low:.3f} to {high:.3f}, got {amount}; "
            "larger changes need several steps"
        )
    local = _turn(points.detach().cpu().numpy().astype(np.float64), -shape.azimuth_rad)
    return torch.from_numpy(amount * _turn(handle.velocity(local), shape.azimuth_rad)).to(points)


def deformation(shape: Shape, attribute: str, amount: float) -> Shape:
    """The shape with `attribute` changed by `amount`: every vertex moved by `flow`, faces and labels as they were.

    All attributes are carried along, so several can be changed in turn. The volume is no longer known exactly.

    Raises:
        UnknownNameError, InvalidInputError: as `flow`.

    >>> chair = make_shape("chair", seed=7)
    >>> taller = deformation(chair, "seat height", 0.1)
    >>> round(taller.attributes["seat height"] / chair.attributes["seat height"], 3)
    1.1
    """
    verts = shape.mesh.verts + flow(shape, attribute, amount, shape.mesh.verts)
    velocity = _handle(shape, attribute).velocity

    def move(points: Float[Array, "N 3"]) -> Float[Array, "N 3"]:
        return points + amount * velocity(points)

    return replace(
        shape,
        mesh=replace(shape.mesh, verts=verts),
        volume=shape.volume if amount == 0 else None,
        handles=tuple(handle.carried(move) for handle in shape.handles),
    )


def _handle(shape: Shape, attribute: str) -> Attribute:
    handles = {handle.name: handle for handle in shape.handles}
    if attribute not in handles:
        raise unknown_name(f"attribute of this {shape.family}", attribute, handles)
    return handles[attribute]


def _turn(points: Float[Array, "N 3"], angle_rad: float) -> Float[Array, "N 3"]:
    if angle_rad == 0.0:
        return points
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    x, y, z = points.T
    return np.stack([cos * x - sin * y, sin * x + cos * y, z], axis=1)
