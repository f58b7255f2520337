"""Averages over the neighbourhoods of faces, of any radius at the cost of none: heat that flows along the surface."""

from typing import Any

import numpy as np

from geolearn.typing import Array, Float, Int

STIFFEST = 20.0  # flow between two faces over the difference of their heat
STEPS = 2


class HeatNeighbourhoods:
    """Heat on the faces of a mesh, each as much as it has area, after it flowed for a while into the neighbours.

    Heat u that starts as an amount q in every face is, after a time t, the solution of implicit steps of length t / 2,

        (A + t / 2 L) u_1 = q,    (A + t / 2 L) u_2 = A u_1,

    with the areas A and the flow L between faces that share an edge, its length over the distance between the
    circumcentres of the two faces laid flat: 2 / (cot a + cot b) with the angles a, b opposite to the edge. That is the
    Laplacian of the dual mesh (Hirani, "Discrete exterior calculus", 2003; Crane et al., "Digital geometry processing
    with discrete exterior calculus", 2013, section 6), with flows held between 0 and 20 where circumcentres meet or
    change sides. So u is q averaged per area with weights >= 0 that sum to 1 and that depend on the surface between the
    faces and not on their number; none reach another component.

    The weights of a face of a plane have the mean squared distance 4 t. A disc of radius r has r^2 / 2, so the
    neighbourhood of radius r is that of t = r^2 / 8. The cost does not grow with r: N faces make a sparse matrix, which
    is factored once per radius, with some 20 N numbers in the factor at most sizes; the order of elimination, which
    hangs on the neighbours alone, is found once for all radii.

    Args:
        areas: of the faces, >= 0.
        pairs: faces that share an edge.
        edge_lengths: of these edges.
        squared_sides: sum of the squared lengths of the three sides of each face.
    """

    def __init__(
        self,
        areas: Float[Array, " F"],
        pairs: Int[Array, "E 2"],
        edge_lengths: Float[Array, " E"],
        squared_sides: Float[Array, " F"],
    ) -> None:
        from scipy import sparse  # late: SciPy takes a while to import

        count, total = len(areas), areas.sum()
        # A face without area takes on what is around it.
        self._mass = areas + 1e-9 * total / count if total > 0 else np.full(count, 1 / max(count, 1))
        # cot of the angle opposite to a side e: (sum of the squared sides - 2 e^2) / (4 area)
        cotangents = (squared_sides[pairs] - 2 * edge_lengths[:, None] ** 2) / (4 * self._mass[pairs])
        flow = 2 / np.maximum(cotangents.sum(1), 2 / STIFFEST)
        one, other = pairs.T
        values = np.concatenate([-flow, -flow, flow, flow])
        places = np.concatenate([one, other, one, other]), np.concatenate([other, one, one, other])
        self._laplacian = sparse.coo_array((values, places), shape=(count, count)).tocsc()
        self._order: Any = None  # of elimination; mass and Laplacian are in it once it is there
        self._factors: dict[float, Any] = {}  # of SciPy's SuperLU

    def average(self, values: Float[Array, "F C"], radius: float) -> Float[Array, "F C"]:
        """The mean of values per area around every face, within about `radius` > 0."""
        self._find_order()
        return self._spread(self._mass[:, None] * values[self._order], radius)

    def per_area(self, amounts: Float[Array, "F C"], radius: float) -> Float[Array, "F C"]:
        """Amounts, of each face as a whole, per area around every face, within about `radius` > 0."""
        self._find_order()
        return self._spread(amounts[self._order], radius)

    def _find_order(self) -> None:
        if self._order is None:
            if len(self._mass) == 0:
                self._order = np.zeros(0, np.int64)
                return
            self._order = np.argsort(_factor(self._mass, self._laplacian, "MMD_AT_PLUS_A").perm_c)
            self._mass = self._mass[self._order]
            self._laplacian = self._laplacian[self._order][:, self._order].tocsc()

    def _spread(self, amounts: Array, radius: float) -> Array:
        """From amounts in the order of elimination to heat in that of the faces."""
        heat = np.empty(amounts.shape)
        if len(self._mass) == 0:
            return heat
        if radius not in self._factors:
            self._factors[radius] = _factor(self._mass, radius**2 / 8 / STEPS * self._laplacian, "NATURAL")
        flowed = self._factors[radius].solve(np.ascontiguousarray(amounts, np.float64))
        for _ in range(STEPS - 1):
            flowed = self._factors[radius].solve(self._mass[:, None] * flowed)
        heat[self._order] = flowed
        return heat


def _factor(mass: Array, flow: Any, order: str) -> Any:
    from scipy import sparse
    from scipy.sparse.linalg import splu

    matrix = (sparse.diags_array(mass) + flow).tocsc()
    # Dense blocks do not pay in a factor as thin as that of a surface.
    narrow = {"relax": 1, "panel_size": 1}
    return splu(matrix, permc_spec=order, diag_pivot_thresh=0.0, options={"SymmetricMode": True}, **narrow)
