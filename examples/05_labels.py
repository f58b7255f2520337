"""A label for every face: what is seat, leg, back or arm of a chair, learned from a few labelled ones.

python examples/05_labels.py
"""

import torch

from geolearn.data import Batches, FaceAugment, FaceFeatures, Store, procedural
from geolearn.models import SurfaceLabelNet
from geolearn.ops.face_figures import area_accuracy
from geolearn.ops.face_geometry import face_areas
from geolearn.ops.graph_cut import smooth_labels


def main(chairs: int = 16, epochs: int = 20) -> float:
    """Learn from procedural chairs; returns how much of the surface of 4 others is labelled right, in percent."""
    torch.manual_seed(0)
    shapes = [procedural.make_shape("chair", seed=seed, azimuth_rad=float(seed)) for seed in range(chairs + 4)]
    names = shapes[0].part_names
    look = FaceFeatures()  # 600 features of every face, and the waves on which heat spreads between faces
    train, test = (
        look.pack(Store.of_shapes([shape.mesh for shape in part], classes=("chair",), parts={"chair": names}))
        for part in (shapes[:chairs], shapes[chairs:])
    )

    net = SurfaceLabelNet(len(names))
    net.standardise.fit(train.take(torch.arange(len(train))).features)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)
    batches = Batches(train, 2, augment=FaceAugment(1000))
    for epoch in range(epochs):
        for batch in batches:
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(*batch.data.inputs), batch.data.labels)
            loss.backward()
            optimiser.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}")

    net.eval()
    shares = []
    for number in range(len(test)):
        with torch.no_grad():
            probabilities = net(*test.take(torch.tensor([number])).inputs).softmax(1)
        mesh = test.mesh(number)
        labels = smooth_labels(mesh, probabilities, smoothness=0.02)
        shares.append(area_accuracy(labels, mesh.face_labels, face_areas(mesh.triangles())))
    accuracy = sum(shares) / len(shares)
    print(f"{accuracy:.1f} % of the surface of {len(test)} unseen chairs is labelled right: {', '.join(names)}")
    return accuracy


if __name__ == "__main__":
    main()
