"""Pictures of meshes without gradient: a z-buffer over homogeneous triangles (Olano and Greer, 1997), then shading.

With P_i the corners of a face in pixel space, P = K (R x + t), and p = (u, v, 1) a pixel centre, the three volumes
e_i = p . (P_j x P_k) are the barycentrics of the point that p's ray hits, up to scale: the hit lies inside where they
have one sign, at depth det(P_0, P_1, P_2) / sum e. No division by the depth of a corner is needed, so faces may cross
the plane of the camera or surround it. Neighbours share an edge as exact negatives: no pixel falls between them.
"""

import math

import numpy as np
from numba import prange

from geolearn.kernels.threads import kernel, parallel_kernel

SHADINGS = ("smooth", "flat", "depth", "normals", "silhouette")
SMOOTH, FLAT, DEPTH, NORMALS, SILHOUETTE, FACES = range(6)


@kernel
def _project(verts, first, end, matrix, points, pixels):
    """Write pixel space and (u, v, 1 / depth) of vertices; those are NaN behind the camera."""
    for vertex in range(first, end):
        x, y, z = np.float64(verts[vertex, 0]), np.float64(verts[vertex, 1]), np.float64(verts[vertex, 2])
        px = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z + matrix[0, 3]
        py = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z + matrix[1, 3]
        pz = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + matrix[2, 3]
        points[vertex - first, 0] = px
        points[vertex - first, 1] = py
        points[vertex - first, 2] = pz
        near = 1.0 / pz if pz > 0 else np.nan
        pixels[vertex - first, 0] = px * near
        pixels[vertex - first, 1] = py * near
        pixels[vertex - first, 2] = near


@kernel(error_model="numpy")
def _draw_faces(faces, first, end, first_vert, points, pixels, top, bottom, width, seen):
    """Enter faces into a z-buffer of the rows top..bottom, see `_key`.

    Edges are a u + b v + c with exactly the negative coefficients in the face on the other side.
    """
    slack = 1e-9 * (width + bottom)  # boxes are rounded, the edges decide
    for face in range(first, end):
        i, j, k = faces[face, 0] - first_vert, faces[face, 1] - first_vert, faces[face, 2] - first_vert
        u0, u1, u2 = pixels[i, 0], pixels[j, 0], pixels[k, 0]
        v0, v1, v2 = pixels[i, 1], pixels[j, 1], pixels[k, 1]
        if u0 + u1 + u2 != u0 + u1 + u2:
            _draw_crossing_face(face - first, i, j, k, points, top, bottom, width, seen)
            continue
        high = int(min(max(min(v0, v1, v2) + 0.5 - slack, top), bottom))
        low = int(min(max(max(v0, v1, v2) + 0.5 + slack, top), bottom)) - 1
        left = int(min(max(min(u0, u1, u2) + 0.5 - slack, 0.0), width))
        right = int(min(max(max(u0, u1, u2) + 0.5 + slack, 0.0), width)) - 1
        if (high > low) | (left > right):
            continue
        c0, c1, c2 = u2 * v1 - v2 * u1, u0 * v2 - v0 * u2, u1 * v0 - v1 * u0
        area = c0 + c1 + c2
        if not abs(area) > 0:
            continue
        sign = math.copysign(1.0, area)
        a0, b0, c0 = sign * (v2 - v1), sign * (u1 - u2), sign * c0
        a1, b1, c1 = sign * (v0 - v2), sign * (u2 - u0), sign * c1
        a2, b2, c2 = sign * (v1 - v0), sign * (u0 - u1), sign * c2
        share = sign / area
        near0, near1, near2 = pixels[i, 2] * share, pixels[j, 2] * share, pixels[k, 2] * share
        wide = right - left >= 8
        for row in range(high, low + 1):
            v = row + 0.5
            d0, d1, d2 = b0 * v + c0, b1 * v + c1, b2 * v + c2
            start, stop = left, right
            if wide:
                start, stop = _span(a0, d0, a1, d1, a2, d2, left, right)
            line = (row - top) * width
            for column in range(start, stop + 1):
                u = column + 0.5
                e0, e1, e2 = a0 * u + d0, a1 * u + d1, a2 * u + d2
                # Without a branch: which pixels of a small face are inside and in front cannot be predicted, and a
                # mispredicted branch costs more than all of this.
                key = _key(np.float32(e0 * near0 + e1 * near1 + e2 * near2), face - first)
                outside = (
                    np.float64(e0).view(np.int64) | np.float64(e1).view(np.int64) | np.float64(e2).view(np.int64)
                ) >> 63
                behind = seen[line + column] - (key & ~outside)
                seen[line + column] -= behind & (behind >> 63)


@kernel
def _key(nearness, face):
    """A z-buffer entry: the larger, the nearer, and of equally near faces the first. 0 is nothing.

    The bits of a positive float32 (1 / depth) are ordered as integers.
    """
    return (np.int64(np.float32(nearness).view(np.int32)) << 32) | (0x7FFFFFFF - face)


@kernel
def _unpack(key):
    """Depth and face of a z-buffer entry."""
    return 1.0 / np.float64(np.int32(key >> 32).view(np.float32)), 0x7FFFFFFF - (key & 0xFFFFFFFF)


@kernel(error_model="numpy")
def _span(a0, d0, a1, d1, a2, d2, left, right):
    """Columns of a row where all a u + d may be >= 0, a little wider; the exact test decides."""
    low, high = left + 0.0, right + 1.0
    for slope, offset in ((a0, d0), (a1, d1), (a2, d2)):
        if slope > 0:
            low = max(low, -offset / slope)
        elif slope < 0:
            high = min(high, -offset / slope)
        elif offset < 0:
            high = -1.0
    return max(left, int(min(low, right + 2.0) - 1.0)), min(right, int(max(high, -1.0) + 1.0))


@kernel(error_model="numpy")
def _draw_crossing_face(face, i, j, k, points, top, bottom, width, seen):
    """A face with corners behind the camera, or none in front of it."""
    ix, iy, iz = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
    jx, jy, jz = np.float64(points[j, 0]), np.float64(points[j, 1]), np.float64(points[j, 2])
    kx, ky, kz = np.float64(points[k, 0]), np.float64(points[k, 1]), np.float64(points[k, 2])
    ax, ay, az = jy * kz - jz * ky, jz * kx - jx * kz, jx * ky - jy * kx
    bx, by, bz = ky * iz - kz * iy, kz * ix - kx * iz, kx * iy - ky * ix
    cx, cy, cz = iy * jz - iz * jy, iz * jx - ix * jz, ix * jy - iy * jx
    volume = ix * ax + iy * ay + iz * az
    if (iz <= 0 and jz <= 0 and kz <= 0) or not 0 < abs(volume) < np.inf:
        return
    sign = math.copysign(1.0, volume)
    ax, ay, az, bx, by, bz = sign * ax, sign * ay, sign * az, sign * bx, sign * by, sign * bz
    cx, cy, cz = sign * cx, sign * cy, sign * cz
    for row in range(top, bottom):
        v = row + 0.5
        a, b, c = ay * v + az, by * v + bz, cy * v + cz
        start, stop = _span(ax, a, bx, b, cx, c, 0, width - 1)
        for column in range(start, stop + 1):
            u = column + 0.5
            e0, e1, e2 = ax * u + a, bx * u + b, cx * u + c
            if e0 >= 0 and e1 >= 0 and e2 >= 0:
                pixel = (row - top) * width + column
                seen[pixel] = max(seen[pixel], _key(np.float32((e0 + e1 + e2) / abs(volume)), face))


@kernel
def vertex_normals(verts, faces, normals):
    """Write unit normals of vertices, the sum of the normals of their faces by area; 0 where they cancel."""
    for face in range(len(faces)):
        nx, ny, nz = _face_normal(verts, faces, face)
        for corner in range(3):
            normals[faces[face, corner], 0] += nx
            normals[faces[face, corner], 1] += ny
            normals[faces[face, corner], 2] += nz
    for vertex in range(len(normals)):
        x, y, z = normals[vertex, 0], normals[vertex, 1], normals[vertex, 2]
        length = math.sqrt(x * x + y * y + z * z)
        if length > 0:
            normals[vertex, 0] = x / length
            normals[vertex, 1] = y / length
            normals[vertex, 2] = z / length


@kernel
def _face_normal(verts, faces, face):
    i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
    x, y, z = np.float64(verts[i, 0]), np.float64(verts[i, 1]), np.float64(verts[i, 2])
    ax, ay, az = verts[j, 0] - x, verts[j, 1] - y, verts[j, 2] - z
    bx, by, bz = verts[k, 0] - x, verts[k, 1] - y, verts[k, 2] - z
    return ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx


@kernel(error_model="numpy")
def _smooth_normal(faces, normals, face, points, first_vert, u, v):
    """Vertex normals weighted by barycentrics, up to scale, and that scale, of the point seen at (u, v)."""
    i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
    p, q, r = i - first_vert, j - first_vert, k - first_vert
    # Corners relative to the ray: (X - u Z, Y - v Z). Their cross products are the three volumes.
    px, py = points[p, 0] - u * points[p, 2], points[p, 1] - v * points[p, 2]
    qx, qy = points[q, 0] - u * points[q, 2], points[q, 1] - v * points[q, 2]
    rx, ry = points[r, 0] - u * points[r, 2], points[r, 1] - v * points[r, 2]
    a, b, c = abs(qx * ry - qy * rx), abs(rx * py - ry * px), abs(px * qy - py * qx)
    return (
        a * normals[i, 0] + b * normals[j, 0] + c * normals[k, 0],
        a * normals[i, 1] + b * normals[j, 1] + c * normals[k, 1],
        a * normals[i, 2] + b * normals[j, 2] + c * normals[k, 2],
        a + b + c,
    )


@kernel(error_model="numpy")
def _shade(
    verts, faces, normals, first_vert, first_face, points, rays, rotation, top, bottom, width, seen, shading, ambient,
    diffuse, image,
):  # fmt: skip
    """Write the pixels that see a face; `rays` takes (u, v, 1) to the direction of the ray in the world."""
    for pixel in range((bottom - top) * width):
        if seen[pixel] == 0:
            continue
        depth, face = _unpack(seen[pixel])
        face += first_face
        row, column = top + pixel // width, pixel % width
        if shading == FACES:
            image[0, row, column] = face
            continue
        if shading == SILHOUETTE:
            image[0, row, column] = 1.0
            continue
        if shading == DEPTH:
            image[0, row, column] = depth
            continue
        u, v = column + 0.5, row + 0.5
        nx, ny, nz, scale = 0.0, 0.0, 0.0, 1.0
        if shading != FLAT:
            nx, ny, nz, scale = _smooth_normal(faces, normals, face, points, first_vert, u, v)
        squared_length = nx * nx + ny * ny + nz * nz
        if not squared_length > 1e-6 * scale * scale:  # flat, or neighbours that face each other
            nx, ny, nz = _face_normal(verts, faces, face)
            squared_length = nx * nx + ny * ny + nz * nz
        dx = rays[0, 0] * u + rays[0, 1] * v + rays[0, 2]
        dy = rays[1, 0] * u + rays[1, 1] * v + rays[1, 2]
        dz = rays[2, 0] * u + rays[2, 1] * v + rays[2, 2]
        along = nx * dx + ny * dy + nz * dz
        if shading == NORMALS:
            scale = -0.5 / math.sqrt(squared_length) if along > 0 else 0.5 / math.sqrt(squared_length)
            x = rotation[0, 0] * nx + rotation[0, 1] * ny + rotation[0, 2] * nz
            y = rotation[1, 0] * nx + rotation[1, 1] * ny + rotation[1, 2] * nz
            z = rotation[2, 0] * nx + rotation[2, 1] * ny + rotation[2, 2] * nz
            image[0, row, column] = 0.5 + scale * x
            image[1, row, column] = 0.5 - scale * y
            image[2, row, column] = 0.5 - scale * z
        else:
            cosine = abs(along) / math.sqrt(squared_length * (dx * dx + dy * dy + dz * dz))
            image[0, row, column] = ambient + diffuse * min(cosine, 1.0)


@parallel_kernel
def render(
    verts, faces, normals, first_vert, first_face, matrices, rays, rotations, bands, items, shading, ambient, diffuse,
    images,
):  # fmt: skip
    """Fill `images` (B, N, C, H, W), which hold the background: float32, or int32 for `FACES`, the packed face seen.

    Args:
        verts: float32 (V, 3), all meshes; faces: int32 (F, 3) into them; normals: float64 (V, 3), see `vertex_normals`.
        first_vert, first_face: int64 (B + 1,).
        matrices: float64 (N, 3, 4), world to pixel space; rays: (N, 3, 3), see `_shade`; rotations: (N, 3, 3).
        bands: every image is cut into so many bands of rows, which are drawn independently of each other.
        items: the bands are dealt to so many work items in turn, one per thread.
    """
    meshes, views, _, height, width = images.shape
    tasks = meshes * views * bands
    most_verts = 0
    for mesh in range(meshes):
        most_verts = max(most_verts, first_vert[mesh + 1] - first_vert[mesh])
    for item in prange(items):
        points = np.empty((most_verts, 3), np.float32)
        pixels = np.empty((most_verts, 3))
        seen = np.empty(((height + bands - 1) // bands) * width, np.int64)
        for task in range(item, tasks, items):
            mesh, view, band = task // (views * bands), task // bands % views, task % bands
            top, bottom = height * band // bands, height * (band + 1) // bands
            seen[:] = 0
            _project(verts, first_vert[mesh], first_vert[mesh + 1], matrices[view], points, pixels)
            _draw_faces(
                faces,
                first_face[mesh],
                first_face[mesh + 1],
                first_vert[mesh],
                points,
                pixels,
                top,
                bottom,
                width,
                seen,
            )
            _shade(
                verts, faces, normals, first_vert[mesh], first_face[mesh], points, rays[view], rotations[view], top,
                bottom, width, seen, shading, ambient, diffuse, images[mesh, view],
            )  # fmt: skip
