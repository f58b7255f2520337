"""VoxelVAE: the bound by hand, shapes learned by heart, and its door."""

from pathlib import Path

import pytest
import torch

from geolearn.errors import InvalidInputError
from geolearn.io import load_voxels
from geolearn.losses import code_divergence_loss
from geolearn.models import VoxelVAE


def small(**options):
    torch.manual_seed(0)
    return VoxelVAE(4, resolution=16, widths=(16, 8, 8), **options)


def boxes():
    grids = torch.zeros(4, 1, 16, 16, 16)
    grids[0, 0, 4:12, 4:12, 2:6] = 1
    grids[1, 0, 2:6, 4:12, 4:12] = 1
    grids[2, 0, 4:12, 2:6, 4:12] = 1
    grids[3, 0, 4:12, 4:12, 4:12] = 1
    return grids


def test_the_bound_is_that_of_its_parts():
    vae, grids = small().eval(), boxes()
    bound = vae.losses(grids, torch.Generator().manual_seed(3))
    mean, log_variance = vae.encode(grids)
    noise = torch.randn(4, 4, generator=torch.Generator().manual_seed(3))
    odds = vae.logits(mean + (log_variance / 2).exp() * noise)
    chance = torch.distributions.Bernoulli(logits=odds)
    expected = -chance.log_prob(grids).sum() / 4
    assert bound.reconstruction.item() == pytest.approx(expected.item(), rel=1e-4)
    assert bound.divergence.item() == pytest.approx(code_divergence_loss(mean, log_variance).item())


def test_learns_shapes_by_heart():
    vae, grids = small(), boxes()
    optimiser = torch.optim.Adam(vae.parameters(), lr=5e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(150):
        optimiser.zero_grad()
        bound = vae.losses(grids, generator)
        (bound.reconstruction + bound.divergence).backward()
        optimiser.step()
    vae.eval()
    with torch.no_grad():
        found = vae(vae.encode(grids)[0]) > 0.5
    iou = (found & (grids > 0.5)).sum((1, 2, 3, 4)) / (found | (grids > 0.5)).sum((1, 2, 3, 4))
    assert float(iou.min()) > 0.9


def test_samples_depend_on_the_generator_alone():
    vae = small().eval()
    one, two, other = (vae.sample(2, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert one.shape == (2, 1, 16, 16, 16)


def test_bad_input():
    with pytest.raises(InvalidInputError, match="multiple of 16, got 30"):
        VoxelVAE(resolution=30)
    with pytest.raises(InvalidInputError, match="code_size: expected at least 1"):
        VoxelVAE(0)
    with pytest.raises(InvalidInputError, match=r"grids: expected \(B, 1, 16"):
        small().encode(torch.zeros(1, 1, 32, 32, 32))


@pytest.mark.slow
def test_shipped_weights_know_chairs_they_have_not_seen(unpacked):
    folder = unpacked("3dshapenets_chair_train.tar.xz") / "volumetric_data" / "chair" / "30" / "train"
    splits = Path(__file__).resolve().parents[2] / "datasets" / "shapenets_chairs" / "splits"
    names = [line.split()[0] for line in (splits / "test.txt").read_text().splitlines()][:20]
    grids = torch.stack([load_voxels(folder / f"{name}_1.mat").occupancy for name in names])[:, None].float()
    grids = torch.nn.functional.pad(grids, (1,) * 6)
    vae = VoxelVAE.from_pretrained("voxelvae-chairs")
    with torch.no_grad():
        found = vae(vae.encode(grids)[0]) > 0.5
    iou = (found & (grids > 0.5)).sum((1, 2, 3, 4)) / (found | (grids > 0.5)).sum((1, 2, 3, 4))
    assert float(iou.mean()) > 0.65
