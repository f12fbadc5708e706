"""Points where the kinks of a planar flow cross: its error has its sharpest peaks there.

A piecewise-linear approximation of a smooth map errs most inside its linear pieces or at their corners. Near
a corner the error is a cone, which samples miss by the cone's slope times their spacing; going to the corner
itself does not. In the piece around x the height of map k's hyperplane is z_k + g_k.(x' - x), linear, so the
corner is found by one linear system; as it may lie just outside the piece, a second step corrects the first.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numba import njit

from .box import Box
from .planar import PlanarFlow

_STEPS = 2
# A hyperplane counts as crossing others if so much of its unit normal is orthogonal to theirs. Fewer than d
# always leave a face with 1 / sqrt(d) or more.
_LEAST_SINE = 0.2


def crossings(flow: PlanarFlow, x: Float[np.ndarray, "n d"], domain: Box) -> Float[np.ndarray, "n d"]:
    """For each point, one nearby where d hyperplanes of the flow, or faces of the domain, cross.

    The hyperplanes are the nearest of each that differ in direction. Points without any near them, as in a
    flow of fewer than d maps, go to a corner of the domain.
    """
    sine = min(_LEAST_SINE, 0.5 / np.sqrt(domain.dim))
    for _ in range(_STEPS):
        x = _crossings(x, flow.a, flow.w, flow.t, flow.stops, flow.M, flow.m, domain.low, domain.high, sine)
    return domain.clip(x)


@njit(cache=True, nogil=True)
def _dot(x, y):
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@njit(cache=True, nogil=True)
def _crossings(x, a, w, t, stops, M, m, low, high, least_sine):
    n, d = x.shape
    L = t.size
    out = np.empty_like(x)
    height, size, normal = np.empty(L + 2 * d), np.empty(L + 2 * d), np.empty((L + 2 * d, d))
    basis, step = np.empty((d, d)), np.empty(d)
    y, D, image, product = np.empty(d), np.empty((d, d)), np.empty(d), np.empty((d, d))
    for q in range(n):
        # Heights and their gradients in x: first of the faces, then of the maps, z_k = w_k.y - t_k.
        for i in range(d):
            for r in range(d):
                normal[2 * i, r] = normal[2 * i + 1, r] = D[i, r] = 0.0
            height[2 * i], height[2 * i + 1] = x[q, i] - low[i], x[q, i] - high[i]
            normal[2 * i, i] = normal[2 * i + 1, i] = size[2 * i] = size[2 * i + 1] = 1.0
        for i in range(d):
            y[i], D[i, i], step[i] = x[q, i], 1.0, 0.0
        j = 0
        for k in range(L):
            while j < stops.size and stops[j] == k:
                for i in range(d):
                    image[i] = m[j, i]
                    for r in range(d):
                        image[i] += M[j, i, r] * y[r]
                        product[i, r] = 0.0
                        for b in range(d):
                            product[i, r] += M[j, i, b] * D[b, r]
                for i in range(d):
                    y[i] = image[i]
                    for r in range(d):
                        D[i, r] = product[i, r]
                j += 1
            g = normal[2 * d + k]
            z, square = -t[k], 0.0
            for i in range(d):
                z += w[k, i] * y[i]
                g[i] = 0.0
                for r in range(d):
                    g[i] += w[k, r] * D[r, i]
                square += g[i] ** 2
            height[2 * d + k], size[2 * d + k] = z, np.sqrt(square)
            if z > 0.0:
                for i in range(d):
                    y[i] += a[k, i] * z
                    for r in range(d):
                        D[i, r] += a[k, i] * g[r]
        # The nearest, then the nearest that crosses it, and so on; each step goes along a new direction.
        for c in range(d):
            nearest, distance = -1, np.inf
            for k in range(L + 2 * d):
                if abs(height[k]) < distance * size[k]:
                    square = size[k] ** 2
                    for b in range(c):
                        square -= _dot(basis[b], normal[k]) ** 2
                    if square > (least_sine * size[k]) ** 2:
                        nearest, distance = k, abs(height[k]) / size[k]
            if nearest < 0:  # Heights that are not numbers.
                break
            here = basis[c]
            for i in range(d):
                here[i] = normal[nearest, i]
            for b in range(c):
                along = _dot(basis[b], normal[nearest])
                for i in range(d):
                    here[i] -= along * basis[b, i]
            length = np.sqrt(_dot(here, here))
            for i in range(d):
                here[i] /= length
            missing = -height[nearest] - _dot(normal[nearest], step)
            rate = missing / _dot(here, normal[nearest])
            for i in range(d):
                step[i] += rate * here[i]
        for i in range(d):
            out[q, i] = min(max(x[q, i] + step[i], low[i]), high[i])
    return out
