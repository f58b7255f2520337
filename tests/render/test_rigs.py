"""Camera rigs: where the cameras stand, that they look at the origin, and that the unit cube is in every picture."""

import itertools
import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from geolearn.errors import InvalidInputError, UnknownNameError
from geolearn.render import camera_rig

CUBE = torch.tensor(list(itertools.product((-0.5, 0.5), repeat=3)))
RIGS = [("mvcnn12", 12), ("mvcnn80", 80), ("ring", 12), ("sphere", 32)]


@pytest.mark.parametrize("name, count", RIGS)
@pytest.mark.parametrize("size", [224, (96, 160), (160, 96), 1])
def test_the_unit_cube_is_in_every_picture_and_the_origin_in_the_middle(name: str, count: int, size) -> None:
    rig = camera_rig(name, size=size)
    assert len(rig) == count
    pixels, depth = rig.project(torch.cat([CUBE, torch.zeros(1, 3)]))
    frame = torch.tensor([rig.width, rig.height])
    assert bool((depth > 0).all())
    assert bool((pixels >= 0).all() & (pixels <= frame).all())
    torch.testing.assert_close(
        pixels[:, -1], (frame / 2).expand(count, 2), rtol=0, atol=1e-4 * max(rig.height, rig.width)
    )
    torch.testing.assert_close(depth[:, -1], rig.centres.norm(dim=1))


@pytest.mark.parametrize("size", [(80, 80), (80, 120), (120, 80)])
def test_the_sphere_around_the_cube_touches_the_short_side(size: tuple[int, int]) -> None:
    """The outline of a ball of radius r seen from distance d lies at an angle asin(r/d): fov/2 by the framing rule."""
    for fov in (0.3, math.radians(40), 2.0):
        rig = camera_rig("ring", size=size, count=1, elevation_rad=0.0, fov_rad=fov)
        distance = float(rig.centres.norm())
        assert math.asin(math.sqrt(3) / 2 / distance) == pytest.approx(fov / 2, rel=1e-5)
        # The tangent point straight above: at height r cos(fov/2), r sin(fov/2) nearer than the origin.
        r = math.sqrt(3) / 2
        side = torch.tensor(
            [[r * math.sin(fov / 2), r * math.cos(fov / 2), 0.0], [r * math.sin(fov / 2), 0.0, r * math.cos(fov / 2)]]
        )
        (right, _), (_, up) = rig.project(side)[0][0].tolist()
        assert right == pytest.approx(size[1] / 2 + min(size) / 2, abs=1e-3)
        assert up == pytest.approx(size[0] / 2 - min(size) / 2, abs=1e-3)


def test_mvcnn12_by_hand() -> None:
    rig = camera_rig("mvcnn12")
    x, y, z = rig.centres.double().unbind(1)
    azimuths = torch.rad2deg(torch.atan2(y, x)) % 360
    torch.testing.assert_close(azimuths, torch.arange(12.0, dtype=torch.float64) * 30, atol=1e-4, rtol=0)
    torch.testing.assert_close(
        torch.rad2deg(torch.asin(z / rig.centres.double().norm(dim=1))), torch.full((12,), 30.0, dtype=torch.float64)
    )
    assert (rig.height, rig.width) == (224, 224)


@pytest.mark.parametrize("name", ["mvcnn12", "ring", "sphere"])
def test_z_is_up_and_right_is_right(name: str) -> None:
    """A point raised a little above the origin appears straight above it; one moved counter-clockwise to the right."""
    rig = camera_rig(name)
    middle = rig.width / 2
    raised = rig.project(torch.tensor([[0.0, 0.0, 0.1]]))[0][:, 0]
    torch.testing.assert_close(raised[:, 0], torch.full((len(rig),), middle), rtol=0, atol=1e-3)
    assert bool((raised[:, 1] < middle).all())
    for n, (x, y, _) in enumerate(rig.centres.tolist()):  # seen from outside, counter-clockwise is to the right
        step = 0.1 * torch.tensor([[-y, x, 0.0]]) / math.hypot(x, y)
        pixel = rig[n].project(step)[0][0, 0]
        assert pixel[0] > middle
        assert pixel[1] == pytest.approx(middle, abs=1e-3)


def test_mvcnn80_is_a_dodecahedron_with_four_rolls() -> None:
    rig = camera_rig("mvcnn80")
    centres = (rig.centres / rig.centres.norm(dim=1, keepdim=True)).double()
    for group in centres.reshape(4, 20, 3)[1:]:
        torch.testing.assert_close(group, centres[:20], atol=1e-6, rtol=0)
    # From a corner of a regular dodecahedron: itself, 3 at cosine sqrt(5)/3, 6 at 1/3, and their opposites.
    cosines = (centres[:20] @ centres[:20].T).sort(dim=1).values
    a, b = math.sqrt(5) / 3, 1 / 3
    expected = torch.tensor([-1.0] + [-a] * 3 + [-b] * 6 + [b] * 6 + [a] * 3 + [1.0], dtype=torch.float64)
    torch.testing.assert_close(cosines, expected.expand(20, 20), atol=1e-6, rtol=0)
    # A picture rolled by a quarter turn: the same pixels about the centre, turned.
    pixels = (rig.project(CUBE)[0] - 112).reshape(4, 20, 8, 2)
    for roll in range(1, 4):
        turned = torch.stack([pixels[roll - 1, ..., 1], -pixels[roll - 1, ..., 0]], dim=-1)
        torch.testing.assert_close(pixels[roll], turned, atol=1e-3, rtol=0)


@given(count=st.integers(1, 200))
@settings(max_examples=15, deadline=None)
def test_sphere_is_balanced_and_spread(count: int) -> None:
    directions = camera_rig("sphere", count=count).centres.double()
    directions = directions / directions.norm(dim=1, keepdim=True)
    assert len(directions) == count
    # Equal steps in z balance exactly; the spiral balances x and y to a few percent of one camera.
    assert abs(float(directions[:, 2].sum())) < 1e-4
    assert float(directions[:, :2].sum(0).norm()) < 1.01
    if count > 1:
        nearest = (
            (directions @ directions.T - 4 * torch.eye(count, dtype=torch.float64)).max(1).values.clamp(-1, 1).acos()
        )
        # A perfect hexagonal packing has spacing sqrt(8 pi / (sqrt(3) n)); random points come 10 times closer.
        assert float(nearest.min()) > 0.6 * math.sqrt(8 * math.pi / (math.sqrt(3) * count)) * (0.9 if count < 5 else 1)


@pytest.mark.parametrize("elevation", [-math.pi / 2, 0.0, 0.3, math.pi / 2])
def test_ring_at_any_elevation(elevation: float) -> None:
    rig = camera_rig("ring", count=5, elevation_rad=elevation, distance=3.0)
    torch.testing.assert_close(rig.centres[:, 2], torch.full((5,), 3 * math.sin(elevation)), atol=1e-5, rtol=0)
    torch.testing.assert_close(rig.centres.norm(dim=1), torch.full((5,), 3.0))


def test_zoom_keeps_the_content_out_of_it() -> None:
    near, far = camera_rig("mvcnn12", distance=2.0), camera_rig("mvcnn12")
    assert torch.equal(near.K, far.K)
    assert float(near.centres.norm(dim=1)[0]) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("mvcnn12", {"count": 5}, "mvcnn12 has a fixed number"),
        ("ring", {"count": 0}, "at least 1 camera, got 0"),
        ("sphere", {"elevation_rad": 0.1}, "only 'ring' takes it"),
        ("ring", {"elevation_rad": 30.0}, "radians"),
        ("ring", {"elevation_rad": math.nan}, "radians"),
        ("ring", {"fov_rad": 40.0}, "between 0 and pi"),
        ("ring", {"distance": -1.0}, "finite length > 0"),
        ("ring", {"size": 0}, "at least 1 pixel"),
        ("ring", {"size": (5, -1)}, "at least 1 pixel"),
    ],
)
def test_refusals(name: str, options: dict, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        camera_rig(name, **options)


@pytest.mark.usefixtures("as_installed")
def test_unknown_rig_suggests_a_known_one() -> None:
    with pytest.raises(UnknownNameError, match=r"camera rig 'mvcnn_12'. Did you mean 'mvcnn12'"):
        camera_rig("mvcnn_12")
