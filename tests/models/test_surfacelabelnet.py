"""The network on the surface: closed forms at both ends of diffusion, and what its labels do not depend on."""

import pytest
import torch
import trimesh
from torch.nn import functional as F

from geolearn.data import FaceFeatures, Store
from geolearn.errors import InvalidInputError
from geolearn.models import SurfaceLabelNet
from geolearn.ops.face_spectrum import face_spectrum
from geolearn.structures import Mesh

BALL = Mesh.from_trimesh(trimesh.creation.icosphere(2))


def shape() -> Mesh:
    """No two faces of it are alike; coordinates that turn without rounding."""
    ball = trimesh.creation.icosphere(2)
    x, y, z = ball.vertices.T
    verts = ball.vertices * (1 + 0.4 * x + 0.2 * y * z + 0.1 * z**2)[:, None] * [1.0, 0.6, 1.5]
    return Mesh(torch.tensor((verts * 4096).round() / 4096).float(), torch.tensor(ball.faces).long())


def make(num_labels: int = 3, features: int = 5, **options) -> SurfaceLabelNet:
    torch.manual_seed(0)
    return SurfaceLabelNet(num_labels, features=features, **{"width": 8, "blocks": 2, **options}).eval()


@pytest.fixture(scope="module")
def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, list[int]]:
    spectrum = face_spectrum(BALL, 24)
    x = torch.randn(320, 5, generator=torch.Generator().manual_seed(1))
    return x, spectrum.functions, spectrum.eigenvalues[None], spectrum.areas, [320]


def test_without_blocks_each_face_is_labelled_by_its_features_alone(inputs):
    net, x = make(blocks=0), inputs[0]
    hidden = x.clamp(-5, 5) @ net.enter.weight.T + net.enter.bias
    centred = hidden - hidden.mean(1, keepdim=True)
    scaled = centred / (centred.square().mean(1, keepdim=True) + net.norm.eps).sqrt()
    torch.testing.assert_close(net(*inputs), scaled @ net.leave.weight.T + net.leave.bias, rtol=1e-4, atol=1e-5)


def test_a_block_that_diffuses_for_ever_knows_its_face_and_the_mean(inputs):
    net = make(blocks=1)
    (block,) = net.blocks
    with torch.no_grad():
        block.diffusion.log_time.fill_(20)
    x = net.enter(inputs[0])
    mean = (inputs[3][:, None] * x).sum(0).expand_as(x)  # areas sum to 1
    both = F.layer_norm(torch.cat([x, mean], 1), (16,), block.norm.weight, block.norm.bias)
    expected = net.leave(net.norm(x + block.narrow(F.gelu(block.widen(both)))))
    torch.testing.assert_close(net(*inputs), expected, rtol=0, atol=1e-4)


def test_order_of_faces(inputs):
    net, (x, functions, values, areas, counts) = make(), inputs
    order = torch.randperm(320, generator=torch.Generator().manual_seed(3))
    moved = net(x[order], functions[order], values, areas[order], counts)
    torch.testing.assert_close(moved, net(*inputs)[order], rtol=0, atol=1e-5)


def test_signs_of_waves_and_turns_among_equal_ones(inputs):
    """Waves 1 to 3 of a ball have one eigenvalue, so any turned basis of them is as good."""
    net, (x, functions, values, areas, counts) = make(), inputs
    values = values.clone()
    values[:, 1:4] = values[:, 1:4].mean()
    turned = functions * torch.where(torch.arange(24) % 2 == 0, 1.0, -1.0)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(4)))[0]
    turned = torch.cat([turned[:, :1], turned[:, 1:4] @ turn, turned[:, 4:]], 1)
    found, expected = (net(x, each, values, areas, counts) for each in (turned, functions))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_meshes_of_a_batch_do_not_see_each_other(inputs):
    net, (x, functions, values, areas, _) = make(), inputs
    first = (x[:80], functions[:80], values, areas[:80], [80])
    both = net(
        torch.cat([x, first[0]]), torch.cat([functions, first[1]]), torch.cat([values, values]),
        torch.cat([areas, first[3]]), [320, 80],
    )  # fmt: skip
    torch.testing.assert_close(both, torch.cat([net(*inputs), net(*first)]), rtol=0, atol=1e-5)


def test_labels_of_a_mesh_that_was_moved_turned_scaled_and_shuffled():
    """Through features and spectrum: the same scores for the same face."""
    mesh, net = shape(), make(features=600)
    order = torch.randperm(320, generator=torch.Generator().manual_seed(5))
    turned = torch.stack([mesh.verts[:, 1], -mesh.verts[:, 0], mesh.verts[:, 2]], 1)
    moved = Mesh(2 * turned + torch.tensor([1.0, -3, 0.5]), mesh.faces[order])
    packed = FaceFeatures(functions=24).pack(Store.of_shapes([mesh, moved]))
    with torch.no_grad():
        one, other = (net(*packed.take(torch.tensor([number])).inputs) for number in range(2))
    difference = (other - one[order]).abs()
    assert float(difference.median()) < 0.02 * float(one.std())
    assert float((other.argmax(1) == one[order].argmax(1)).float().mean()) > 0.97


def test_gradients_of_weights_and_features(inputs):
    net = make(width=4).double()
    x, functions, values, areas, _ = (part if isinstance(part, list) else part.double() for part in inputs)
    small = (functions[:12, :6], values[:, :6], areas[:12], [12])
    assert torch.autograd.gradcheck(lambda x: net(x, *small), (x[:12].clone().requires_grad_(),), fast_mode=True)
    net(x[:12], *small).square().sum().backward()
    assert all(bool(p.grad.abs().sum() > 0) for p in net.parameters())


@pytest.mark.parametrize(
    "options, message",
    [
        ({"num_labels": 1}, "expected num_labels >= 2, features and width >= 1, blocks >= 0, got 1, 5, 8 and 2"),
        ({"blocks": -1}, "got 3, 5, 8 and -1"),
        ({"width": 0}, "got 3, 5, 0 and 2"),
    ],
)
def test_sizes_that_make_no_network(options, message):
    with pytest.raises(InvalidInputError, match=message):
        make(**options)


def test_inputs_that_do_not_fit(inputs):
    net, (x, functions, values, areas, _) = make(), inputs
    with pytest.raises(InvalidInputError, match=r"features: expected \(F, 5\), got \(320, 4\)"):
        net(x[:, :4], functions, values, areas, [320])
    with pytest.raises(InvalidInputError, match=r"faces_per_mesh: expected 1 counts that sum to 320, got \[300, 20\]"):
        net(x, functions, values, areas, [300, 20])
