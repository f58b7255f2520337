"""Draw `parts.png` of a dataset with part labels: some meshes of every class in the colours of their parts.

python datasets/labeled_psb/picture.py labeled_psb
"""

import sys
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from geolearn.data import ShapeDataset, load_manifest
from geolearn.data.prepared.meshes import to_z_up
from geolearn.render import camera_rig
from geolearn.render.part_pictures import render_parts
from geolearn.render.rigs import frame_mesh
from geolearn.render.sheets import contact_sheet

SIZE = 112


def main(name: str) -> None:
    manifest = load_manifest(name)
    camera = camera_rig("ring", size=SIZE, count=8, elevation_rad=0.35)[[1]]

    def picture(data: ShapeDataset, index: int) -> torch.Tensor:
        mesh = data[index].data
        if manifest.up == "none":  # most of these stand along y
            mesh = replace(mesh, verts=to_z_up(mesh.verts, "y"))
        return render_parts(frame_mesh(mesh, "sphere"), cameras=camera, size=SIZE)[0]

    pictures = []
    if len(manifest.classes) > 1:  # three of every class
        data = ShapeDataset(name, "trainval")
        for label in range(len(manifest.classes)):
            pictures += [picture(data, index) for index in torch.nonzero(data.labels == label)[:3, 0].tolist()]
        columns = 12
    else:  # two rows of the training meshes, one of the test meshes
        columns = 9
        for split, count in (("trainval", 2 * columns), ("test", columns)):
            data = ShapeDataset(name, split)
            pictures += [picture(data, index * len(data) // count) for index in range(count)]
    sheet = contact_sheet(torch.stack(pictures), columns, gap=1)
    path = manifest.folder / "parts.png"
    pixels = (sheet.permute(1, 2, 0) * 255).round().byte().numpy()
    Image.fromarray(np.ascontiguousarray(pixels)).quantize(128).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1])
