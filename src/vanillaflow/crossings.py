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
# A hyperplane counts as crossing others if so much of its unit normal is orthogonal to theirs.
_LEAST_SINE = 0.2


def crossings(flow: PlanarFlow, x: Float[np.ndarray, "n d"], domain: Box) -> Float[np.ndarray, "n d"]:
    """For each point, one nearby where d hyperplanes of the flow, or faces of the domain, cross.

    The hyperplanes are the nearest of each that differ in direction. Points without any near them, as in a
    flow of fewer than d maps, go to a corner of the domain.
    """
    for _ in range(_STEPS):
        x = _crossings(
            x, flow.a, flow.w, flow.t, flow.stops, flow.M, flow.m, domain.low, domain.high, _LEAST_SINE
        )
    return x


@njit(cache=True, nogil=True)
def _crossings(x, a, w, t, stops, M, m, low, high, least_sine):
    n, d = x.shape
    L = t.size
    out = np.empty_like(x)
    height, size, normal = np.empty(L + 2 * d), np.empty(L + 2 * d), np.empty((L + 2 * d, d))
    basis, part = np.empty((d, d)), np.empty(d)
    for q in range(n):
        # Heights and their gradients in x: first of the faces, then of the maps, z_k = w_k.y - t_k.
        normal[: 2 * d] = 0.0
        for i in range(d):
            height[2 * i], height[2 * i + 1] = x[q, i] - low[i], x[q, i] - high[i]
            normal[2 * i, i] = normal[2 * i + 1, i] = size[2 * i] = size[2 * i + 1] = 1.0
        y, D = x[q].copy(), np.eye(d)
        j = 0
        for k in range(L):
            while j < stops.size and stops[j] == k:
                y, D = M[j] @ y + m[j], M[j] @ D
                j += 1
            g = normal[2 * d + k]
            z, square = -t[k], 0.0
            for i in range(d):
                z += w[k, i] * y[i]
                g[i] = 0.0
                for l in range(d):
                    g[i] += w[k, l] * D[l, i]
                square += g[i] ** 2
            height[2 * d + k], size[2 * d + k] = z, np.sqrt(square)
            if z > 0.0:
                for i in range(d):
                    y[i] += a[k, i] * z
                    for l in range(d):
                        D[i, l] += a[k, i] * g[l]
        # The nearest, then the nearest that crosses it, and so on; each step goes along a new direction.
        step = np.zeros(d)
        for c in range(d):
            nearest, distance = -1, np.inf
            for k in range(L + 2 * d):
                if abs(height[k]) < distance * size[k]:
                    square = size[k] ** 2
                    for b in range(c):
                        square -= np.dot(basis[b], normal[k]) ** 2
                    if square > (least_sine * size[k]) ** 2:
                        nearest, distance = k, abs(height[k]) / size[k]
            part[:] = normal[nearest]
            for b in range(c):
                part -= np.dot(basis[b], normal[nearest]) * basis[b]
            basis[c] = part / np.sqrt(np.dot(part, part))
            missing = -height[nearest] - np.dot(normal[nearest], step)
            step += missing / np.dot(basis[c], normal[nearest]) * basis[c]
        for i in range(d):
            out[q, i] = min(max(x[q, i] + step[i], low[i]), high[i])
    return out
