"""A mesh in, labels out: what `geolearn label` does, as two functions."""

from dataclasses import replace
from pathlib import Path
from typing import cast

from geolearn.errors import InvalidInputError
from geolearn.io import save_mesh
from geolearn.io.face_labels import write_face_labels
from geolearn.io.files import write_whole
from geolearn.io.images import png_bytes
from geolearn.io.part_files import save_labelled_ply, save_part_scene
from geolearn.io.upright import stand_up
from geolearn.ops.mesh_parts import split_parts
from geolearn.render.part_pictures import part_colours, render_parts
from geolearn.render.sheets import contact_sheet
from geolearn.structures import Mesh
from geolearn.structures.foreign import takes_mesh
from geolearn.training.methods.face_labeling import FaceLabeling, LabelledFaces
from geolearn.training.testing import load_trained
from geolearn.typing import PathLike

PICTURE_SIZE = 320


@takes_mesh
def label_mesh(mesh: Mesh, weights: PathLike, *, smoothness: float | None = None) -> LabelledFaces:
    """The label of every face of a mesh, by trained weights.

    Args:
        mesh: any number of faces, in any pose and of any size; its own labels are not looked at.
        weights: a run folder, a file, or a name that ships with geolearn.
        smoothness: of the graph cut, in place of the training's.

    Raises:
        InvalidInputError: weights of another kind of network, which they name.
    """
    trained = load_trained(weights)
    method = trained.method
    if not isinstance(method, FaceLabeling):
        raise InvalidInputError(
            f"weights: expected a network that labels faces, {trained.name} is a {trained.record['model']}"
        )
    if smoothness is not None:
        method = FaceLabeling(replace(method.recipe, smoothness=smoothness), method.model)
    return cast(LabelledFaces, method.predict(trained.net, replace(mesh, face_labels=None), trained.classes))


def write_labelled(
    mesh: Mesh,
    found: LabelledFaces,
    path: Path,
    *,
    labels: Path | None = None,
    parts: Path | None = None,
    up: str = "z",
) -> list[Path]:
    """Write a labelled mesh as files; returns them.

    Args:
        path: of a PLY with colours and labels; a picture from four sides is put beside it as PNG.
        labels: of a text with the name of every face's part.
        parts: of a folder for every part as a mesh of its own, `<name>.ply`, and `parts.glb`, a scene of all.
        up: the axis that points up in the mesh; in the files it is Z, in `parts.glb` Y, as glTF has it.
    """
    labelled = stand_up(replace(mesh, face_labels=found.labels), up)
    colours = part_colours(len(found.names))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_labelled_ply(labelled, path, colours)
    written = [path, path.with_suffix(".png")]
    sheet = contact_sheet(render_parts(labelled, size=PICTURE_SIZE), 4)
    write_whole(written[1], png_bytes(sheet.permute(1, 2, 0).numpy()))
    if labels is not None:
        write_face_labels(found.labels, labels, found.names)
        written.append(labels)
    if parts is not None:
        parts.mkdir(parents=True, exist_ok=True)
        pieces = split_parts(labelled, names=found.names)
        for name, piece in pieces.items():
            written.append(parts / f"{name.replace(' ', '_')}.ply")
            save_mesh(piece, written[-1])
        chosen = colours[[found.names.index(name) for name in pieces]]
        save_part_scene(pieces, parts / "parts.glb", chosen)
        written.append(parts / "parts.glb")
    return written
