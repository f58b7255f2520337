"""`geolearn deform`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from geolearn.cli.output import say
from geolearn.cli.typed_names import check_weights

if TYPE_CHECKING:
    from geolearn.models import DeformedMesh
    from geolearn.structures import Mesh
    from geolearn.training.deformer import Deformer, Look
    from geolearn.typing import Tensor

FRONTS = ("-y", "+y", "-x", "+x")


@dataclass(frozen=True)
class Deform:
    """Change named attributes of a mesh, such as the back height of a chair; faces, textures and materials stay.

    An amount of 0.4 makes a length 40 % longer, -0.2 makes it 20 % shorter; to a slope (recline, sweep, reach) it is
    added. Written to the format it was read from (OBJ, OFF, PLY), every byte but the vertices' numbers stays.

    For example:
        geolearn deform chair.off --attribute "back height" --amount 0.4 -o taller.off
        geolearn deform chair.obj --attribute "seat width" --amount 0.3 --attribute "leg spread" --amount -0.2 -o b.obj
        geolearn deform chair.obj --list
        geolearn deform chair.obj -o out/chair.obj --sheet --turntable --report
    """

    mesh: tyro.conf.Positional[Path | None] = None
    """OFF, OBJ, PLY, STL or GLB file; not needed for --list."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The file to write; pictures and the page lie beside it."""
    attribute: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Name of an attribute; may be given several times, each with an --amount."""
    amount: Annotated[tuple[float, ...], tyro.conf.UseAppendAction] = ()
    """How much, in the order of the attributes."""
    family: str | None = None
    """What the mesh is, such as chair; by default the nearest of the families that have these attributes."""
    up: Literal["auto", "x", "y", "z", "-x", "-y", "-z"] = "auto"
    """The axis of the file that points up. auto: y for OBJ and GLB, as most are, and z for the others."""
    front: Literal["-y", "+y", "-x", "+x"] = "-y"
    """Where the front faces, once z points up."""
    prevent: Literal["none", "damp", "integrate"] = "none"
    """What to do about foldover: nothing but say so, smooth the flow where it folds, or take it for a velocity."""
    list: bool = False
    """List the attributes; with a mesh, how far it is from each family, and how far each attribute would move it."""
    sheet: bool = False
    """Also draw a sheet of five amounts of each attribute."""
    turntable: bool = False
    """Also write a turntable of the deformed mesh."""
    report: bool = False
    """Also write a page with a slider for each attribute that moves the mesh."""
    weights: str = "deformation-procedural"
    """A run folder, a weights file, or the name of weights that ship with geolearn."""
    force: bool = False
    """Replace files that are there."""

    def run(self) -> int:
        check_weights(self.weights)
        from geolearn.training.deformer import load_deformer

        deformer = load_deformer(self.weights)
        if self.list and self.mesh is None:
            _list_attributes(deformer)
            return 0
        amounts = self._amounts()
        self._check()
        loaded, mesh, turn = self._read()
        look = deformer.look(mesh, self.family, self.attribute)
        warnings = [*look.warnings, *_better_flags(look, turn)]
        if self.list:
            _list_distances(deformer, mesh, look, warnings)
            return 0
        return self._deform(deformer, loaded, mesh, turn, look, amounts, warnings)

    def _amounts(self) -> dict[str, float]:
        from geolearn.errors import InvalidInputError

        if len(self.attribute) != len(self.amount):
            raise InvalidInputError(
                f"--attribute, --amount: expected one amount for each attribute, got {len(self.attribute)} and "
                f"{len(self.amount)}"
            )
        repeated = sorted({name for name in self.attribute if self.attribute.count(name) > 1})
        if repeated:
            raise InvalidInputError(f"--attribute: {', '.join(repeated)} stands twice; give the sum of the amounts")
        return dict(zip(self.attribute, self.amount, strict=True))

    def _check(self) -> None:
        from geolearn.errors import InvalidInputError

        if self.mesh is None:
            raise InvalidInputError("mesh: expected a file; geolearn deform --help shows examples")
        if self.list:
            return
        if self.output is None:
            raise InvalidInputError("-o: expected the file to write; geolearn deform --help shows examples")
        if not self.attribute and not (self.sheet or self.report):
            raise InvalidInputError("--attribute: expected at least one; --list shows them, --sheet draws them all")
        if self.output.resolve() == self.mesh.resolve():
            raise InvalidInputError(f"-o: {self.output} is the mesh that is read; give another file")
        wanted = [self.output, *(path for path, asked in self._extras() if asked)]
        present = [str(path) for path in wanted if path.exists()]
        if present and not self.force:
            raise InvalidInputError(f"{', '.join(present)} is there; pass --force to replace, or another file")

    def _extras(self) -> "list[tuple[Path, bool]]":
        """Sheet, turntable and page."""
        output = self.output or Path()
        names = (("_sheet.png", self.sheet), ("_turntable.gif", self.turntable), (".html", self.report))
        return [(output.with_name(output.stem + ending), asked) for ending, asked in names]

    def _read(self) -> "tuple[Mesh, Mesh, Tensor]":
        """The mesh as it is in the file; upright, facing -Y; and the rotation from one to the other."""
        from geolearn.io import load_mesh
        from geolearn.io.upright import customary_up
        from geolearn.ops.quarter_turns import upright_matrix

        path = self.mesh or Path()
        loaded = load_mesh(path, attributes=False)
        up = self.up if self.up != "auto" else customary_up(path)
        turn = upright_matrix(up, self.front)
        return loaded, replace(loaded, verts=loaded.verts @ turn.T), turn

    def _deform(
        self,
        deformer: "Deformer",
        loaded: "Mesh",
        mesh: "Mesh",
        turn: "Tensor",
        look: "Look",
        amounts: "dict[str, float]",
        warnings: "list[str]",
    ) -> int:
        from geolearn.training.deformation_page import write_page, write_sheet, write_turntable
        from geolearn.training.deformed_files import turn_back, write_deformed
        from geolearn.training.deformer import amount_warnings, describe_foldover

        output = self.output or Path()
        result = deformer.deform(mesh, look.family, amounts, prevent=self.prevent)
        verts = turn_back(loaded, mesh, result.mesh, turn)
        warnings = [
            *warnings,
            *amount_warnings(amounts),
            *write_deformed(self.mesh or Path(), output, loaded, verts, turn[2]),
        ]
        for warning in warnings:
            say(f"warning: {warning}")
        (sheet, _), (turntable, _), (page, _) = self._extras()
        pictures = []
        if self.sheet:
            steps = write_sheet(deformer, mesh, look.family, amounts, sheet)
            told = "; ".join(f"{name} {', '.join(f'{step:+g}' for step in each)}" for name, each in steps.items())
            pictures.append((sheet, f"Rows from the top: {told}"))
        if self.turntable:
            write_turntable(result.mesh, turntable)
            pictures.append((turntable, "The deformed mesh"))
        facts = _facts(mesh, result, look, amounts)
        if self.report:
            foldover = describe_foldover(result)
            rows = [{"what": name, "value": value} for name, value in {**facts, "foldover": foldover}.items()]
            write_page(deformer, mesh, look.family, page, rows=rows, warnings=warnings, pictures=pictures)
        say(f"{output}: {look.family}, {facts['amounts']}")
        print(f"  {facts['moved']}; {describe_foldover(result)}")
        for path, asked in self._extras():
            if asked:
                say(f"  {path}")
        return 0


def _better_flags(look: "Look", turn: "Tensor") -> list[str]:
    """The flags by which the mesh would stand as it should."""
    from geolearn.ops.quarter_turns import UPRIGHT, turn_matrix, upright_matrix

    if look.turned is None:
        return []
    wanted = turn_matrix(look.turned.up, look.turned.front) @ turn
    pairs = [(up, front) for up in UPRIGHT for front in FRONTS if bool((upright_matrix(up, front) == wanted).all())]
    return [f"if that is right, pass --up {up} --front {front}" for up, front in pairs]


def _facts(mesh: "Mesh", result: "DeformedMesh", look: "Look", amounts: "dict[str, float]") -> "dict[str, str]":
    low, high = mesh.bounds
    share = float((result.mesh.verts - mesh.verts).norm(dim=1).mean() / (high - low).max().clamp(min=1e-30))
    return {
        "family": f"{look.family}, {look.distances[look.family]:.2f} times as far as is usual",
        "amounts": ", ".join(f"{name} {each:+g}" for name, each in amounts.items()) or "none",
        "moved": f"{len(mesh.verts):,} vertices moved by {100 * share:.2f} % of the longest side on average",
        "faces": f"{len(mesh.faces):,}, unchanged",
    }


def _list_attributes(deformer: "Deformer") -> None:
    for family in deformer.families:
        say(f"{family}: {', '.join(deformer.attributes(family))}")


def _list_distances(deformer: "Deformer", mesh: "Mesh", look: "Look", warnings: list[str]) -> None:
    for warning in warnings:
        say(f"warning: {warning}")
    for family, distance in sorted(look.distances.items(), key=lambda one: one[1]):
        say(f"{family}: {distance:.2f} times as far as is usual")
    names = deformer.attributes(look.family)
    low, high = mesh.bounds
    print(f"attributes of a {look.family}, and how far +0.1 moves this mesh on average, in % of its longest side:")
    for name, motion in zip(names, deformer.motions(mesh, look.family, names), strict=True):
        print(f"  {name:18} {10 * float(motion.norm(dim=1).mean() / (high - low).max()):.2f}")
