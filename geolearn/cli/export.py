"""`geolearn export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from geolearn.cli.output import say
from geolearn.cli.typed_names import check_weights


@dataclass(frozen=True)
class Export:
    """Write a trained network for other programs, and check that it computes what PyTorch computes.

    net.onnx is ONNX (it needs the packages onnx and onnxscript), net.pt2 a program for `torch.export.load`, which needs
    nothing of geolearn.

    For example:
        geolearn export voxnet-modelnet10 -o net.onnx
        geolearn export runs/voxnet-1 -o net.pt2
    """

    weights: tyro.conf.Positional[str]
    """A run folder, a weights file, or the name of weights that ship with geolearn."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The file to write: .onnx or .pt2."""
    use: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Import a module that registers models, methods or recipes of your own."""

    def run(self) -> int:
        check_weights(self.weights)
        from geolearn.cli.modules import import_modules
        from geolearn.training.export import export_network

        import_modules(self.use)
        facts = export_network(self.weights, self.output)
        width = max(map(len, facts))
        for name, value in facts.items():
            say(f"{name:{width}}  {', '.join(map(str, value)) if isinstance(value, list) else value}")
        say(f"written: {self.output}")
        return 0
