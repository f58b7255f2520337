"""Masks as people save them: white, labels, palettes, alpha; and what is none."""

from pathlib import Path

import numpy as np
import pytest
import torch

from geolearn.errors import MeshFormatError
from geolearn.io.mask_files import read_masks

Image = pytest.importorskip("PIL.Image")
DISC = ((np.mgrid[:20, :24] - np.array([10, 12])[:, None, None]) ** 2).sum(0) < 50
PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0]  # of Pascal VOC and LabelMe


def write(path: Path, kind: str, shape: np.ndarray = DISC) -> Path:
    """A mask of one kind."""
    if kind == "palette":
        image = Image.new("P", shape.shape[::-1])
        image.putpalette(PALETTE)
        image.putdata(shape.astype(int).ravel().tolist())
    elif kind == "alpha":
        colours = np.random.default_rng(0).integers(0, 255, (*shape.shape, 3))
        image = Image.fromarray(np.dstack([colours, 255 * shape]).astype(np.uint8))
    elif kind == "two colours":
        image = Image.fromarray((shape[..., None] * [128, 0, 0]).astype(np.uint8))
    elif kind == "opaque":
        image = Image.fromarray(np.dstack([255 * shape] * 3 + [np.full_like(shape, 255, dtype=int)]).astype(np.uint8))
    elif kind == "16 bits":
        image = Image.fromarray(shape.astype(np.uint16) * 65535)
    elif kind == "16 bit labels":
        image = Image.fromarray(shape.astype(np.uint16))
    elif kind == "1 bit":
        image = Image.fromarray(shape)
    else:
        image = Image.fromarray((shape * {"white": 255, "labels": 1}[kind]).astype(np.uint8))
    image.save(path)
    return path


@pytest.mark.parametrize(
    "kind",
    ["white", "labels", "palette", "alpha", "opaque", "two colours", "16 bits", "16 bit labels", "1 bit"],
)
def test_all_of_these_are_the_same_mask(tmp_path: Path, kind: str) -> None:
    empty = write(tmp_path / "empty.png", kind, np.zeros_like(DISC))
    masks = read_masks([write(tmp_path / "a.png", kind), None, empty])
    assert torch.equal(masks[0], torch.from_numpy(DISC).float())
    assert masks[1] is None
    assert not masks[2].any()


def test_soft_edges_stay(tmp_path: Path) -> None:
    values = np.array([[0, 1, 2, 128, 255]], dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(np.ones((1, 5), dtype=np.uint8)).save(tmp_path / "dark.png")
    soft, dark = read_masks([tmp_path / "a.png", tmp_path / "dark.png"])
    torch.testing.assert_close(soft, torch.from_numpy(values).float() / 255)
    torch.testing.assert_close(dark, torch.full((1, 5), 1 / 255))  # not a label: the other picture has shades


def test_what_is_no_mask(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1, 2, 3]], dtype=np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(MeshFormatError, match="the masks: their values are 0 to 3 of 255, so they hold labels"):
        read_masks([tmp_path / "a.png"])
    colours = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "photo.png")
    with pytest.raises(MeshFormatError, match=r"photo.png: the picture: a picture in colours, which is no mask"):
        read_masks([tmp_path / "photo.png"])
    assert read_masks([]) == []
    assert read_masks([None]) == [None]
