"""Splits, flips and collapses of edges in a closed manifold mesh, on half-edges.

Half-edge 3 f + k of face f goes from its corner k to its corner k + 1; `twin` is the same edge in the other face, and
`out[v]` is one half-edge that leaves vertex v (-1: v is gone). A removed face has corners of -1. The edits keep the
mesh closed and manifold, or refuse. One file, since Numba's cache sees changes of callees in the same file only.
"""

import numpy as np

from geolearn.kernels.threads import kernel

LEAST_TURN = 0.5  # the cosine between the normals of a face before and after an edit that still counts as no fold
LEAST_SHAPE = 0.02  # of faces: 4 sqrt(3) area / sum of squared sides, 1 for equilateral ones


@kernel(inline="always")
def _next(h):
    return h - 2 if h % 3 == 2 else h + 1


@kernel(inline="always")
def _previous(h):
    return h + 2 if h % 3 == 0 else h - 1


@kernel
def _link(twin, first, second):
    twin[first] = second
    twin[second] = first


@kernel
def _squared_length(verts, a, b):
    x, y, z = verts[a, 0] - verts[b, 0], verts[a, 1] - verts[b, 1], verts[a, 2] - verts[b, 2]
    return x * x + y * y + z * z


@kernel
def _cross(p, q, r):
    ux, uy, uz = q[0] - p[0], q[1] - p[1], q[2] - p[2]
    vx, vy, vz = r[0] - p[0], r[1] - p[1], r[2] - p[2]
    return uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx


@kernel
def _shape(p, q, r):
    """4 sqrt(3) area / sum of squared sides."""
    n = _cross(p, q, r)
    total = 0.0
    for k in range(3):
        total += (q[k] - p[k]) ** 2 + (r[k] - q[k]) ** 2 + (p[k] - r[k]) ** 2
    return 2 * np.sqrt(3.0) * np.sqrt(n[0] ** 2 + n[1] ** 2 + n[2] ** 2) / total if total > 0 else 0.0


@kernel
def _folds(p, q, r, p2, q2, r2):
    """Whether a face turns over, or becomes a sliver that it was not, when its corners move."""
    before, after = _shape(p, q, r), _shape(p2, q2, r2)
    if after < LEAST_SHAPE and after <= before:
        return True
    if before < LEAST_SHAPE:
        return False
    m, n = _cross(p, q, r), _cross(p2, q2, r2)
    dot = m[0] * n[0] + m[1] * n[1] + m[2] * n[2]
    lengths = (m[0] ** 2 + m[1] ** 2 + m[2] ** 2) * (n[0] ** 2 + n[1] ** 2 + n[2] ** 2)
    return dot < LEAST_TURN * np.sqrt(lengths)


@kernel
def _degree(twin, out, v):
    h, degree = out[v], 0
    while True:
        degree += 1
        h = twin[_previous(h)]
        if h == out[v]:
            return degree


@kernel
def _adjacent(faces, twin, out, v, other):
    h = out[v]
    while True:
        n = _next(h)
        if faces[n // 3, n % 3] == other:
            return True
        h = twin[_previous(h)]
        if h == out[v]:
            return False


@kernel
def _split(verts, faces, twin, out, h, m, f2, g2):
    """Put vertex m in the middle of an edge; f2 and g2 are new faces."""
    t = twin[h]
    f, g = h // 3, t // 3
    bc, ca, ad, db = twin[_next(h)], twin[_previous(h)], twin[_next(t)], twin[_previous(t)]
    a, b = faces[f, h % 3], faces[g, t % 3]
    c, d = faces[f, _previous(h) % 3], faces[g, _previous(t) % 3]
    for k in range(3):
        verts[m, k] = 0.5 * (verts[a, k] + verts[b, k])
    faces[f, 0], faces[f, 1], faces[f, 2] = a, m, c
    faces[f2, 0], faces[f2, 1], faces[f2, 2] = m, b, c
    faces[g, 0], faces[g, 1], faces[g, 2] = b, m, d
    faces[g2, 0], faces[g2, 1], faces[g2, 2] = m, a, d
    f, f2, g, g2 = 3 * f, 3 * f2, 3 * g, 3 * g2
    _link(twin, f, g2)
    _link(twin, f + 1, f2 + 2)
    _link(twin, f + 2, ca)
    _link(twin, f2, g)
    _link(twin, f2 + 1, bc)
    _link(twin, g + 1, g2 + 2)
    _link(twin, g + 2, db)
    _link(twin, g2 + 1, ad)
    out[a], out[m], out[c], out[b], out[d] = f, f + 1, f + 2, f2 + 1, g2 + 2


@kernel
def _flip(verts, faces, twin, out, h):
    """Turn an edge in its quadrilateral if that evens out the degrees and folds nothing."""
    t = twin[h]
    f, g = h // 3, t // 3
    a, b = faces[f, h % 3], faces[g, t % 3]
    c, d = faces[f, _previous(h) % 3], faces[g, _previous(t) % 3]
    da, db_, dc, dd = (_degree(twin, out, a), _degree(twin, out, b), _degree(twin, out, c), _degree(twin, out, d))
    if da <= 3 or db_ <= 3:
        return False
    before = (da - 6) ** 2 + (db_ - 6) ** 2 + (dc - 6) ** 2 + (dd - 6) ** 2
    after = (da - 7) ** 2 + (db_ - 7) ** 2 + (dc - 5) ** 2 + (dd - 5) ** 2
    pa, pb, pc, pd = verts[a], verts[b], verts[c], verts[d]
    sliver = min(_shape(pa, pb, pc), _shape(pb, pa, pd)) < 0.1 < min(_shape(pa, pd, pc), _shape(pd, pb, pc))
    if (after >= before and not sliver) or _adjacent(faces, twin, out, c, d):
        return False
    if _folds(pa, pb, pc, pa, pd, pc) or _folds(pb, pa, pd, pa, pd, pc):
        return False
    if _folds(pa, pb, pc, pd, pb, pc) or _folds(pb, pa, pd, pd, pb, pc):
        return False
    bc, ca, ad, db = twin[_next(h)], twin[_previous(h)], twin[_next(t)], twin[_previous(t)]
    faces[f, 0], faces[f, 1], faces[f, 2] = a, d, c
    faces[g, 0], faces[g, 1], faces[g, 2] = d, b, c
    f, g = 3 * f, 3 * g
    _link(twin, f, ad)
    _link(twin, f + 1, g + 2)
    _link(twin, f + 2, ca)
    _link(twin, g, db)
    _link(twin, g + 1, bc)
    out[a], out[d], out[c], out[b] = f, f + 1, f + 2, g + 1
    return True


@kernel
def _moves_freely(verts, faces, twin, out, v, other, place, longest):
    """Whether v may move to `place` in all faces around it that do not hold `other`."""
    h = out[v]
    while True:
        n, p = _next(h), _previous(h)
        x, y = faces[n // 3, n % 3], faces[p // 3, p % 3]
        if x != other and y != other and _folds(verts[v], verts[x], verts[y], place, verts[x], verts[y]):
            return False
        if x != other:
            length = (verts[x, 0] - place[0]) ** 2 + (verts[x, 1] - place[1]) ** 2 + (verts[x, 2] - place[2]) ** 2
            if length > longest:
                return False
        h = twin[p]
        if h == out[v]:
            return True


@kernel(allocates=True)
def _collapse(verts, faces, twin, out, h, longest):
    """Draw both ends of an edge together in its middle, unless that pinches, folds or makes a long edge."""
    t = twin[h]
    f, g = h // 3, t // 3
    a, b = faces[f, h % 3], faces[g, t % 3]
    c, d = faces[f, _previous(h) % 3], faces[g, _previous(t) % 3]
    if c == d or _degree(twin, out, c) <= 3 or _degree(twin, out, d) <= 3:
        return False
    step, common = out[a], 0
    while True:  # the link condition: a and b have no neighbours in common but c and d
        n = _next(step)
        if faces[n // 3, n % 3] != b and _adjacent(faces, twin, out, b, faces[n // 3, n % 3]):
            common += 1
        step = twin[_previous(step)]
        if step == out[a]:
            break
    if common != 2:
        return False
    place = 0.5 * (verts[a] + verts[b])
    if not _moves_freely(verts, faces, twin, out, a, b, place, longest):
        return False
    if not _moves_freely(verts, faces, twin, out, b, a, place, longest):
        return False
    step = out[a]
    while True:
        onward = twin[_previous(step)]
        faces[step // 3, step % 3] = b
        step = onward
        if step == out[a]:
            break
    bc, ca, ad, db = twin[_next(h)], twin[_previous(h)], twin[_next(t)], twin[_previous(t)]
    _link(twin, bc, ca)
    _link(twin, ad, db)
    out[b], out[c], out[d], out[a] = ca, bc, ad, -1
    for k in range(3):
        faces[f, k], faces[g, k] = -1, -1
    verts[b] = place
    return True


@kernel(allocates=True)
def _relax(verts, faces, twin, out, v):
    """Move v within its tangent plane towards the mean of its neighbours."""
    mean, normal, degree = np.zeros(3), np.zeros(3), 0
    h = out[v]
    while True:
        n, p = _next(h), _previous(h)
        x, y = faces[n // 3, n % 3], faces[p // 3, p % 3]
        cross = _cross(verts[v], verts[x], verts[y])
        for k in range(3):
            mean[k] += verts[x, k]
            normal[k] += cross[k]
        degree += 1
        h = twin[p]
        if h == out[v]:
            break
    squared = normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2
    if squared == 0:
        return
    move = mean / degree - verts[v]
    along = (move[0] * normal[0] + move[1] * normal[1] + move[2] * normal[2]) / squared
    place = verts[v] + 0.5 * (move - along * normal)
    if _moves_freely(verts, faces, twin, out, v, -1, place, np.inf):
        verts[v] = place


@kernel
def remesh_rounds(verts, faces, twin, out, lengths, vert_count, face_count, rounds):
    """Rounds of splitting, collapsing, flipping and relaxing, in place; returns how many rows are in use.

    Args:
        verts: float64 (V, 3), faces: int64 (F, 3), twin: int64 (3 F,), out: int64 (V,), of which the first vert_count
            and face_count rows are in use; where there is no room left nothing more is split.
        lengths: float64 (V,), that edges should have at each vertex; an edge has the mean of its ends. A vertex that is
            put in the middle of an edge takes that, and one that two are drawn together into the shorter of theirs.
    """
    for _ in range(rounds):
        for half in range(3 * face_count):
            a, b = faces[half // 3, half % 3], faces[half // 3, (half % 3 + 1) % 3]
            room = vert_count < len(verts) and face_count + 2 <= len(faces)
            if a >= 0 and room:
                length = 0.5 * (lengths[a] + lengths[b])
                if _squared_length(verts, a, b) > (4 / 3 * length) ** 2:
                    _split(verts, faces, twin, out, half, vert_count, face_count, face_count + 1)
                    lengths[vert_count] = length
                    vert_count, face_count = vert_count + 1, face_count + 2
        for half in range(3 * face_count):
            a, b = faces[half // 3, half % 3], faces[half // 3, (half % 3 + 1) % 3]
            if a >= 0:
                length = 0.5 * (lengths[a] + lengths[b])
                short = _squared_length(verts, a, b) < (0.8 * length) ** 2
                if short and _collapse(verts, faces, twin, out, half, (4 / 3 * length) ** 2):
                    lengths[b] = min(lengths[a], lengths[b])
        for half in range(3 * face_count):
            if faces[half // 3, 0] >= 0 and half < twin[half]:
                _flip(verts, faces, twin, out, half)
        for v in range(vert_count):
            if out[v] >= 0:
                _relax(verts, faces, twin, out, v)
    return vert_count, face_count
