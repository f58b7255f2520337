"""K, R and t of projection matrices."""

import numpy as np

from geolearn.errors import InvalidInputError
from geolearn.typing import Array, Float


def split_projection(P: Float[Array, "3 4"]) -> tuple[Float[Array, "3 3"], Float[Array, "3 3"], Float[Array, " 3"]]:
    """(K, R, t) with P = s K [R | t] for some s, K[2, 2] = 1, focal lengths > 0 and det R = 1.

    Hartley and Zisserman, "Multiple view geometry", 6.2.4; RQ by a QR of the reversed matrix.

    Raises:
        InvalidInputError: not finite, or of a camera without a centre.

    >>> K, R, t = split_projection(np.array([[40.0, 0, 32, 0], [0, 40, 24, 0], [0, 0, 1, 2]]) * -3)
    >>> K.diagonal().round(6).tolist(), K[:2, 2].round(6).tolist(), t.round(6).tolist()
    ([40.0, 40.0, 1.0], [32.0, 24.0], [-1.6, -1.2, 2.0])
    """
    P = np.asarray(P, dtype=np.float64)
    M = P[:, :3]
    largest = np.abs(M).max(initial=0)
    if not np.isfinite(P).all() or not largest > 0 or not abs(np.linalg.det(M / largest)) > 1e-12:
        raise InvalidInputError("P: expected a finite 3 x 4 projection whose left 3 x 3 part can be inverted")
    Q, U = np.linalg.qr(M[::-1].T)
    K, R = U.T[::-1, ::-1], Q.T[::-1]
    signs = np.sign(np.diag(K))
    K, R = K * signs, signs[:, None] * R
    sign = np.sign(np.linalg.det(R))  # of s: P and -P are the same projection
    t = np.linalg.solve(K, P[:, 3]) * sign
    return K / K[2, 2], R * sign, t
