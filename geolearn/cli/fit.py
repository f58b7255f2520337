"""`geolearn fit`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from geolearn.cli.output import say
from geolearn.cli.typed_names import check_weights


@dataclass(frozen=True)
class Fit:
    """Fit a mesh to pictures with known cameras, freely or by a learned decoder.

    Reads transforms.json (Blender, instant-ngp, nerfstudio) or a COLMAP text model; the pictures need an alpha channel,
    masks, or a background of one colour. Writes mesh.glb, mesh.obj, mesh.ply, before_after.png, errors.png, loss.png,
    turntable.gif, result.json with every figure and setting, and report.html, one file in which the mesh can be turned.

    Ctrl-C ends the fit with the best mesh so far and writes all of these; --resume goes on from there.

    With few pictures, a decoder that has learned shapes of one kind fills in what they do not show: --decoder finds the
    code whose shape has the outlines (result.json holds the code). The world of the cameras is then the decoder's: for
    voxelvae-chairs the unit cube around the origin, Z up, fronts towards -x.

    For example:
        geolearn fit scene/transforms.json -o out/
        geolearn fit scene/transforms.json -o out/ --hold-out 6
        geolearn fit scene/transforms.json -o out/ --resume
        geolearn fit scene/transforms.json -o out/ --refine-cameras
        geolearn fit scene/transforms.json -o out/ --decoder voxelvae-chairs
    """

    scene: tyro.conf.Positional[Path]
    """transforms.json, its folder, or the folder of a COLMAP text model."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for everything that is written."""
    images: Literal["auto", "none", "normals", "shading"] = "auto"
    """What the pictures show beside the outline. normals: colours are normals, as `geolearn render --shading normals`
    makes them. shading: one colour under a light at the camera. none: only the outline counts. auto: normals or none
    of them."""
    views_per_step: int = 8
    """Views drawn at random for every step; time and memory of a step do not depend on how many there are."""
    picture_weight: float = 1.0
    """Weight of the pictures beside the outline."""
    refine_cameras: bool = False
    """The poses are uncertain by a few degrees: let them move with the fit."""
    decoder: str | None = None
    """Run folder, file or name of the weights of a decoder to fit a code of, with outlines alone."""
    hold_out: int = 0
    """Keep every n-th view out of the fit, and report how well the mesh explains it."""
    colours: Literal["auto", "yes", "no"] = "auto"
    """Colours of the vertices from the pictures; auto: where the pictures are colours."""
    seed: int = 0
    """Seed of the order of the views."""
    resume: bool = False
    """Go on from the checkpoint in the output folder, with the same views and settings."""
    force: bool = False
    """Replace the fit that is in the output folder."""

    def run(self) -> int:
        if self.decoder:
            check_weights(self.decoder)
        from geolearn.errors import InvalidInputError
        from geolearn.fitting.report import figures
        from geolearn.fitting.run import CHECKPOINT, FitSettings, run_fit
        from geolearn.io import load_views
        from geolearn.progress import progress_bar
        from geolearn.reports.page import markdown_table

        present = [name for name in ("result.json", CHECKPOINT) if (self.output / name).exists()]
        if present and not (self.resume or self.force):
            raise InvalidInputError(
                f"{self.output} holds {', '.join(present)} of a fit; pass --resume to go on, --force to begin anew, or "
                "another folder"
            )
        if self.resume and self.decoder is None and not (self.output / CHECKPOINT).exists():
            raise InvalidInputError(f"--resume: {self.output} holds no {CHECKPOINT}; begin without --resume")
        settings = FitSettings(
            images=self.images,
            views_per_step=self.views_per_step,
            picture_weight=self.picture_weight,
            seed=self.seed,
            hold_out=self.hold_out,
            colours={"auto": None, "yes": True, "no": False}[self.colours],
            refine_cameras=self.refine_cameras,
            decoder=self.decoder,
        )
        views = load_views(self.scene)
        with progress_bar("fitting") as bar:
            record = run_fit(
                views,
                self.output,
                settings,
                title=f"Fit of {self.scene}",
                resume=self.resume,
                progress=lambda step: bar.update(
                    step.number + 1, step.total, note=f"loss {step.loss:.5f}, IoU {step.iou:.3f}"
                ),
            )
        print(markdown_table(figures(record)), end="")
        say(("converged: " if record["converged"] else "NOT converged: ") + record["message"])
        say(f"report: {self.output / 'report.html'}")
        return 0 if record["steps"] == record["planned_steps"] else 130
