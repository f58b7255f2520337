"""Networks for other programs compute what they compute here."""

import warnings

import pytest
import torch

from geolearn.cli.main import main
from geolearn.errors import CheckpointError, InvalidInputError, MissingDependencyError
from geolearn.models import MVCNN, VoxNet, VoxResNet, save_model
from geolearn.training import export
from geolearn.training.export import example_input, export_network
from geolearn.training.testing import load_trained


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    net = VoxNet(3, resolution=16)
    net.classes = ("a", "b", "c")
    net.save_pretrained(tmp_path / "net.safetensors", votes=1)
    return tmp_path / "net.safetensors"


@pytest.mark.usefixtures("as_installed")
def test_a_program_for_torch(weights, tmp_path, capsys):
    assert main(["export", str(weights), "-o", str(tmp_path / "net.pt2")]) == 0
    assert "a, b, c" in capsys.readouterr().out
    with warnings.catch_warnings():  # torch's own, of buffers that are not writable
        warnings.simplefilter("ignore", UserWarning)
        program = torch.export.load(tmp_path / "net.pt2").module()
    net = load_trained(weights).net
    x = torch.rand(5, 1, 16, 16, 16).round()  # another batch than it was traced with
    torch.testing.assert_close(program(x), net(x))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.pt2", "net.safetensors"]


@pytest.mark.usefixtures("as_installed")
def test_onnx(weights, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    facts = export_network(weights, tmp_path / "net.onnx")
    assert facts["largest difference from PyTorch"] < 1e-5
    net = load_trained(weights).net
    x = torch.rand(5, 1, 16, 16, 16).round()
    torch.testing.assert_close(export.run_onnx(tmp_path / "net.onnx", x), net(x), atol=1e-5, rtol=1e-4)


def test_without_onnx_it_says_what_to_install(weights, tmp_path, monkeypatch):
    def missing(package, *, extra):
        raise MissingDependencyError(f"pip install 'geolearn3d[{extra}]'")

    monkeypatch.setattr(export, "require", missing)
    with pytest.raises(MissingDependencyError, match=r"geolearn3d\[export\]"):
        export_network(weights, tmp_path / "net.onnx")


@pytest.mark.usefixtures("as_installed")
def test_a_file_that_computes_something_else_is_not_kept(weights, tmp_path, monkeypatch):
    class Wrong:
        def module(self):
            return lambda x: torch.full((len(x), 3), torch.nan)

    monkeypatch.setattr("torch.export.load", lambda path: Wrong())
    with pytest.raises(CheckpointError, match=r"net\.pt2: differs from PyTorch by up to nan; it is not written"):
        export_network(weights, tmp_path / "net.pt2")
    assert not (tmp_path / "net.pt2").exists()


def test_what_cannot_be_exported(weights, tmp_path):
    with pytest.raises(InvalidInputError, match=r"expected a name that ends in \.onnx or \.pt2, got 'net\.pb'"):
        export_network(weights, tmp_path / "net.pb")
    with pytest.raises(InvalidInputError, match="a surfacelabelnet looks at faces, more than one tensor"):
        example_input(load_trained("psb-chair"))


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize("make", [VoxNet, VoxResNet, lambda n: MVCNN(n, backbone="resnet10t")])
def test_networks_are_compiled_whole_and_exported(make, tmp_path):
    torch.manual_seed(0)
    net = make(3).eval()
    save_model(net, tmp_path / "net.safetensors")
    x, _ = example_input(load_trained(tmp_path / "net.safetensors"))
    x = x[..., :64, :64] if net.inputs == "views" else x
    with torch.no_grad():
        expected = net(x)
        torch.testing.assert_close(torch.compile(net, backend="eager", fullgraph=True)(x), expected)
        torch.testing.assert_close(torch.export.export(net, (x,)).module()(x), expected)
