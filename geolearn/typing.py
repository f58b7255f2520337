"""Shape annotations for public signatures, e.g. `verts: Float[Tensor, "V 3"]`.

The test suite checks them at run time (jaxtyping with beartype); in production they cost nothing. Modules that use
them must not `from __future__ import annotations`: the checker needs the annotation itself, not its text.
"""

import os

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8
from torch import Tensor

PathLike = str | os.PathLike[str]
Array = np.ndarray

__all__ = ["Array", "Bool", "Float", "Int", "PathLike", "Shaped", "Tensor", "UInt8"]
