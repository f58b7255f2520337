"""Draw `classes.png`: every family in part colours, and one attribute of each at less, as it is, and at more; and
`views.png`: some of them from the twelve cameras of a multi-view network.

python datasets/procedural/picture.py
"""

import math
from pathlib import Path

import torch
from PIL import Image, ImageDraw

from geolearn.data import RenderViews, procedural
from geolearn.render import rasterize_meshes
from geolearn.render.sheets import contact_sheet
from geolearn.structures import Mesh

SIZE, SHAPES, MARGIN = 104, 7, 64
CAPTION = 14
PITCH = SIZE + CAPTION
COLOURS = torch.tensor(
    [[96, 144, 208], [224, 128, 72], [96, 172, 108], [190, 96, 160], [204, 180, 76], [112, 196, 200], [164, 124, 96]]
)
VIEWED = ("airplane", "chair", "lamp", "car", "mug", "tool")
ATTRIBUTES = {
    "airplane": "wing sweep",
    "bed": "headboard height",
    "bottle": "neck height",
    "cabinet": "body height",
    "car": "cabin height",
    "chair": "back height",
    "lamp": "shade diameter",
    "mug": "rim diameter",
    "shelf": "lowest opening",
    "sofa": "seat width",
    "table": "leg spread",
    "tool": "handle length",
    "vase": "belly diameter",
}


def view(mesh: Mesh, scale: float) -> Image.Image:
    """The mesh from the front left, a little above, without perspective; twice as large as needed, then halved."""
    azimuth, elevation = math.radians(-35.0), math.radians(22.0)
    back = torch.tensor(
        [-math.sin(azimuth) * math.cos(elevation), -math.cos(azimuth) * math.cos(elevation), math.sin(elevation)]
    )
    right = torch.tensor([math.cos(azimuth), -math.sin(azimuth), 0.0])
    up = torch.linalg.cross(back, right)
    centred = mesh.verts - mesh.bounds.mean(0)
    ndc = torch.stack([-centred @ right / scale, centred @ up / scale, 10.0 - centred @ back], dim=1)
    hit = rasterize_meshes(Mesh(ndc, mesh.faces), 2 * SIZE, faces_per_pixel=1)[0][0, :, :, 0]
    a, b, c = mesh.triangles().unbind(1)
    normals = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=1)
    light = torch.nn.functional.normalize(torch.tensor([-0.35, -0.6, 0.75]), dim=0)
    shade = 0.5 + 0.5 * (normals @ light).clamp(min=0) + 0.12 * (normals @ back).clamp(min=0)
    colours = (COLOURS[mesh.face_labels] * shade[:, None]).clamp(max=255)
    pixels = torch.where(hit[..., None] >= 0, colours[hit.clamp(min=0)], torch.tensor(255.0))
    return Image.fromarray(pixels.to(torch.uint8).numpy()).resize((SIZE, SIZE), Image.Resampling.BOX)


def radius(mesh: Mesh) -> float:
    return 0.52 * float((mesh.bounds[1] - mesh.bounds[0]).norm())


def draw_views() -> None:
    look = RenderViews("mvcnn12", 76, fit="sphere")
    views = torch.cat([look(procedural.make_shape(family, seed=3).mesh) for family in VIEWED])
    path = Path(__file__).parent / "views.png"
    Image.fromarray((contact_sheet(views, 12, background=0.4)[0] * 255).byte().numpy()).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    width = MARGIN + (SHAPES + 3) * SIZE + 16
    sheet = Image.new("RGB", (width, len(procedural.CLASSES) * PITCH), "white")
    draw = ImageDraw.Draw(sheet)
    for row, family in enumerate(procedural.CLASSES):
        top = row * PITCH + CAPTION
        draw.text((4, top + SIZE // 2 - 6), family, fill="black")
        for column in range(SHAPES):
            mesh = procedural.make_shape(family, seed=column).mesh
            sheet.paste(view(mesh, radius(mesh)), (MARGIN + column * SIZE, top))
        name, seed = ATTRIBUTES[family], 0
        while name not in (shape := procedural.make_shape(family, seed=seed)).attributes:
            seed += 1
        low, high = procedural.limits(shape, name)
        changed = [procedural.deformation(shape, name, amount).mesh for amount in (0.9 * low, 0.0, 0.9 * high)]
        for column, mesh in enumerate(changed):
            place = (MARGIN + 16 + (SHAPES + column) * SIZE, top)
            sheet.paste(view(mesh, max(map(radius, changed))), place)
        draw.text(
            (MARGIN + 20 + SHAPES * SIZE, top - CAPTION),
            f"{name}: {0.9 * low:+.2f}, 0, {0.9 * high:+.2f}",
            fill="black",
        )
    draw.line([(MARGIN + SHAPES * SIZE + 8, 0), (MARGIN + SHAPES * SIZE + 8, sheet.height)], fill="grey")
    path = Path(__file__).parent / "classes.png"
    sheet.quantize(64).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    draw_views()


if __name__ == "__main__":
    main()
