"""`geolearn complete`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from geolearn.cli.typed_names import check_weights


@dataclass(frozen=True)
class Complete:
    """Complete a shape of which one depth map, or one scan, shows a part.

    A depth map is a 16-bit PNG or an npy file, with its camera in a transforms.json (intrinsics and pose; the world has
    Z up); a scan is a PLY file of points, with the position it was taken from. Writes mesh.glb, mesh.obj, mesh.ply,
    observed.npz (free 0, unknown 0.5, surface 1), probabilities.npz, before_after.png, result.json and report.html.

    A belief network (3D ShapeNets) also says of what class the shape is; a completion network does not.

    For example:
        geolearn complete depth.png --cameras transforms.json --weights runs/chairs -o out/
        geolearn complete scan.ply --camera-position 0,-2,1 --weights runs/unet -o out/
    """

    observation: tyro.conf.Positional[Path]
    """Depth map (.png, .npy) or scan (.ply)."""
    weights: str
    """Run folder, file or name of the weights of a ShapeNets3D or a VoxelCompletionNet."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for everything that is written."""
    cameras: Path | None = None
    """transforms.json with the camera of the depth map."""
    camera_position: str | None = None
    """Where a scan was taken from, such as 0,-2,1."""
    bounds: str | None = None
    """Box of the whole shape, lowest and highest corner, such as -0.4,-0.4,-0.4,0.4,0.4,0.4; by default that of what is
    visible, which is smaller."""
    depth_unit: float = 0.001
    """What a step of a PNG means, in the unit of the world."""
    missing: Literal["nothing", "unmeasured"] = "nothing"
    """What a depth of 0 means: the ray meets nothing, or the sensor gave no answer."""
    particles: int = 9
    """Samples of a belief network."""
    passes: int = 30
    """Passes up and down of each."""
    seed: int = 0
    """Seed of the samples."""

    def run(self) -> int:
        check_weights(self.weights)
        import torch

        from geolearn.errors import InvalidInputError
        from geolearn.fitting.completion import complete_depth, complete_scan
        from geolearn.fitting.completion_report import rank_classes, write_completion
        from geolearn.io import load_depth, load_depth_camera, load_points
        from geolearn.io.depth_scenes import parse_position
        from geolearn.models import find_weights, load_model

        net, record = load_model(find_weights(self.weights))
        box = self._box()
        options = {
            "bounds": box, "particles": self.particles, "passes": self.passes,
            "generator": torch.Generator().manual_seed(self.seed),
        }  # fmt: skip
        if self.observation.suffix.lower() == ".ply":
            self._need("--camera-position", self.camera_position, "a scan")
            position = parse_position(self.camera_position or "")
            cloud = load_points(self.observation)
            if cloud.origin is not None:  # what was seen and the bounds would count from different places
                raise InvalidInputError(f"{self.observation}: the points lie too far from 0; move them, and the camera")
            completion = complete_scan(net, cloud.points, position, **options)
        else:
            self._need("--cameras", self.cameras, "a depth map")
            depth = load_depth(self.observation, unit=self.depth_unit, missing=self.missing)
            camera = load_depth_camera(self.cameras or "", self.observation.name, *depth.shape)
            completion = complete_depth(net, depth[None], camera, **options)
        written = write_completion(
            completion, record.get("classes", ()), self.output,
            {"observation": str(self.observation), "weights": self.weights, "bounds": self.bounds,
             "particles": self.particles, "passes": self.passes, "seed": self.seed, "missing": self.missing},
            title=f"Completion of {self.observation.name}",
        )  # fmt: skip
        cells = written["cells"]
        print(f"{cells['surface']} surface cells seen, {cells['unknown']} unknown; {cells['occupied']} occupied")
        if likeliest := rank_classes(written):
            print(", ".join(f"{name} {100 * share:.1f} %" for name, share in likeliest))
        print(f"report: {self.output / 'report.html'}")
        return 0

    def _need(self, option: str, value: object, kind: str) -> None:
        from geolearn.errors import InvalidInputError

        if value is None:
            raise InvalidInputError(f"{option}: needed for {kind} such as {self.observation.name}")

    def _box(self) -> list[list[float]] | None:
        from geolearn.errors import InvalidInputError

        if self.bounds is None:
            return None
        try:
            numbers = [float(part) for part in self.bounds.replace(",", " ").split()]
        except ValueError as error:
            raise InvalidInputError(f"--bounds: expected six numbers, got {self.bounds!r}") from error
        if len(numbers) != 6:
            raise InvalidInputError(f"--bounds: expected six numbers, got {self.bounds!r}")
        return [numbers[:3], numbers[3:]]
