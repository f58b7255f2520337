"""`geolearn render`."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from geolearn.cli.output import say

if TYPE_CHECKING:
    from geolearn.data import RenderViews
    from geolearn.structures import Mesh
    from geolearn.typing import Float, Tensor

TURN_FRAMES, TURN_SECONDS = 60, 3.0


@dataclass(frozen=True)
class Render:
    """Take pictures of a mesh from many cameras.

    Writes images/0000.png, 0001.png, ... (transparent where there is nothing), sheet.png with all of them, and
    transforms.json with the cameras, which `load_views` and the tools around NeRF read.

    For example:
        geolearn render chair.off -o views/
        geolearn render bunny.obj --rig sphere --count 40 --size 512 --shading normals -o views/
        geolearn render bunny.obj --turntable --background 1 -o views/
        geolearn render shapes/*.off --rig mvcnn80 -o views/        (a folder for each: views/chair/, views/table/)
    """

    meshes: tyro.conf.Positional[tuple[Path, ...]]
    """OFF, OBJ, PLY, STL or GLB files."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for the pictures; with several meshes, for one folder per mesh."""
    rig: Literal["mvcnn12", "mvcnn80", "ring", "sphere"] = "mvcnn12"
    """mvcnn12: 12 around, from 30 degrees above. mvcnn80: 20 all over, 4 rolls each. ring, sphere: see --count."""
    count: int | None = None
    """Number of cameras around (ring, 12) or all over (sphere, 32)."""
    elevation: float | None = None
    """Degrees above the horizon, for a ring."""
    size: int = 224
    """Pixels a side."""
    shading: Literal["smooth", "flat", "depth", "normals", "silhouette"] = "smooth"
    """flat: for boxes and CAD models, whose edges smooth rounds off. depth: white is near, for pictures; its values
    come from `geolearn.render.render_views`."""
    background: float = 0.0
    """0 is black, 1 is white; for smooth and flat."""
    up: Literal["auto", "x", "y", "z"] = "auto"
    """The axis of the file that points up. auto: y for OBJ and GLB, as most are, and z for the others."""
    fit: Literal["cube", "sphere"] = "cube"
    """cube: the longest side becomes 1, as in datasets. sphere: as large as it can be without being cut off."""
    keep_scale: bool = False
    """Leave the mesh where it is, at its own scale; the cameras frame the unit cube around the origin."""
    turntable: bool = False
    """Also write turntable.gif: once around, again and again."""
    force: bool = False
    """Replace pictures that are there."""

    def run(self) -> int:
        from geolearn.data import RenderViews
        from geolearn.progress import progress_bar

        fit = "none" if self.keep_scale else self.fit
        angle = None if self.elevation is None else math.radians(self.elevation)
        render = RenderViews(self.rig, self.size, self.shading, self.count, angle, background=self.background, fit=fit)
        folders = self._folders()
        for folder in folders:
            self._check(folder)
        messages = []
        with progress_bar("rendering", len(folders) * (3 if self.turntable else 2)) as bar:
            for path, folder in zip(self.meshes, folders, strict=True):
                for message in self._render(path, folder, render):
                    bar.advance()
                    messages += [message] if message else []
        for message in messages:
            say(message)
        return 0

    def _folders(self) -> list[Path]:
        """Where the pictures of each mesh go."""
        from geolearn.errors import InvalidInputError

        if not self.meshes:
            raise InvalidInputError("meshes: expected at least one file; geolearn render --help shows examples")
        if len(self.meshes) == 1:
            return [self.output]
        names = [path.stem for path in self.meshes]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise InvalidInputError(f"meshes: {', '.join(repeated)} would share a folder; render them one by one")
        return [self.output / name for name in names]

    def _check(self, folder: Path) -> None:
        from geolearn.errors import InvalidInputError

        if folder.exists() and not folder.is_dir():
            raise InvalidInputError(f"{folder}: expected a folder for the pictures, got a file")
        present = [
            name for name in ("transforms.json", "sheet.png", "turntable.gif", "images") if (folder / name).exists()
        ]
        if present and not self.force:
            raise InvalidInputError(f"{folder} holds {', '.join(present)}; pass --force to replace, or another folder")

    def _render(self, path: Path, folder: Path, render: "RenderViews") -> Iterator[str]:
        """Draw and write one mesh, in steps; the last one has a message."""
        from geolearn.io import load_mesh, save_views
        from geolearn.io.files import write_whole
        from geolearn.io.images import gif_bytes, png_bytes
        from geolearn.io.upright import customary_up, stand_up
        from geolearn.render.sheets import contact_sheet
        from geolearn.structures import Views

        mesh = load_mesh(path)
        up = self.up if self.up != "auto" else customary_up(path)
        mesh = stand_up(mesh, up)
        images, masks = _pictures(mesh, render)
        yield ""
        save_views(Views(images, render.cameras(), masks), folder)
        sheet = contact_sheet(images, None if len(images) > 12 else min(4, len(images)), background=0.5)
        write_whole(folder / "sheet.png", png_bytes(sheet.movedim(0, -1).numpy()))
        if self.turntable:
            yield ""
            around = replace(render, rig="ring", count=TURN_FRAMES, elevation_rad=render.elevation_rad)
            frames, _ = _pictures(mesh, around)
            gif = gif_bytes(frames.movedim(1, -1).numpy(), TURN_SECONDS / TURN_FRAMES)
            write_whole(folder / "turntable.gif", gif)
        guessed = " (--up changes it)" if self.up == "auto" else ""
        yield f"{folder}: {len(images)} pictures of {path.name}, {len(mesh.faces):,} faces, {up} up{guessed}"


def _pictures(mesh: "Mesh", render: "RenderViews") -> "tuple[Float[Tensor, 'N C H W'], Float[Tensor, 'N H W']]":
    """Images in [0, 1], and 1 where the mesh is."""
    images = render(mesh)
    if render.shading == "silhouette":
        return images, images[:, 0]
    if render.shading == "depth":
        seen = images > 0
        near, far = images[seen].aminmax() if bool(seen.any()) else (0.0, 1.0)
        return seen * (1 - 0.8 * (images - near) / max(float(far - near), 1e-6)).clamp(0, 1), seen[:, 0].float()
    return images, replace(render, shading="silhouette")(mesh)[:, 0]
