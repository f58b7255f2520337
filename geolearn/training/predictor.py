"""One shape in, an answer out."""

from typing import Any

from geolearn.training.method import Prediction
from geolearn.training.shape_files import as_shape
from geolearn.training.shape_index import ShapeIndex, open_index
from geolearn.training.testing import Trained, load_trained
from geolearn.training.transforms import Transforms
from geolearn.typing import PathLike


class Predictor:
    """Trained weights as a function of one shape; made by `load_predictor`.

    >>> load_predictor("voxnet-modelnet10")
    Predictor('voxnet-modelnet10', voxnet)
    """

    def __init__(self, trained: Trained):
        self.trained = trained

    def __repr__(self) -> str:
        return f"Predictor({self.trained.name!r}, {self.trained.record['model']})"

    def __call__(self, shape: Any) -> Prediction:
        """What the weights say of a shape, prepared as their training shapes were.

        Args:
            shape: a mesh (Z up, of any size), also of trimesh, Open3D or PyTorch3D; a grid, also as an array (R, R, R);
                pictures (V, C, H, W) in [0, 1], or bytes; or a mesh or voxel file.
        """
        return self.trained.method.predict(self.trained.net, as_shape(shape), self.trained.classes)

    def transforms(self) -> Transforms:
        """What the weights are fed, for a loop of your own.

        net, transforms = predictor.trained.net, predictor.transforms()
        logits = net(transforms("chair.off")[None])
        """
        return Transforms(self.trained.method)

    def index(self, folder: PathLike, **options: Any) -> ShapeIndex:
        """The shapes of a folder by what the weights make of them, to find those that are nearest to another.

            load_predictor("voxnet-modelnet10").index("shapes/").nearest("chair.off", 5)

        It is kept on disk, and built anew when the weights or the files change.

        Args:
            options: of `open_index`: `up`, `skip_broken`, `root`, `progress`.

        Raises:
            InvalidInputError: a folder without shapes, or weights that have no descriptor of a shape.
            DatasetError: files that cannot be read; says how many, and names them.
        """
        return open_index(self.trained, folder, **options)


def load_predictor(run_or_weights: PathLike) -> Predictor:
    """Trained weights as a function of one shape.

        load_predictor("voxnet-modelnet10")("chair.off").summary()

    Args:
        run_or_weights: a run folder, a weights file, or a name that ships with geolearn.

    Raises:
        UnknownNameError: no such weights.
        CheckpointError: damaged weights.

    >>> import trimesh
    >>> predict = load_predictor("voxnet-modelnet10")
    >>> top, leg = trimesh.creation.box((1, 0.6, 0.04)), trimesh.creation.box((0.1, 0.1, 0.7))
    >>> table = top + leg.apply_translation((0, 0, -0.35))
    >>> predict(table).record()["classes"][0]
    'table'
    """
    return Predictor(load_trained(run_or_weights))
