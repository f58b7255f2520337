"""Losses against hand values, loops, finite differences and invariances."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from geolearn import losses, ops
from geolearn.errors import InvalidInputError


def icosphere(subdivisions=2, radius=1.0):
    import trimesh

    sphere = trimesh.creation.icosphere(subdivisions, radius)
    return torch.tensor(sphere.vertices.copy()), torch.tensor(sphere.faces.copy(), dtype=torch.int64)


def tetrahedron():
    verts = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float64)
    return verts, torch.tensor([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])


def bumpy(seed=0):
    verts, faces = icosphere(1)
    generator = torch.Generator().manual_seed(seed)
    return verts + 0.2 * torch.randn(verts.shape, generator=generator, dtype=verts.dtype), faces


def turned(verts):
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=verts.dtype))
    return verts @ q.mT + 3


def numbers(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class TestSilhouettes:
    def test_iou_of_two_squares_is_counted_by_hand(self):
        a, b = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
        a[0, :2, :2] = 1
        b[0, 1:3, :2] = 1  # 2 common pixels, 6 in the union
        assert losses.silhouette_iou_loss(a, b).item() == pytest.approx(1 - 2 / 6)
        assert losses.silhouette_l1_loss(a, b).item() == pytest.approx(4 / 16)

    def test_images_weigh_the_same_whatever_their_area(self):
        a, b = torch.zeros(2, 4, 4), torch.zeros(2, 4, 4)
        a[0], b[0] = 1, 1
        a[1, 0, 0], b[1, 1, 1] = 1, 1
        assert losses.silhouette_iou_loss(a, b).item() == pytest.approx(0.5)

    def test_empty_in_both_is_fitted_and_has_a_finite_gradient(self):
        a = torch.zeros(1, 3, 3, requires_grad=True)
        loss = losses.silhouette_iou_loss(a, torch.zeros(1, 3, 3))
        loss.backward()
        assert loss.item() == 0
        assert bool(a.grad.isfinite().all())

    def test_gradient(self):
        a, b = numbers(2, 3, 4).requires_grad_(), numbers(2, 3, 4, seed=1)
        assert gradcheck(losses.silhouette_iou_loss, (a, b))
        assert gradcheck(losses.silhouette_l1_loss, (a, b))

    @pytest.mark.parametrize("loss", [losses.silhouette_iou_loss, losses.silhouette_l1_loss])
    def test_bad_shapes(self, loss, as_installed):
        with pytest.raises(InvalidInputError, match=r"\(1, 3, 3\) and \(2, 3, 3\)"):
            loss(torch.zeros(1, 3, 3), torch.zeros(2, 3, 3))
        with pytest.raises(InvalidInputError, match="at least one value"):
            loss(torch.zeros(0, 3, 3), torch.zeros(0, 3, 3))


class TestImages:
    def test_hand_values(self):
        a, b = torch.zeros(1, 2, 1, 2), torch.tensor([[[[1.0, 0.0]], [[0.5, 0.0]]]])
        assert losses.image_l1_loss(a, b).item() == pytest.approx(0.75 / 2)
        assert losses.image_l1_loss(a, b, torch.tensor([[[3.0, 1.0]]])).item() == pytest.approx(3 * 0.75 / 4)
        assert losses.image_l1_loss(a, b, torch.zeros(1, 1, 2)).item() == 0

    def test_normals_by_angle(self):
        x = torch.tensor([2.0, 0, 0])[None, :, None, None].expand(1, 3, 1, 4)
        other = torch.tensor([[3.0, 0, 0], [0, 1, 0], [-1, 0, 0], [1, 1, 0]]).T[None, :, None]
        expected = (0 + 1 + 2 + 1 - math.sqrt(0.5)) / 4
        assert losses.normal_loss(x, other).item() == pytest.approx(expected)
        last = torch.tensor([[[0.0, 0, 0, 5]]])
        assert losses.normal_loss(x, other, last).item() == pytest.approx(1 - math.sqrt(0.5))

    def test_gradient(self):
        a, b, weights = numbers(2, 3, 2, 2).requires_grad_(), numbers(2, 3, 2, 2, seed=1), numbers(2, 2, 2, seed=2)
        assert gradcheck(losses.normal_loss, (a, b, weights))
        assert gradcheck(losses.image_l1_loss, (a, b, weights))

    def test_bad_weights(self, as_installed):
        with pytest.raises(InvalidInputError, match=r"weights: expected \(1, 2, 2\)"):
            losses.image_l1_loss(torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2))


class TestSmoothness:
    def test_uniform_laplacian_of_a_tetrahedron(self):
        verts, faces = tetrahedron()  # neighbours of v have the mean -v / 3
        loss = losses.uniform_laplacian_loss(verts, ops.mesh_edges(faces))
        assert loss.item() == pytest.approx((4 / 3) ** 2 * 3)

    def test_uniform_laplacian_loop(self):
        verts, faces = bumpy()
        edges = ops.mesh_edges(faces).tolist()
        total = 0.0
        for i in range(len(verts)):
            around = [b if a == i else a for a, b in edges if i in (a, b)]
            total += float((verts[around].mean(0) - verts[i]).square().sum())
        loss = losses.uniform_laplacian_loss(verts, ops.mesh_edges(faces))
        assert loss.item() == pytest.approx(total / len(verts))

    @pytest.mark.parametrize("radius", [0.5, 1.0, 3.0])
    def test_cotangent_laplacian_of_a_sphere_is_its_squared_curvature(self, radius):
        loss = losses.cotangent_laplacian_loss(*icosphere(4, radius))
        assert loss.item() == pytest.approx(1 / radius**2, rel=5e-3)

    def test_cotangent_laplacian_ignores_motion_in_a_plane(self):
        x, y = torch.meshgrid(*[torch.arange(5.0, dtype=torch.float64)] * 2, indexing="ij")
        verts = torch.stack([x, y, 0 * x], -1).reshape(-1, 3)
        verts[12, :2] += torch.tensor([0.3, 0.2])
        quads = [(5 * i + j, 5 * i + 5 + j, 5 * i + 6 + j, 5 * i + 1 + j) for i in range(4) for j in range(4)]
        faces = torch.tensor([[a, b, c] for a, b, c, d in quads] + [[a, c, d] for a, b, c, d in quads])
        verts.requires_grad_()
        inner = [6, 7, 8, 11, 12, 13, 16, 17, 18]
        gradient = torch.autograd.grad(losses.cotangent_laplacian_loss(verts, faces), verts)[0]
        assert float(gradient[inner[4]].abs().max()) < 1e-12
        uniform = losses.uniform_laplacian_loss(verts, ops.mesh_edges(faces))
        assert float(torch.autograd.grad(uniform, verts)[0][12].abs().max()) > 1e-3

    def test_edge_length(self):
        verts, faces = tetrahedron()
        edges = ops.mesh_edges(faces)
        assert losses.edge_length_loss(verts, edges).item() == pytest.approx(8)
        assert losses.edge_length_loss(verts, edges, 1.0).item() == pytest.approx((math.sqrt(8) - 1) ** 2)
        assert losses.edge_length_loss(verts, edges[:0]).item() == 0

    def test_normal_consistency_by_hand(self):
        verts, faces = tetrahedron()  # outward normals of a regular tetrahedron: cos -1/3
        loss = losses.normal_consistency_loss(verts, faces, ops.adjacent_faces(faces))
        assert loss.item() == pytest.approx(4 / 3)
        strip = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], dtype=torch.float64)
        two = torch.tensor([[0, 1, 2], [2, 1, 3]])
        assert losses.normal_consistency_loss(strip, two, ops.adjacent_faces(two)).item() == pytest.approx(0)
        assert losses.normal_consistency_loss(strip, two[:1], two[:0, :2]).item() == 0

    def calls(self, faces):
        edges, pairs = ops.mesh_edges(faces), ops.adjacent_faces(faces)
        return {
            "uniform": lambda v: losses.uniform_laplacian_loss(v, edges),
            "cotangent": lambda v: losses.cotangent_laplacian_loss(v, faces),
            "edges": lambda v: losses.edge_length_loss(v, edges, 0.2),
            "normals": lambda v: losses.normal_consistency_loss(v, faces, pairs),
        }

    @pytest.mark.parametrize("name, power", [("uniform", 2), ("cotangent", -2), ("normals", 0)])
    def test_motion_changes_nothing_and_size_by_its_power(self, name, power):
        verts, faces = bumpy()
        loss = self.calls(faces)[name]
        assert loss(turned(verts)).item() == pytest.approx(loss(verts).item())
        assert loss(3 * verts).item() == pytest.approx(3**power * loss(verts).item())

    @pytest.mark.parametrize("name", ["uniform", "cotangent", "edges", "normals"])
    def test_gradient(self, name):
        verts, faces = tetrahedron()
        verts = verts + 0.3 * numbers(4, 3)
        assert gradcheck(self.calls(faces)[name], (verts.requires_grad_(),))

    @pytest.mark.parametrize("name", ["uniform", "cotangent", "edges", "normals"])
    def test_degenerate_faces_and_unused_vertices_have_finite_gradients(self, name):
        verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0], [9, 9, 9]], requires_grad=True)
        faces = torch.tensor([[0, 1, 2], [0, 3, 1], [0, 2, 3]])
        loss = self.calls(faces)[name](verts)
        loss.backward()
        assert bool(loss.isfinite())
        assert bool(verts.grad.isfinite().all())

    def test_no_vertices(self):
        with pytest.raises(InvalidInputError, match="verts: expected at least one"):
            losses.uniform_laplacian_loss(torch.zeros(0, 3), torch.zeros(0, 2, dtype=torch.int64))
        with pytest.raises(InvalidInputError, match="target_length"):
            losses.edge_length_loss(torch.zeros(1, 3), torch.zeros(0, 2, dtype=torch.int64), -1.0)


class TestChamfer:
    def test_hand_value(self):
        a, b = torch.tensor([[0.0, 0, 0], [2, 0, 0]]), torch.tensor([[0.0, 0, 1]])
        assert losses.chamfer_squared_distance(a, b).item() == pytest.approx((1 + 5) / 2 + 1)

    def test_loop(self):
        a, b = numbers(30, 3), numbers(50, 3, seed=1)
        there = sum(min(float((p - q).square().sum()) for q in b) for p in a) / 30
        back = sum(min(float((p - q).square().sum()) for p in a) for q in b) / 50
        assert losses.chamfer_squared_distance(a, b).item() == pytest.approx(there + back)
        assert losses.chamfer_squared_distance(b, a).item() == pytest.approx(there + back)

    def test_tree_and_blocks_agree(self, monkeypatch):
        from geolearn.losses import chamfer

        monkeypatch.setattr(chamfer, "BLOCK", 100)
        a, b = numbers(33, 3), numbers(21, 3, seed=1)
        assert torch.equal(chamfer._by_tree(a, b), chamfer._by_blocks(a, b))
        assert len(chamfer._by_blocks(a[:0], b)) == 0

    def test_gradient(self):
        a, b = numbers(6, 3).requires_grad_(), numbers(5, 3, seed=1).requires_grad_()
        assert gradcheck(losses.chamfer_squared_distance, (a, b))

    def test_bad_points(self, as_installed):
        with pytest.raises(InvalidInputError, match="Q >= 1"):
            losses.chamfer_squared_distance(torch.zeros(3, 3), torch.zeros(0, 3))
        with pytest.raises(InvalidInputError, match=r"\(3, 2\)"):
            losses.chamfer_squared_distance(torch.zeros(3, 2), torch.zeros(1, 3))
        with pytest.raises(InvalidInputError, match="NaN or infinity"):
            losses.chamfer_squared_distance(torch.full((3, 3), math.nan), torch.zeros(1, 3))


def test_code_prior():
    codes = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    assert losses.code_prior_loss(codes).item() == pytest.approx(6 / 4 / 2)
    assert losses.code_prior_loss(codes, 2.0).item() == pytest.approx(6 / 4 / 8)
    assert gradcheck(losses.code_prior_loss, (numbers(2, 3).requires_grad_(),))
    with pytest.raises(InvalidInputError, match="deviation > 0"):
        losses.code_prior_loss(codes, 0.0)


class TestGrids:
    def test_total_variation_of_one_cell_is_counted_by_hand(self):
        values = torch.zeros(2, 1, 3, 3, 3)
        values[0, 0, 1, 1, 1] = 0.5  # 6 of 3 x 18 differences are 1/2
        values[1, 0, 0, 0, 0] = 1.0  # 3 of them are 1
        found = losses.total_variation_loss(values)
        assert found.tolist() == pytest.approx([6 * 0.5 / 54, 3 / 54])
        with pytest.raises(InvalidInputError, match="at least 2 along each axis"):
            losses.total_variation_loss(values[:, :, :1])

    def test_total_variation_gradient(self):
        assert gradcheck(losses.total_variation_loss, numbers(2, 1, 2, 3, 3).requires_grad_())


class TestCodeDivergence:
    def test_against_torch_distributions(self):
        mean, log_variance = numbers(4, 3) * 2 - 1, numbers(4, 3, seed=1) * 2 - 1
        found = losses.code_divergence_loss(mean, log_variance)
        codes = torch.distributions.Normal(mean, (log_variance / 2).exp())
        expected = torch.distributions.kl_divergence(codes, torch.distributions.Normal(0.0, 1.0))
        assert found.item() == pytest.approx(expected.sum(1).mean().item())
        assert losses.code_divergence_loss(torch.zeros(2, 3), torch.zeros(2, 3)).item() == 0

    def test_bad_shapes(self, as_installed):
        with pytest.raises(InvalidInputError, match="one shape with at least one value"):
            losses.code_divergence_loss(torch.zeros(2, 3), torch.zeros(2, 4))
