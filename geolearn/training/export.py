"""Trained networks for other programs: ONNX, and PyTorch's own exported programs.

| way | what works |
| --- | --- |
| `torch.compile` | networks for grids and views, whole (`fullgraph=True`) |
| `torch.export` | the same; grids in batches of any size |
| ONNX | the same, by torch's exporter on top of `torch.export` (packages onnx and onnxscript) |
| TorchScript (`torch.jit.script`) | no: it does not know annotations of shapes; torch has replaced it by the above |
"""

import secrets
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geolearn._optional import require
from geolearn.errors import CheckpointError, InvalidInputError, MissingDependencyError
from geolearn.training.testing import Trained, load_trained
from geolearn.typing import Float, PathLike, Tensor

ENDINGS = (".onnx", ".pt2")
TOLERANCE = 1e-3  # of the largest output


def export_network(run_or_weights: PathLike, path: PathLike) -> dict[str, Any]:
    """Write the network of trained weights to a file, run that file, and compare it with PyTorch.

    Args:
        path: ends in .onnx, or in .pt2 for `torch.export.load`.

    Returns:
        What was written: shapes of input and output, classes, and the largest difference from PyTorch.

    Raises:
        InvalidInputError: another ending, or a network that takes more than one tensor.
        MissingDependencyError: ONNX is asked for, and its packages are not installed.
        CheckpointError: the file computes something else; it is not kept.
    """
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise InvalidInputError(f"output: expected a name that ends in {' or '.join(ENDINGS)}, got {path.name!r}")
    if path.suffix == ".onnx":
        _need_onnx()
    trained = load_trained(run_or_weights)
    x, dynamic = example_input(trained)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(6)}{path.suffix}")
    try:
        program = torch.export.export(
            trained.net, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)} if dynamic else None,)
        )
        if path.suffix == ".pt2":
            with (
                warnings.catch_warnings()
            ):  # torch warns of its own ways to save and load; what it computes is compared
                warnings.simplefilter("ignore", UserWarning)
                torch.export.save(program, temporary)
                found = torch.export.load(temporary).module()(x)
        else:
            onnx = torch.onnx.export(program, dynamo=True, input_names=["x"], output_names=["logits"], verbose=False)
            onnx.save(temporary, external_data=False)  # type: ignore[union-attr]
            found = run_onnx(temporary, x)
        with torch.no_grad():
            expected = trained.net(x)
        difference = float((found.detach() - expected).abs().max())
        if not difference <= TOLERANCE * float(expected.abs().max()):
            raise CheckpointError(f"{path.name}: differs from PyTorch by up to {difference:.3g}; it is not written")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return {
        "input": list(x.shape),
        "any batch size": dynamic,
        "output": list(expected.shape),
        "classes": list(trained.classes),
        "largest difference from PyTorch": difference,
    }


def example_input(trained: Trained) -> tuple[Float[Tensor, "*N"], bool]:
    """An input of a network as its training fed it, and whether its batch may have any size.

    Raises:
        InvalidInputError: a network that takes more than one tensor.
    """
    net, generator = trained.net, torch.Generator().manual_seed(0)
    config: Mapping[str, Any] = net.config
    if net.inputs == "voxels":
        channels = 2 if trained.record["model"] == "voxnet_multires" else config.get("in_channels", 1)
        grids = torch.rand(2, channels, *(config["resolution"],) * 3, generator=generator)
        return (grids > 0.8).float(), True
    if net.inputs == "views":
        render: Any = trained.method.representation()
        side = config.get("image_size") or render.size
        return torch.rand(1, len(render.cameras()), 1, side, side, generator=generator), False
    raise InvalidInputError(
        f"export: a {trained.record['model']} looks at {net.inputs}, more than one tensor; networks for voxels and "
        "views can be exported"
    )


def run_onnx(path: PathLike, x: Float[Tensor, "*N"]) -> Float[Tensor, "B K"]:
    """What an ONNX file makes of an input: by onnxruntime where it is installed, else by onnx's slow reference."""
    values = {"x": x.numpy()}
    try:
        runtime = require("onnxruntime", extra="export")
    except MissingDependencyError:
        reference = require("onnx.reference", extra="export")
        (found,) = reference.ReferenceEvaluator(str(path)).run(None, values)
    else:
        (found,) = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, values)
    return torch.from_numpy(np.asarray(found))


def _need_onnx() -> None:
    for package in ("onnx", "onnxscript"):
        require(package, extra="export")
