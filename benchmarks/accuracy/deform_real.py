"""Deform real shapes that were never trained on, and measure what was asked for by geometric rules.

    python benchmarks/accuracy/deform_real.py [--weights deformation-procedural] [--output out/deform_real] [--write]

Three sources, turned upright (Z) with the front to -Y:

- `labeled_psb`: the 20 labelled chairs of the Princeton Segmentation Benchmark, turned by their labels: up is the axis
  nearest to the way from the legs to the seat, the front is the way from the back to the seat;
- `shapenets_chairs`: the 100 test chairs of 3D ShapeNets, the smoothed surface of their grids; all face -X;
- `sweethome3d`: OBJ models of the Debian package `sweethome3d-furniture`, by the English name in its catalogues: chairs
  (chair, stool), tables (table, desk) and lamps (lamp), less those whose names are in `OTHERS`; Y up, turned as the
  catalogue says, front +Z. `apt-get download` fetches it into --output, where it is not there already. It is CC0 and
  CC-BY (see its catalogues).

A rule (`deform_rules.py`) measures an attribute of a shape as it came and with amounts of -0.4, -0.2, 0.2 and 0.4.
The same rules also look at procedural test shapes that are moved by their true motions: what they say there is theirs,
not the network's. Reported per source and attribute, over the shapes that the rule applies to:

- monotonic: share of shapes on which the measure grows with every step of the amount;
- gain: median of the measured change over the change that was asked for (1: just as asked);
- crosstalk: share of shapes on which every other attribute with a rule changes by less than a quarter as much;
- foldover at -0.4 and 0.4, in % of the lattice cells at the shape: as it is, damped, integrated.

Faces, connectivity, texture coordinates and materials are compared by `tests/training/test_deformed_files.py`.
"""

import argparse
import math
import re
import statistics
import subprocess
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import torch
from deform_rules import Measure, Places, draw_places, measures

from geolearn.data import ShapeDataset
from geolearn.data.attribute_names import SLANTS
from geolearn.data.deformations import shape_of_key
from geolearn.errors import GeolearnError
from geolearn.io import load_mesh
from geolearn.io.images import png_bytes
from geolearn.models.deformed_meshes import PREVENTIONS, voxelize_shape
from geolearn.ops import damp_flow, deform_by_lattice, integrate_flow, measure_foldover
from geolearn.ops.isosurface import smooth_surface
from geolearn.ops.quarter_turns import turn_matrix
from geolearn.progress import track
from geolearn.render.sheets import contact_sheet
from geolearn.reports.environment import describe_environment
from geolearn.reports.files import write_json, write_text
from geolearn.reports.page import markdown_table
from geolearn.structures import Mesh, VoxelGrid
from geolearn.training.deformation_page import picture
from geolearn.training.deformer import SHIPPED, Deformer, load_deformer
from geolearn.typing import Tensor

ROOT = Path(__file__).resolve().parents[2]
AMOUNTS = (-0.4, -0.2, 0.0, 0.2, 0.4)
PACKAGE = "sweethome3d-furniture"
KINDS = {"lamp": r"\blamp\b", "table": r"\b(table|desk)\b", "chair": r"chair\b|\bstool\b"}
OTHERS = (
    r"wheelchair|deck|beach|relax|ottoman|cushion|tennis|pool|football|fan\b|tablet|bat\b|chang|dress|bedside|"
    r"tablecloth|wall|ceiling|pendant|chandelier|street|outdoor|camping|ryokan"
)
SHOWN = {"chair": ("back height", "seat height", "seat width"), "table": ("height",), "lamp": ("pole height",)}


@dataclass(frozen=True)
class Real:
    """A shape, upright and facing -Y."""

    source: str
    kind: str
    name: str
    mesh: Mesh
    parts: dict[str, int] | None = None


def labelled_chairs() -> Iterator[Real]:
    for split in ("train", "test"):
        data = ShapeDataset("labeled_psb", split, protocol="chair/12/0", validation=0.0)
        parts = {"seat": data.part_names.index("support"), "back": data.part_names.index("backsupport")}
        legs = data.part_names.index("leg")
        for key in data.keys:
            mesh = data.source.load(key)
            seat, back, leg = (_middle(mesh, label) for label in (parts["seat"], parts["back"], legs))
            up = seat - leg
            axis = int(up.abs().argmax())
            direction = f"{'+' if up[axis] > 0 else '-'}{'xyz'[axis]}"
            upright = turn_matrix(direction, "+y" if axis != 1 else "+x")
            front = upright @ (seat - back)
            angle = -torch.pi / 2 - torch.atan2(front[1], front[0])
            cos, sin = float(angle.cos()), float(angle.sin())
            turn = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]) @ upright
            yield Real("labeled_psb", "chair", key, replace(mesh, verts=mesh.verts @ turn.T), parts)


def volume_chairs() -> Iterator[Real]:
    data = ShapeDataset("shapenets_chairs", "test", protocol="aligned", validation=0.0)
    turn = turn_matrix("+z", "-x")
    for key in data.keys:
        mesh = smooth_surface(data.source.load(key))
        yield Real("shapenets_chairs", "chair", key, replace(mesh, verts=mesh.verts @ turn.T))


def furniture(folder: Path) -> Iterator[Real]:
    root = folder / "package"
    if not root.is_dir():
        subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True)
        (archive,) = folder.glob(f"{PACKAGE}_*.deb")
        subprocess.run(["dpkg", "-x", str(archive), str(root)], check=True)
    for catalogue in sorted((root / "usr/share/sweethome3d/furniture").glob("*.sh3f")):
        with zipfile.ZipFile(catalogue) as content:
            entries: dict[str, dict[str, str]] = defaultdict(dict)
            text = content.read("PluginFurnitureCatalog.properties").decode("latin-1")
            for name, number, value in re.findall(r"(?m)^(\w+)#(\d+)=(.*?)\s*$", text):
                entries[number][name] = value
            for entry in entries.values():
                name = entry.get("name", "").lower()
                kind = next((kind for kind, pattern in KINDS.items() if re.search(pattern, name)), None)
                if kind is None or re.search(OTHERS, name) or not entry.get("model", "").endswith(".obj"):
                    continue
                where = folder / "models" / catalogue.stem / Path(entry["model"]).name
                where.parent.mkdir(parents=True, exist_ok=True)
                where.write_bytes(content.read(entry["model"].lstrip("/")))
                mesh = load_mesh(where)
                if "modelRotation" in entry:
                    rotation = torch.tensor([float(number) for number in entry["modelRotation"].split()]).reshape(3, 3)
                    mesh = replace(mesh, verts=mesh.verts @ rotation.T)
                yield Real(
                    "sweethome3d", kind, f"{catalogue.stem}/{where.stem}",
                    replace(mesh, verts=mesh.verts @ turn_matrix("+y", "+z").T),
                )  # fmt: skip


def _middle(mesh: Mesh, label: int) -> Tensor:
    return mesh.triangles()[mesh.face_labels == label].reshape(-1, 3).mean(0)


def measure(deformer: Deformer, shape: Real) -> list[dict[str, Any]]:
    """A row for each attribute that a rule applies to."""
    places = draw_places(shape.mesh, torch.Generator().manual_seed(0))
    rules = measures(shape.kind, shape.mesh, places, shape.parts)
    names = [name for name in deformer.attributes(shape.kind) if name in rules]
    if not names:
        return []
    net, rows = deformer.net, []
    grid = voxelize_shape(net, shape.mesh)
    with torch.inference_mode():
        cells = grid.values[None, None].to(net.motion)
        velocities = net.velocities(cells)[0] * grid.voxel_size
        distance = float(deformer.distances(net.code(cells))[shape.kind])
    for name in names:
        velocity = velocities[int(deformer.intention(shape.kind, {name: 1.0}).argmax())].clone()
        motion = deform_by_lattice(shape.mesh.verts, velocity, grid) - shape.mesh.verts
        row = {**follow(shape, rules, places, names, name, motion), "distance": distance}
        for prevent in PREVENTIONS:
            flows = (prevented(velocity, amount, name, grid, prevent) for amount in (AMOUNTS[0], AMOUNTS[-1]))
            row[f"folded, {prevent}"] = 100 * max(
                measure_foldover(flow, grid, near=grid.values).share for flow in flows
            )
        rows.append(row)
    return rows


def follow(
    shape: Real, rules: dict[str, Measure], places: Places, names: list[str], name: str, motion: Tensor
) -> dict[str, Any]:
    """What the rules say of the shape while `amount * motion` moves its vertices."""
    found = {other: [] for other in names}
    for amount in AMOUNTS:
        points = places.on(replace(shape.mesh, verts=shape.mesh.verts + amount * motion))
        for other in names:
            found[other].append(rules[other](points))
    values = found[name]
    change = values[-1] - values[0]
    length = found["back height"][2] if name == "back recline" else values[2]
    others = {other: abs(each[-1] - each[0]) for other, each in found.items() if other != name}
    worst = max(others, key=others.__getitem__) if others else ""
    return {
        "source": shape.source,
        "kind": shape.kind,
        "shape": shape.name,
        "attribute": name,
        "monotonic": all(after > before for before, after in pairwise(values)),
        "gain": change / ((AMOUNTS[-1] - AMOUNTS[0]) * length),
        "crosstalk": others.get(worst, 0.0) / max(abs(change), 1e-9),
        "worst": worst,
    }


def measure_truth() -> Iterator[dict[str, Any]]:
    """What the rules say of motions that are right: unseen procedural shapes, moved by their own attributes."""
    data = ShapeDataset("procedural_deformations", "test", validation=0.0)
    for key in data.keys:
        made = shape_of_key(key)
        if made.family not in KINDS:
            continue
        shape = Real("procedural, true motion", made.family, key, made.mesh)
        places = draw_places(made.mesh, torch.Generator().manual_seed(0))
        rules, known = measures(made.family, made.mesh, places), {handle.name: handle for handle in made.handles}
        names = [name for name in known if name in rules]
        for name in names:
            motion = torch.from_numpy(known[name].velocity(made.mesh.verts.double().numpy())).float()
            yield follow(shape, rules, places, names, name, motion)


def prevented(velocity: Tensor, amount: float, name: str, grid: VoxelGrid, prevent: str) -> Tensor:
    """The flow of one amount, as `Deformer.deform` has it."""
    if prevent == "damp":
        return damp_flow(amount * velocity, grid.voxel_size)
    if prevent == "integrate":
        return integrate_flow((amount if name in SLANTS else math.log1p(amount)) * velocity, grid.voxel_size)
    return amount * velocity


def summarise(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["source"], row["kind"], row["attribute"]].append(row)
        groups[row["source"], row["kind"], "all"].append(row)
    return [
        {
            "source": source,
            "kind": kind,
            "attribute": attribute,
            "shapes": len({row["shape"] for row in group}),
            "monotonic %": 100 * statistics.fmean(row["monotonic"] for row in group),
            "gain (median)": statistics.median(row["gain"] for row in group),
            "others below a quarter %": 100 * statistics.fmean(row["crosstalk"] < 0.25 for row in group),
            "crosstalk (median)": statistics.median(row["crosstalk"] for row in group),
            **{
                f"folded cells %, {prevent}": statistics.fmean(row[f"folded, {prevent}"] for row in group)
                for prevent in PREVENTIONS
                if "distance" in group[0]
            },
            "distance (median)": statistics.median(row["distance"] for row in group) if "distance" in group[0] else "",
        }
        for (source, kind, attribute), group in sorted(groups.items(), key=lambda one: (one[0][:2], one[0][2] == "all"))
    ]


def draw(deformer: Deformer, chosen: list[tuple[Real, str]], path: Path) -> None:
    """A row for each shape and attribute, a column for each amount."""
    views = []
    for shape, name in chosen:
        (motion,) = deformer.motions(shape.mesh, shape.kind, [name])
        views += [
            picture(replace(shape.mesh, verts=shape.mesh.verts + amount * motion), shape.mesh) for amount in AMOUNTS
        ]
    path.write_bytes(png_bytes(contact_sheet(torch.stack(views), len(AMOUNTS)).movedim(0, -1).numpy()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default=SHIPPED)
    parser.add_argument("--output", type=Path, default=Path("out/deform_real"))
    parser.add_argument("--sources", nargs="+", default=["labeled_psb", "shapenets_chairs", "sweethome3d"])
    parser.add_argument("--limit", type=int, help="only the first shapes of each source, for a trial")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/deform_real.*")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    deformer = load_deformer(arguments.weights)
    makers = {
        "labeled_psb": labelled_chairs,
        "shapenets_chairs": volume_chairs,
        "sweethome3d": lambda: furniture(arguments.output),
    }
    rows, without, shapes = [], [], []
    for source in arguments.sources:
        for shape in track(list(islice(makers[source](), arguments.limit)), source):
            try:
                found = measure(deformer, shape)
            except GeolearnError as error:
                without.append(f"{shape.name} ({error})")
                continue
            shapes.append(shape)
            rows += found
            if not found:
                without.append(shape.name)
    folder = ROOT / "benchmarks/results" if arguments.write else arguments.output
    by_name = {shape.name: shape for shape in shapes}
    shown = []
    for source in arguments.sources:
        for kind, names in SHOWN.items():
            some = [shape for shape in shapes if (shape.source, shape.kind) == (source, kind)]
            shown += [(shape, names[i % len(names)]) for i, shape in enumerate(some[:: max(1, len(some) // 3)][:3])]
    measured = {(row["shape"], row["attribute"]) for row in rows}
    draw(deformer, [pair for pair in shown if (pair[0].name, pair[1]) in measured], folder / "deform_real.png")
    failed = [(by_name[row["shape"]], row["attribute"]) for row in rows if not row["monotonic"]]
    failed += [
        (by_name[row["shape"]], row["attribute"])
        for row in sorted(rows, key=lambda row: -row["crosstalk"])
        if row["crosstalk"] > 0.5
    ]
    if failed:
        draw(deformer, failed[:10], folder / "deform_real_failures.png")
    truth = list(track(measure_truth(), "true motions"))
    table = summarise([*rows, *truth])
    record = {"weights": arguments.weights, "summary": table, "rows": rows, "without_a_rule": without}
    write_json(folder / "deform_real.json", {**record, "environment": describe_environment()})
    text = f"# Real shapes, deformed\n\n{markdown_table(table)}\n\nNo rule applied to {len(without)} shapes: "
    text += f"{', '.join(without) or 'none'}.\n\n## What failed\n\n"
    worst = [row for row in rows if not row["monotonic"] or row["crosstalk"] > 0.25]
    columns = ("shape", "attribute", "gain", "crosstalk", "worst")
    text += markdown_table([{key: row[key] for key in columns} for row in worst]) if worst else "Nothing."
    write_text(folder / "deform_real.md", text + "\n")
    print(markdown_table(table))


if __name__ == "__main__":
    main()
