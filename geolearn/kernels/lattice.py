"""Points moved by a flow on a regular lattice, and the gradient of it.

`lattice` is (R, R, R, 3), the displacement at the nodes; a point p lies at u = p * scale + shift in units of nodes, so
that node (i, j, k) is at u = (i, j, k). Beyond the outermost nodes the flow goes on as it left the lattice: the linear
polynomial of the outermost cell. Numbers that set the type of the arithmetic (`scale`, `top`, ...) come in the type of
the points.
"""

import numpy as np
from numba import prange

from geolearn.kernels.threads import kernel, parallel_kernel


@kernel(fastmath={"contract"})  # with one rounding for product and sum: a quarter of the time
def _lerp(a, b, t):
    return a + t * (b - a)


@kernel(fastmath={"contract"})
def _locate(p, scale, shift, top):
    """The node below, 0..top, in the type of the points, and how far the point is beyond it."""
    u = p * scale + shift
    low = np.floor(u)  # not math.floor, which gives an integer
    if not low > 0:
        low = top - top
    if low > top:
        low = top
    return low, u - low


@kernel
def _cell(points, n, scale, shift, top, dx, dy, dz):
    """The flat place of the node below a point, and how far the point is beyond it in x, y and z."""
    i, x = _locate(points[n, 0], scale, shift[0], top)
    j, y = _locate(points[n, 1], scale, shift[1], top)
    k, z = _locate(points[n, 2], scale, shift[2], top)
    return np.uint64(np.int32(i)) * dx + np.uint64(np.int32(j)) * dy + np.uint64(np.int32(k)) * dz, x, y, z


@parallel_kernel
def move_linear(points, lattice, size, scale, shift, top, out):
    """Fill `out` (N, 3) with each point plus the trilinear flow there.

    Args:
        lattice: (R^3 * 3,), flat: unsigned places in one dimension need no check of their sign.
        size: R; top: R - 2, in the type of the points.
    """
    dz = np.uint64(3)
    dy = dz * np.uint64(size)
    dx = dy * np.uint64(size)
    for n in prange(len(points)):
        node, x, y, z = _cell(points, n, scale, shift, top, dx, dy, dz)
        for axis in range(3):
            at = node + np.uint64(axis)
            on = at + dx
            low0 = _lerp(lattice[at], lattice[on], x)
            low1 = _lerp(lattice[at + dz], lattice[on + dz], x)
            high0 = _lerp(lattice[at + dy], lattice[on + dy], x)
            high1 = _lerp(lattice[at + dy + dz], lattice[on + dy + dz], x)
            out[n, axis] = points[n, axis] + _lerp(_lerp(low0, high0, y), _lerp(low1, high1, y), z)


@parallel_kernel
def points_gradient_linear(points, lattice, size, scale, shift, top, gradients, out):
    """Fill `out` (N, 3) with g + J^T g, J the Jacobian of the trilinear flow at the point and g its row of `gradients`.

    Other arguments as of `move_linear`.
    """
    dz = np.uint64(3)
    dy = dz * np.uint64(size)
    dx = dy * np.uint64(size)
    for n in prange(len(points)):
        node, x, y, z = _cell(points, n, scale, shift, top, dx, dy, dz)
        a, b, c = gradients[n, 0], gradients[n, 1], gradients[n, 2]
        v000, v001 = _dot(lattice, node, a, b, c), _dot(lattice, node + dz, a, b, c)
        v010, v011 = _dot(lattice, node + dy, a, b, c), _dot(lattice, node + dy + dz, a, b, c)
        v100, v101 = _dot(lattice, node + dx, a, b, c), _dot(lattice, node + dx + dz, a, b, c)
        v110, v111 = _dot(lattice, node + dx + dy, a, b, c), _dot(lattice, node + dx + dy + dz, a, b, c)
        low, high = _lerp(v000, v100, x), _lerp(v010, v110, x)
        far_low, far_high = _lerp(v001, v101, x), _lerp(v011, v111, x)
        out[n, 0] = a + scale * _lerp(_lerp(v100 - v000, v110 - v010, y), _lerp(v101 - v001, v111 - v011, y), z)
        out[n, 1] = b + scale * _lerp(high - low, far_high - far_low, z)
        out[n, 2] = c + scale * (_lerp(far_low, far_high, y) - _lerp(low, high, y))


@kernel(fastmath={"contract"})
def _dot(lattice, at, a, b, c):
    return a * lattice[at] + b * lattice[at + np.uint64(1)] + c * lattice[at + np.uint64(2)]


@parallel_kernel
def lattice_gradient_linear(points, size, scale, shift, top, gradients, planes, out):
    """Add to every node of `out` (R^3 * 3,) its trilinear weights times the gradients (N, 3) of the points.

    A work item owns `planes` planes and visits every point, so each node sums in the order of the points whatever the
    number of items and threads.
    """
    dz = np.uint64(3)
    dy = dz * np.uint64(size)
    dx = dy * np.uint64(size)
    for item in prange((size + planes - 1) // planes):
        first, last = item * planes, min(item * planes + planes, size) - 1
        for n in range(len(points)):
            plane = np.int32(_locate(points[n, 0], scale, shift[0], top)[0])
            if plane + 1 < first or plane > last:
                continue
            node, x, y, z = _cell(points, n, scale, shift, top, dx, dy, dz)
            for axis in range(3):
                g = gradients[n, axis]
                gx = g * x
                at = node + np.uint64(axis)
                if plane >= first:
                    _add_square(out, at, dy, dz, g - gx, y, z)
                if plane < last:
                    _add_square(out, at + dx, dy, dz, gx, y, z)


@kernel
def _add_square(out, at, dy, dz, g, y, z):
    """To the four nodes of one plane."""
    high = g * y
    low = g - high
    low_far, high_far = low * z, high * z
    out[at] += low - low_far
    out[at + dz] += low_far
    out[at + dy] += high - high_far
    out[at + dy + dz] += high_far


@kernel
def _taps(u, size):
    """First node, and weights and their slopes at four nodes from there; nodes of weight and slope 0 may not exist.

    Catmull-Rom's cubic; beyond the lattice lies the line through the two outermost nodes.
    """
    low = 0
    if u >= 1.0:
        low = int(min(u, size - 2.0))
    t = u - low
    if t < 0.0 or t > 1.0:
        return low - 1, (0.0, 1.0 - t, t, 0.0), (0.0, -1.0, 1.0, 0.0)
    s = 1.0 - t
    w0, w1, w2, w3 = (
        -0.5 * t * s * s,
        1.0 + t * t * (1.5 * t - 2.5),
        1.0 + s * s * (1.5 * s - 2.5),
        -0.5 * s * t * t,
    )
    d0, d1, d2, d3 = (
        -0.5 * s * (s - 2.0 * t),
        t * (4.5 * t - 5.0),
        -s * (4.5 * s - 5.0),
        -0.5 * t * (2.0 * s - t),
    )
    if low == 0:  # the node before the first: twice the first less the second
        w1, w2, w0 = w1 + 2.0 * w0, w2 - w0, 0.0
        d1, d2, d0 = d1 + 2.0 * d0, d2 - d0, 0.0
    if low == size - 2:
        w2, w1, w3 = w2 + 2.0 * w3, w1 - w3, 0.0
        d2, d1, d3 = d2 + 2.0 * d3, d1 - d3, 0.0
    return low - 1, (w0, w1, w2, w3), (d0, d1, d2, d3)


@parallel_kernel
def move_cubic(points, lattice, scale, shift, out):
    """Fill `out` (N, 3) with each point plus the tricubic flow there."""
    size = lattice.shape[0]
    for n in prange(len(points)):
        i, wx, _ = _taps(points[n, 0] * scale + shift[0], size)
        j, wy, _ = _taps(points[n, 1] * scale + shift[1], size)
        k, wz, _ = _taps(points[n, 2] * scale + shift[2], size)
        x, y, z = 0.0, 0.0, 0.0
        for a in range(4):
            for b in range(4):
                weight = wx[a] * wy[b]
                if weight != 0.0:
                    for c in range(4):
                        if wz[c] != 0.0:
                            x += weight * wz[c] * lattice[i + a, j + b, k + c, 0]
                            y += weight * wz[c] * lattice[i + a, j + b, k + c, 1]
                            z += weight * wz[c] * lattice[i + a, j + b, k + c, 2]
        out[n, 0] = points[n, 0] + x
        out[n, 1] = points[n, 1] + y
        out[n, 2] = points[n, 2] + z


@parallel_kernel
def points_gradient_cubic(points, lattice, scale, shift, gradients, out):
    """As `points_gradient_linear`, of the tricubic flow; `lattice` (R, R, R, 3)."""
    size = lattice.shape[0]
    for n in prange(len(points)):
        i, wx, dx = _taps(points[n, 0] * scale + shift[0], size)
        j, wy, dy = _taps(points[n, 1] * scale + shift[1], size)
        k, wz, dz = _taps(points[n, 2] * scale + shift[2], size)
        x, y, z = 0.0, 0.0, 0.0
        for a in range(4):
            if wx[a] == 0.0 and dx[a] == 0.0:
                continue
            for b in range(4):
                if wy[b] == 0.0 and dy[b] == 0.0:
                    continue
                for c in range(4):
                    if wz[c] == 0.0 and dz[c] == 0.0:
                        continue
                    value = 0.0
                    for axis in range(3):
                        value += gradients[n, axis] * lattice[i + a, j + b, k + c, axis]
                    x += dx[a] * wy[b] * wz[c] * value
                    y += wx[a] * dy[b] * wz[c] * value
                    z += wx[a] * wy[b] * dz[c] * value
        out[n, 0] = gradients[n, 0] + scale * x
        out[n, 1] = gradients[n, 1] + scale * y
        out[n, 2] = gradients[n, 2] + scale * z


@parallel_kernel
def lattice_gradient_cubic(points, scale, shift, gradients, planes, out):
    """As `lattice_gradient_linear`, of the tricubic flow; `out` (R, R, R, 3)."""
    size = out.shape[0]
    for item in prange((size + planes - 1) // planes):
        low, high = item * planes, min(item * planes + planes, size)
        for n in range(len(points)):
            i, wx, _ = _taps(points[n, 0] * scale + shift[0], size)
            if i + 3 < low or i >= high:
                continue
            j, wy, _ = _taps(points[n, 1] * scale + shift[1], size)
            k, wz, _ = _taps(points[n, 2] * scale + shift[2], size)
            for a in range(4):
                if wx[a] == 0.0 or i + a < low or i + a >= high:
                    continue
                for b in range(4):
                    if wy[b] == 0.0:
                        continue
                    for c in range(4):
                        if wz[c] == 0.0:
                            continue
                        weight = wx[a] * wy[b] * wz[c]
                        for axis in range(3):
                            out[i + a, j + b, k + c, axis] += weight * gradients[n, axis]
