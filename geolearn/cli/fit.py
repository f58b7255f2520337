"""`geolearn fit`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from geolearn.cli.output import say
from geolearn.cli.typed_names import check_weights

if TYPE_CHECKING:
    from geolearn.structures import Views


@dataclass(frozen=True)
class Fit:
    """Fit a mesh to pictures with known cameras, freely or by a learned decoder.

    Reads transforms.json (Blender, instant-ngp, nerfstudio), COLMAP models, cameras.npz (IDR, NeuS), Middlebury's
    *_par.txt, poses_bounds.npy (LLFF), Metashape's XML, RealityCapture's CSV and Bundler's bundle.out; lens distortion
    is undone. The pictures need an alpha channel, masks, or a background of one colour; --background cuts photographs
    from a dark or bright one. Writes mesh.glb, mesh.obj, mesh.ply, before_after.png, errors.png, loss.png,
    turntable.gif, result.json with every figure and setting, and report.html, one file in which the mesh can be turned.

    Ctrl-C ends the fit with the best mesh so far and writes all of these; --resume goes on from there.

    With few pictures, a decoder that has learned shapes of one kind fills in what they do not show: --decoder finds the
    code whose shape has the outlines (result.json holds the code). The world of the cameras is then the decoder's: for
    voxelvae-chairs the unit cube around the origin, Z up, fronts towards -x.

    For example:
        geolearn fit scene/transforms.json -o out/
        geolearn fit scene/transforms.json -o out/ --hold-out 6
        geolearn fit scene/transforms.json -o out/ --resume
        geolearn fit scene/ -o out/ --image-root scene/images_4 --masks scene/masks
        geolearn fit dino/ -o out/ --background dark
        geolearn fit scene/transforms.json -o out/ --refine-cameras
        geolearn fit scene/transforms.json -o out/ --decoder voxelvae-chairs
    """

    scene: tyro.conf.Positional[Path]
    """A scene file, or the folder that holds it."""
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
    image_root: Path | None = None
    """Folder to take the pictures from, such as scene/images_4, where the scene names others."""
    masks: Path | None = None
    """Folder with a mask for every picture: that of 0.jpg is 0.jpg.png or 0.png, white on the object."""
    background: Literal["dark", "bright"] | None = None
    """For photographs without masks: cut the object from this background, by a threshold that their rims give."""
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
        views = self._views()
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

    def _views(self) -> "Views":
        from geolearn.errors import InvalidInputError
        from geolearn.io import load_views
        from geolearn.ops import cut_from_background

        views = load_views(self.scene, image_root=self.image_root, masks=self.masks)
        if self.background is None:
            if views.masks is None:
                say("the pictures have no masks; --masks FOLDER takes them, --background dark or bright cuts them out")
            return views
        if views.masks is not None:
            raise InvalidInputError(
                f"--background: {self.scene} has masks (or alpha) already; leave --background away to use them"
            )
        masks, threshold = cut_from_background(views.images, self.background)
        least, most = (float(share) for share in masks.mean((1, 2)).aminmax())
        side = "above" if self.background == "dark" else "darker than white by"
        say(f"masks: what is {side} {threshold:.3f}, {least:.0%} to {most:.0%} of a picture")
        return replace(views, masks=masks)
