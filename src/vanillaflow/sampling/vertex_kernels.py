"""Steps to where the error of a planar flow peaks: the nearest vertex, or the center of the cell.

In the linear piece around x the height of hyperplane k is h_k + g_k.step. Along the unit normal u of the
nearest hyperplane it lies at s = -h / |g|, and so on for the nearest that differ in direction: d equations
u_j . step = s_j for a vertex. For a center, s_j is half way between the two around 0 that are parallel.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def steps_to_peaks(x, a, w, t, stops, M, m, low, high, least, parallel, to_center, out):
    """Fill out (n, d) with the steps from x (n, d); hyperplanes are those of the flow, and the box's faces.

    `least` is the squared part of a unit normal that must be orthogonal to those before it, `parallel` the
    product of unit normals from which on two are parallel.
    """
    n, d = x.shape
    L = t.size
    count = L + 2 * d
    height, normal, size = np.empty(count), np.empty((count, d)), np.empty(count)
    orthogonal, basis = np.empty(count), np.empty((d, d))
    y, D, y2, D2 = np.empty(d), np.empty((d, d)), np.empty(d), np.empty((d, d))
    u, here = np.empty(d), np.empty(d)
    for q in range(n):
        for i in range(d):
            y[i] = x[q, i]
            height[i], height[d + i] = x[q, i] - low[i], x[q, i] - high[i]
            for j in range(d):
                D[i, j] = normal[i, j] = normal[d + i, j] = 1.0 if i == j else 0.0
        stop = 0
        for k in range(L):
            while stop < stops.size and stops[stop] == k:
                for i in range(d):
                    y2[i] = m[stop, i]
                    for j in range(d):
                        y2[i] += M[stop, i, j] * y[j]
                        D2[i, j] = 0.0
                        for c in range(d):
                            D2[i, j] += M[stop, i, c] * D[c, j]
                for i in range(d):
                    y[i] = y2[i]
                    for j in range(d):
                        D[i, j] = D2[i, j]
                stop += 1
            z = -t[k]
            for i in range(d):
                z += w[k, i] * y[i]
                normal[2 * d + k, i] = 0.0
                for c in range(d):
                    normal[2 * d + k, i] += w[k, c] * D[c, i]
            height[2 * d + k] = z
            if z > 0:
                for i in range(d):
                    y[i] += a[k, i] * z
                    for j in range(d):
                        D[i, j] += a[k, i] * normal[2 * d + k, j]
        for k in range(count):
            square = 0.0
            for i in range(d):
                square += normal[k, i] ** 2
            size[k] = np.sqrt(square)
            orthogonal[k] = 1.0
        for i in range(d):
            out[q, i] = 0.0
        for chosen in range(d):
            nearest, distance = -1, np.inf
            for k in range(count):
                # Neither maps that do not depend on x nor heights beyond the range of numbers are in reach.
                if orthogonal[k] > least and abs(height[k]) / size[k] < distance:
                    nearest, distance = k, abs(height[k]) / size[k]
            if nearest < 0:
                break
            for i in range(d):
                u[i] = normal[nearest, i] / size[nearest]
                here[i] = u[i]
            for b in range(chosen):
                along = 0.0
                for i in range(d):
                    along += basis[b, i] * here[i]
                for i in range(d):
                    here[i] -= along * basis[b, i]
            length = 0.0
            for i in range(d):
                length += here[i] ** 2
            for i in range(d):
                here[i] /= np.sqrt(length)
                basis[chosen, i] = here[i]
            missing = -height[nearest] / size[nearest]
            if to_center:
                ahead, behind = np.inf, -np.inf
                for k in range(count):
                    along = 0.0
                    for i in range(d):
                        along += normal[k, i] * u[i]
                    if abs(along) > parallel * size[k]:
                        s = -height[k] / along
                        if s >= 0:
                            ahead = min(ahead, s)
                        elif s < 0:
                            behind = max(behind, s)
                missing = (ahead + behind) / 2 if ahead < np.inf and behind > -np.inf else 0.0
            slope = 0.0
            for i in range(d):
                missing -= u[i] * out[q, i]
                slope += u[i] * here[i]
            for i in range(d):
                out[q, i] += missing / slope * here[i]
            for k in range(count):
                along = 0.0
                for i in range(d):
                    along += normal[k, i] * here[i]
                orthogonal[k] -= (along / size[k]) ** 2
