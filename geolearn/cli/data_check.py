"""`geolearn data check`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from geolearn.cli.folder_flags import FolderFlags
from geolearn.cli.output import say


@dataclass(frozen=True)
class Check:
    """Say what a folder of your own shapes is taken for, and what a training would do with it. Writes nothing there.

    Folders are <class>/*, <class>/<split>/* or <split>/<class>/*, a split being train, val or test; or give a CSV file
    of path,label,split. Shapes are meshes (OFF, OBJ, PLY, STL, GLB, glTF), points (PLY, XYZ, PCD, PTS), voxels (binvox,
    mat, npy, npz), or a folder of pictures for each shape.

    For example:
        geolearn data check path/to/my/shapes
        geolearn data check path/to/my/shapes --up y --read
    """

    path: tyro.conf.Positional[Path]
    """The folder, or the CSV file."""
    folder: FolderFlags = FolderFlags()  # noqa: RUF009 (frozen)
    read: bool = False
    """Also read every file, as the first training would, and name those that cannot be read."""
    root: Annotated[Path | None, tyro.conf.arg()] = None
    """Where prepared datasets are kept; default: $GEOLEARN_HOME or ~/.cache/geolearn."""

    def run(self) -> int:
        from geolearn.data.folders.check import check_folder
        from geolearn.reports.page import markdown_table

        report = check_folder(self.path, self.folder.reading(), read=self.read, root=self.root)
        say(self.path)
        for subject, text in report.facts.items():
            say(f"  {subject:11}  {text}")
        print("\n" + markdown_table(report.classes))
        for warning in report.warnings:
            say(f"warning: {warning}")
        if report.broken:
            say(f"warning: {len(report.broken)} files cannot be read; --skip-broken leaves them out:")
            for reason in report.broken.values():
                say(f"  {reason}")
        return 1 if report.broken else 0
