"""`geolearn fit`: where its pictures and masks come from. What it writes: tests/fitting/test_run.py."""

from pathlib import Path

import pytest
import torch

from geolearn.cli.fit import Fit
from geolearn.errors import InvalidInputError
from geolearn.io import save_views
from geolearn.render import camera_rig
from geolearn.structures import Views

Image = pytest.importorskip("PIL.Image")


def disc_scene(folder: Path, masked: bool = False) -> torch.Tensor:
    y, x = torch.meshgrid(*[torch.arange(40.0)] * 2, indexing="ij")
    disc = ((x - 20).square() + (y - 18).square() < 100).float().expand(3, 40, 40)
    images = 0.02 + 0.7 * disc[:, None].expand(3, 3, 40, 40)
    save_views(Views(images, camera_rig("ring", count=3, size=40), disc if masked else None), folder)
    return disc


def test_background(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    disc = disc_scene(tmp_path)
    views = Fit(tmp_path, tmp_path / "out", background="dark")._views()
    assert torch.equal(views.masks, disc)
    assert "masks: what is above 0.039, 19% to 19% of a picture" in capsys.readouterr().out
    assert Fit(tmp_path, tmp_path / "out")._views().masks is None
    assert "the pictures have no masks; --masks FOLDER takes them" in capsys.readouterr().out


def test_masks_from_a_folder(tmp_path: Path) -> None:
    disc = disc_scene(tmp_path)
    (tmp_path / "cut").mkdir()
    for n, mask in enumerate(disc):
        Image.fromarray((mask * 255).byte().numpy()).save(tmp_path / f"cut/000{n}.png.png")
    assert torch.equal(Fit(tmp_path, tmp_path / "out", masks=tmp_path / "cut")._views().masks, disc)


def test_masks_are_not_cut_twice(tmp_path: Path) -> None:
    disc_scene(tmp_path, masked=True)
    with pytest.raises(InvalidInputError, match=r"--background: .* has masks .or alpha. already"):
        Fit(tmp_path, tmp_path / "out", background="dark")._views()
