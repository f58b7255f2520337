"""What busy neighbours cost: every kind of work beside k programs that never rest, by how long waiting threads spin.

    python benchmarks/speed/neighbours.py [--neighbours 0,1,2,4] [--seconds 1.5] [--rounds 2] [--threads 2] [--write]
    python benchmarks/speed/neighbours.py --neighbours 0 --rounds 9 --write    # a quiet machine, more exactly

A team of threads is as slow as its last one. GNU OpenMP lets the others spin while they wait, 300,000 times by default:
milliseconds in which a core does nothing, and in which the thread that is waited for may be off its own core because
of the neighbour. Ways compared, each a process of its own, in turns beside the same neighbours:

    default   GNU OpenMP as it comes
    passive   OMP_WAIT_POLICY=passive: waiting threads sleep at once
    bounded   what `import geolearn` sets (`geolearn.waiting`): they spin a little, then sleep

`independent` is two threads that never wait for each other: by how much they get slower is what the machine allows. So
the columns "/ allowed" hold on a machine that others use, too; wanted is at most 1.3 with neighbours, and at most 1.03
for the quotient of bounded and default without any.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

WAYS: dict[str, dict[str, str]] = {
    "default": {"GEOLEARN_WAITING": "default"},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "bounded": {},
}
BUSY = [sys.executable, "-c", "while True: pass"]


def independent() -> None:
    """Two threads that each hash 16 MB, which needs no lock."""
    data = bytes(1 << 24)
    threads = [threading.Thread(target=hashlib.sha256, args=(data,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def kinds_of_work(num_threads: int) -> dict[str, Callable[[], Any]]:
    import geolearn  # noqa: F401, I001 (before torch: it says how long threads spin)
    import torch
    import trimesh

    from geolearn.models import VoxNet
    from geolearn.ops import voxelize
    from geolearn.render import camera_rig, rasterize_meshes, render_silhouette, render_views
    from geolearn.structures import Mesh, MeshBatch

    torch.set_num_threads(num_threads)
    torch.manual_seed(0)
    ball = Mesh.from_trimesh(trimesh.creation.icosphere(subdivisions=4))
    shown = 0.7 * ball.verts + torch.tensor([0, 0, 2.7])
    shown[:, :2] /= shown[:, 2:] / 2
    shown.requires_grad_()
    one = [torch.tensor([len(part)]) for part in (ball.verts, ball.faces)]

    def rasterize() -> None:
        shown.grad = None
        hits = rasterize_meshes(
            MeshBatch(shown, ball.faces, one[0], one[1]), (256, 256), 1e-4, 10, perspective_correct=True
        )
        (hits[3].clamp(-1, 1).sum() + hits[1].sum()).backward()

    net = VoxNet(10)
    descent = torch.optim.AdamW(net.parameters())
    grids, labels = (torch.rand(32, 1, 32, 32, 32) > 0.9).float(), torch.randint(0, 10, (32,))

    def train() -> None:
        descent.zero_grad()
        torch.nn.functional.cross_entropy(net(grids), labels).backward()
        descent.step()

    cameras, wanted = camera_rig("sphere", count=8, size=64), torch.rand(8, 64, 64)
    moving = (0.4 * ball.verts).requires_grad_()
    adam = torch.optim.Adam([moving], 1e-4)

    def fit() -> None:
        """The heart of a step of `fit_mesh`."""
        adam.zero_grad()
        loss = (render_silhouette(Mesh(moving, ball.faces), cameras, 64) - wanted).square().mean()
        edges = moving[ball.faces] - moving[ball.faces.roll(1, 1)]
        (loss + 0.1 * edges.square().sum(-1).mean()).backward()
        adam.step()

    rig = camera_rig("mvcnn12", size=224)
    return {
        "independent": independent,
        "rasterize": rasterize,
        "voxelize": lambda: voxelize(ball, 128),
        "render_views": lambda: render_views(ball, rig),
        "VoxNet step": train,
        "step of a fit": fit,
    }


def serve(num_threads: int) -> None:
    """Measure every kind of work whenever a line with a number of seconds comes in."""
    work = kinds_of_work(num_threads)
    for call in work.values():
        call()  # compiles
    print("ready", flush=True)
    for line in sys.stdin:
        found = {}
        for name, call in work.items():
            call()
            walls, cpu, began = [], time.process_time(), time.perf_counter()
            while not walls or time.perf_counter() - began < float(line):
                start = time.perf_counter()
                call()
                walls.append(1e3 * (time.perf_counter() - start))
            # The mean: a program that waits for its turn now and then has paid for it.
            found[name] = (statistics.mean(walls), 1e3 * (time.process_time() - cpu) / len(walls))
        print(json.dumps(found), flush=True)


class Way:
    """A process that measures."""

    def __init__(self, variables: dict[str, str], num_threads: int):
        kept = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
        kept |= {"OMP_NUM_THREADS": str(num_threads), **variables}
        command = [sys.executable, __file__, "--serve", "--threads", str(num_threads)]
        self.process = subprocess.Popen(command, env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._read()

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def measure(self, seconds: float) -> dict[str, tuple[float, float]]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return json.loads(self._read())


def measure_all(
    counts: list[int], seconds: float, rounds: int, num_threads: int
) -> dict[tuple[str, str, int], tuple[float, float]]:
    """Mean ms of wall and processor time by (way, work, neighbours), the median of the rounds."""
    ways = {name: Way(variables, num_threads) for name, variables in WAYS.items()}
    found: dict[tuple[str, str, int], list[tuple[float, float]]] = {}
    try:
        for _ in range(rounds):
            for count in counts:
                busy = [subprocess.Popen(BUSY) for _ in range(count)]
                try:
                    time.sleep(0.3)
                    for name, way in ways.items():
                        for work, times in way.measure(seconds).items():
                            found.setdefault((name, work, count), []).append(times)
                finally:
                    for process in busy:
                        process.kill()
                        process.wait()
    finally:
        for way in ways.values():
            way.process.kill()
            way.process.wait()
    return {
        key: (statistics.median(w for w, _ in times), statistics.median(c for _, c in times))
        for key, times in found.items()
    }


def table(found: dict[tuple[str, str, int], tuple[float, float]], counts: list[int]) -> list[dict[str, Any]]:
    rows = []
    for work in dict.fromkeys(work for _, work, _ in found):
        for way in WAYS:
            wall, cpu = found[way, work, counts[0]]
            row: dict[str, Any] = {"work": work, "waiting": way}
            for count in counts:
                row[f"k={count}: wall ms"], row[f"k={count}: CPU ms"] = (f"{t:.1f}" for t in found[way, work, count])
                if count != counts[0]:
                    allowed = found[way, "independent", count][0] / found[way, "independent", counts[0]][0]
                    row[f"k={count}: wall / allowed"] = f"{found[way, work, count][0] / wall / allowed:.2f}"
                    row[f"k={count}: CPU / quiet"] = f"{found[way, work, count][1] / cpu:.2f}"
            row["quiet: wall / default"] = f"{wall / found['default', work, counts[0]][0]:.3f}"
            row["quiet: CPU / default"] = f"{cpu / found['default', work, counts[0]][1]:.3f}"
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neighbours", default="0,1,2,4", help="the first is what the others are compared with")
    parser.add_argument("--seconds", type=float, default=1.5, help="for each kind of work")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--spins", default="", help="try these numbers of spins as well, separated by commas")
    parser.add_argument("--serve", action="store_true", help="for the processes that measure")
    parser.add_argument("--write", action="store_true", help="write into benchmarks/results")
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.threads)
        return
    for spins in filter(None, arguments.spins.split(",")):
        WAYS[f"{spins} spins"] = {"GOMP_SPINCOUNT": spins}
    counts = [int(count) for count in arguments.neighbours.split(",")]
    load = os.getloadavg()[0]
    found = measure_all(counts, arguments.seconds, arguments.rounds, arguments.threads)

    import timing

    from geolearn.reports.page import markdown_table

    text = "# Busy neighbours\n\n" + markdown_table(table(found, counts))
    text += f"\nLoad of the machine before: {load:.1f}; {arguments.threads} threads, {os.cpu_count()} cores.\n"
    name = "neighbours" if any(counts) else "neighbours_quiet"
    timing.report(text, timing.bytes_per_ms(), arguments.rounds, name if arguments.write else None)


if __name__ == "__main__":
    main()
