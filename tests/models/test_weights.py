"""Weights files by other people: damaged ones, and ones made to do harm."""

import json
import struct
from pathlib import Path

import pytest
import torch
from torch import nn

from geolearn.errors import CheckpointError
from geolearn.models import MVCNN, VoxNet, load_model, save_model
from geolearn.models.weights import MODELS, PretrainedModel


def rewritten(path: Path, record: object) -> Path:
    """The same tensors with another record in the header; text is written as it is."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    head, body = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    known = json.loads(head["__metadata__"]["geolearn"])
    text = (
        record if isinstance(record, str) else json.dumps({**known, **record} if isinstance(record, dict) else record)
    )
    packed = json.dumps({**head, "__metadata__": {"geolearn": text}}).encode()
    other = path.with_name("other.safetensors")
    other.write_bytes(struct.pack("<Q", len(packed)) + packed + body)
    return other


@pytest.fixture
def weights(tmp_path) -> Path:
    save_model(VoxNet(3), tmp_path / "ok.safetensors", classes=["a", "b", "c"])
    return tmp_path / "ok.safetensors"


def test_what_is_sound_is_loaded(weights):
    net, record = load_model(rewritten(weights, {"subject": "chairs"}))
    assert (type(net), net.training, record["classes"], record["subject"]) == (VoxNet, False, ["a", "b", "c"], "chairs")


@pytest.mark.parametrize(
    "record, message",
    [
        ({"config": [1]}, r"expected the arguments of VoxNet by name, got \[1\]"),
        ({"config": None}, "expected the arguments of VoxNet by name, got None"),
        ({"config": {"num_classes": -1}}, "a VoxNet cannot be made of .*num_classes"),
        ({"config": {"num_classes": None}}, "a VoxNet cannot be made of .*num_classes"),
        ({"config": {"num_classes": 10**12}}, r"needs a tensor of shape \(10{12}, \d+\), more than the \d+ tensors"),
        ({"config": {"num_classes": 10**30}}, "a VoxNet (cannot be made of|of .* needs)"),
        ({"config": {"num_classes": 4}}, "the weights do not fit VoxNet"),
        ({"config": {"num_classes": 3, "\x1b[31mX\n": 1}}, r"'\\x1b\[31mX\\n' is no argument that a file may give"),
        ({"config": {"num_classes": 3, "a" * 10**6: 1}}, r"'a{199}\.\.\. is no argument"),
        ("[" * 100000 + "]" * 100000, "RecursionError"),
        ({"model": "voxnett"}, "unknown model 'voxnett'. Did you mean 'voxnet'"),
        ("no JSON", "JSONDecodeError"),
        ([1], "TypeError"),
        ({"model": ["voxnet"]}, "Type(Check)?Error"),
        ({"model": "mvcnn", "config": {"backbone": None}}, "a MVCNN cannot be made of"),
        ({"model": "mvcnn", "config": {"backbone": "hf-hub:someone/anything"}}, "unknown backbone"),
        ({"model": "mvcnn", "config": {"backbone": "vit_giant_patch14_224"}}, "needs .*, more than the"),
    ],
)  # fmt: skip
def test_records_that_do_harm_are_refused(record, message, weights):
    with pytest.raises(CheckpointError, match=rf"other\.safetensors: .*{message}") as caught:
        load_model(rewritten(weights, record))
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("pretrained", [True, "offline", 1])
def test_a_file_cannot_reach_the_network(pretrained, weights, monkeypatch):
    def fetch(*arguments, **options):
        pytest.fail("it tried to fetch something")

    timm = pytest.importorskip("timm", reason="needs the extra [backbones]")
    monkeypatch.setattr(timm, "create_model", fetch)
    config = {"num_classes": 3, "backbone": "resnet18", "pretrained": pretrained}
    with pytest.raises(CheckpointError, match="'pretrained' is no argument that a file may give to MVCNN"):
        load_model(rewritten(weights, {"model": "mvcnn", "config": config}))


def test_a_multi_view_network_is_loaded(tmp_path):
    torch.manual_seed(0)
    net = MVCNN(2, backbone="resnet10t", pooling="attention")
    save_model(net, tmp_path / "net.safetensors")
    again, _ = load_model(tmp_path / "net.safetensors")
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in net.state_dict().items())


class Greedy(PretrainedModel):
    """Makes as many modules as it is told to."""

    def __init__(self, layers: int = 1):
        super().__init__(layers=layers)
        self.layers = nn.ModuleList(nn.ReLU() for _ in range(layers))
        self.weight = nn.Parameter(torch.zeros(1))


def test_modules_without_weights_are_counted(tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS._entries, "greedy", Greedy)
    save_model(Greedy(5), tmp_path / "ok.safetensors")
    assert len(list(load_model(tmp_path / "ok.safetensors")[0].modules())) == 7
    with pytest.raises(CheckpointError, match="needs more than 1010 modules"):
        load_model(rewritten(tmp_path / "ok.safetensors", {"config": {"layers": 10**9}}))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_neither_saved_nor_loaded(value, weights, tmp_path):
    net = VoxNet(3)
    with torch.no_grad():
        next(iter(net.parameters())).view(-1)[7] = value
    name = next(iter(net.state_dict()))
    message = rf"1 of \d+ values of '{name}' are NaN or infinite"
    with pytest.raises(CheckpointError, match=message):
        save_model(net, tmp_path / "bad.safetensors")
    assert not (tmp_path / "bad.safetensors").exists()
    raw = bytearray(weights.read_bytes())
    raw[-4:] = struct.pack("<f", value)
    weights.write_bytes(raw)
    with pytest.raises(CheckpointError, match=r"ok\.safetensors: 1 of \d+ values of '.*' are NaN or infinite"):
        load_model(weights)
