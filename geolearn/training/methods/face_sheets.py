"""Pictures of labelled meshes: true labels beside predicted ones, with the names of the parts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from geolearn.render import camera_rig
from geolearn.render.part_pictures import part_colours, render_parts
from geolearn.render.rigs import frame_mesh
from geolearn.reports.plots import grid_of_axes, save_figure
from geolearn.structures import Mesh
from geolearn.typing import Int, Tensor

SIZE = 320


def draw_labelled(
    meshes: Sequence[Mesh],
    predicted: Sequence[Int[Tensor, " F"]],
    accuracies: Sequence[float],
    names: Sequence[str],
    path: Path,
) -> None:
    """A PNG with a column per mesh: its own labels above, the predicted ones below, and a legend."""
    from matplotlib.patches import Patch

    figure, axes = grid_of_axes(2, len(meshes))
    camera = camera_rig("ring", size=SIZE, count=8, elevation_rad=0.35)[[1]]
    for column, (mesh, labels, accuracy) in enumerate(zip(meshes, predicted, accuracies, strict=True)):
        shown = frame_mesh(mesh, "sphere")
        for row, own in enumerate((mesh.face_labels, labels)):
            axis = axes[row][column]
            picture = render_parts(replace(shown, face_labels=own), cameras=camera, size=SIZE)[0]
            axis.imshow(picture.permute(1, 2, 0).numpy())
            axis.axis("off")
        axes[0][column].set_title(mesh.name.rpartition("/")[2], fontsize=8)
        axes[1][column].set_title(f"{accuracy:.1f} %", fontsize=8)
    colours = part_colours(len(names)).tolist()
    patches = [Patch(color=colour, label=name) for name, colour in zip(names, colours, strict=True)]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(len(names), 8), fontsize=8, frameon=False)
    save_figure(figure, path)
