"""`geolearn label`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from geolearn.cli.typed_names import check_weights


@dataclass(frozen=True)
class Label:
    """Label the faces of a mesh: a coloured PLY with a label per face, and a picture of it beside it.

    For example:
        geolearn label mesh.off --weights runs/mine -o labeled.ply
        geolearn label mesh.off --weights runs/mine -o out/labeled.ply --split-parts out/parts --labels out/labels.txt
    """

    mesh: tyro.conf.Positional[Path]
    """A mesh file with any number of faces, in any pose and of any size."""
    weights: str
    """A run folder, a weights file, or the name of weights that ship with geolearn."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The PLY to write; the picture gets its name and .png."""
    split_parts: Path | None = None
    """Write each part as a mesh of its own into this folder, and all of them as a glTF scene of named parts."""
    labels: Path | None = None
    """Write the labels as text: a line per face with the name of its part."""
    smoothness: float | None = None
    """What a border between parts costs; 0: no smoothing. Default: that of the training."""
    up: Literal["auto", "x", "y", "z"] = "auto"
    """The axis of the file that points up. auto: y for OBJ and GLB, as most are, and z for the others. In what is
    written it is z, in parts.glb y."""
    use: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Import a module that registers models, methods or recipes of your own."""

    def run(self) -> int:
        check_weights(self.weights)
        from geolearn.cli.modules import import_modules
        from geolearn.errors import InvalidInputError
        from geolearn.io import load_mesh
        from geolearn.io.upright import customary_up
        from geolearn.training.labelling import label_mesh, write_labelled

        import_modules(self.use)
        if self.output.suffix.lower() != ".ply":
            raise InvalidInputError(f"--output: expected a name that ends in .ply, got {self.output.name!r}")
        up = customary_up(self.mesh) if self.up == "auto" else self.up
        mesh = load_mesh(self.mesh)
        found = label_mesh(mesh, self.weights, smoothness=self.smoothness)
        print(f"{self.mesh}: {found.summary()}")
        for path in write_labelled(mesh, found, self.output, labels=self.labels, parts=self.split_parts, up=up):
            print(f"wrote {path}")
        return 0
