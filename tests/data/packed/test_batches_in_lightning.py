"""`Batches` as Lightning's trainer drives it: a new order every epoch, and a resume in the middle of one."""

from pathlib import Path

import pytest
import torch

from geolearn.data import Batches, PackedVoxels, VoxelAugment, pack

pl = pytest.importorskip("lightning.pytorch")

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own advice on loaders, logging and checkpoints


def loader() -> Batches:
    values = torch.rand(22, 6, 6, 6, generator=torch.Generator().manual_seed(1)) < 0.5
    voxels = PackedVoxels(pack(values), torch.arange(22) % 3, tuple(f"k{i}" for i in range(22)))
    return Batches(voxels, 4, augment=VoxelAugment(shift=1), seed=7)


class Recorder(pl.LightningModule):
    """A model whose weights are the running sum of what it saw."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen = []

    def training_step(self, batch, number):
        self.seen.append((batch.keys, float(batch.data.sum())))
        return (self.weight * batch.data.mean()).sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def fit(model: Recorder, folder: Path, resume: Path | None = None, *, by_epoch: bool = False) -> None:
    often = {"every_n_epochs": 1} if by_epoch else {"every_n_train_steps": 1}
    every = pl.callbacks.ModelCheckpoint(folder, filename="{step}", save_top_k=-1, **often)
    trainer = pl.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[every],
    )
    trainer.fit(model, loader(), ckpt_path=resume, weights_only=True)


def test_epochs_are_those_of_the_plain_loop(tmp_path):
    model = Recorder()
    fit(model, tmp_path)
    plain = loader()
    expected = [(batch.keys, float(batch.data.sum())) for _ in range(3) for batch in plain]
    assert model.seen == expected


@pytest.mark.parametrize("step", [2, 6, 7, 12])
def test_a_resumed_training_sees_what_it_would_have_seen(step, tmp_path):
    straight = Recorder()
    fit(straight, tmp_path / "straight")
    resumed = Recorder()
    fit(resumed, tmp_path / "resumed", tmp_path / "straight" / f"step={step}.ckpt")
    assert resumed.seen == straight.seen[step:]
    assert torch.equal(resumed.weight, straight.weight)


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_training_resumed_between_epochs_sees_what_it_would_have_seen(epochs, tmp_path):
    straight, resumed, batches = Recorder(), Recorder(), len(loader())
    fit(straight, tmp_path / "straight", by_epoch=True)
    fit(resumed, tmp_path / "resumed", tmp_path / "straight" / f"step={epochs * batches}.ckpt", by_epoch=True)
    assert resumed.seen == straight.seen[epochs * batches :]
    assert torch.equal(resumed.weight, straight.weight)


def test_the_epoch_may_be_said_after_the_iterator_is_made():
    plain, resumed = loader(), loader()
    passes = [[batch.keys for batch in plain] for _ in range(3)]
    iterator = iter(resumed)
    resumed.set_epoch(2)
    assert [batch.keys for batch in iterator] == passes[2]
