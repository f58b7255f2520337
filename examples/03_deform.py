"""Attributes of chairs changed by trained weights, held against the true motion; seconds, without any download.

python examples/03_deform.py
"""

import torch

from geolearn.data.deformations import shape_of_key
from geolearn.data.procedural import flow
from geolearn.training.deformer import load_deformer

AMOUNTS = {"seat height": 0.3, "back height": -0.2, "seat width": 0.25}  # 0.3: 30 % longer; all at once


def main(count: int = 8) -> float:
    """Change chairs that the network never saw; returns the error in % of the true motion."""
    deformer = load_deformer()  # the weights that ship with geolearn
    errors, motions = [], []
    for number in range(count):
        shape = shape_of_key(f"chair-test-0-{13 * number + 5:06d}")  # upright, facing -Y
        amounts = {name: amount for name, amount in AMOUNTS.items() if name in shape.attributes}  # a stool has no back
        found = deformer.deform(shape.mesh, "chair", amounts, prevent="damp")
        true = sum(flow(shape, name, amount, shape.mesh.verts) for name, amount in amounts.items())
        errors.append((found.mesh.verts - shape.mesh.verts - true).norm(dim=1).mean())
        motions.append(true.norm(dim=1).mean())
        print(
            f"chair {number}: {len(shape.mesh.verts)} vertices, moved by {100 * motions[-1]:.1f} % of its length, "
            f"off by {100 * errors[-1]:.2f} %; {100 * found.unprevented.share:.2f} % of the cells folded, now "
            f"{100 * found.foldover.share:.2f} %"
        )
    error = 100 * float(torch.stack(errors).sum() / torch.stack(motions).sum())
    print(f"end-point error: {error:.1f} % of the motion")
    return error


if __name__ == "__main__":
    main()
