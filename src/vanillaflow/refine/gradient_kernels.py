"""Products of the Jacobian with vectors, without the Jacobian: one sweep forth, one back, per point.

With z = w.x - t > 0 before map l (derivatives vanish and everything passes unchanged where z <= 0):
    forward:  dx += da z + a (dw.x + w.dx - dt);
    reverse:  da += lam z,  dw += (lam.a) x,  dt -= lam.a,  then lam += (lam.a) w.
Sums over points go through a fixed number of partial sums, so they do not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

_PARTS = 32


@njit(cache=True)
def _forward(x, a, w, t, state, height):
    """Fill state (L+1, d) and height (L,) along the way of one point."""
    d = x.size
    for i in range(d):
        state[0, i] = x[i]
    for k in range(t.size):
        z = -t[k]
        for i in range(d):
            z += w[k, i] * state[k, i]
        height[k] = z
        z = max(z, 0.0)
        for i in range(d):
            state[k + 1, i] = state[k, i] + a[k, i] * z


@njit(cache=True, parallel=True)
def transposed_product(x, a, w, t, M, u):
    """J^T u for u (n, d): the gradient of the sum of u . N(x; theta)."""
    n, d = x.shape
    L = t.size
    P = L * (2 * d + 1) + d * (d + 1)
    first_w, first_t, first_M, first_m = L * d, 2 * L * d, L * (2 * d + 1), L * (2 * d + 1) + d * d
    parts = np.zeros((_PARTS, P))
    for part in prange(_PARTS):
        state, height, lam = np.empty((L + 1, d)), np.empty(L), np.empty(d)
        total = parts[part]
        for q in range(part * n // _PARTS, (part + 1) * n // _PARTS):
            _forward(x[q], a, w, t, state, height)
            for i in range(d):
                lam[i] = 0.0
            for output in range(d):
                total[first_m + output] += u[q, output]
                for i in range(d):
                    total[first_M + output * d + i] += u[q, output] * state[L, i]
                    lam[i] += u[q, output] * M[output, i]
            for k in range(L - 1, -1, -1):
                z = height[k]
                if z > 0.0:
                    rate = 0.0
                    for i in range(d):
                        rate += lam[i] * a[k, i]
                    for i in range(d):
                        total[k * d + i] += lam[i] * z
                        total[first_w + k * d + i] += rate * state[k, i]
                        lam[i] += rate * w[k, i]
                    total[first_t + k] -= rate
    return parts.sum(axis=0)


@njit(cache=True, parallel=True)
def product(x, a, w, t, M, v):
    """J v for v (P,), of shape (n, d): the derivative of N(x; theta) along v."""
    n, d = x.shape
    L = t.size
    first_w, first_t, first_M, first_m = L * d, 2 * L * d, L * (2 * d + 1), L * (2 * d + 1) + d * d
    result = np.empty((n, d))
    for part in prange(_PARTS):
        state, change = np.empty(d), np.empty(d)
        for q in range(part * n // _PARTS, (part + 1) * n // _PARTS):
            for i in range(d):
                state[i] = x[q, i]
                change[i] = 0.0
            for k in range(L):
                z = -t[k]
                rate = -v[first_t + k]
                for i in range(d):
                    z += w[k, i] * state[i]
                    rate += v[first_w + k * d + i] * state[i] + w[k, i] * change[i]
                if z > 0.0:
                    for i in range(d):
                        change[i] += v[k * d + i] * z + a[k, i] * rate
                        state[i] += a[k, i] * z
            for output in range(d):
                value = v[first_m + output]
                for i in range(d):
                    value += v[first_M + output * d + i] * state[i] + M[output, i] * change[i]
                result[q, output] = value
    return result


@njit(cache=True, parallel=True)
def column_squares(x, a, w, t, M, weights):
    """The diagonal of J^T W J, for weights (n, d)."""
    n, d = x.shape
    L = t.size
    P = L * (2 * d + 1) + d * (d + 1)
    first_w, first_t, first_M, first_m = L * d, 2 * L * d, L * (2 * d + 1), L * (2 * d + 1) + d * d
    parts = np.zeros((_PARTS, P))
    for part in prange(_PARTS):
        state, height, lam = np.empty((L + 1, d)), np.empty(L), np.empty(d)
        total = parts[part]
        for q in range(part * n // _PARTS, (part + 1) * n // _PARTS):
            _forward(x[q], a, w, t, state, height)
            for output in range(d):
                weight = weights[q, output]
                total[first_m + output] += weight
                for i in range(d):
                    total[first_M + output * d + i] += weight * state[L, i] ** 2
                    lam[i] = M[output, i]
                for k in range(L - 1, -1, -1):
                    z = height[k]
                    if z > 0.0:
                        rate = 0.0
                        for i in range(d):
                            rate += lam[i] * a[k, i]
                        for i in range(d):
                            total[k * d + i] += weight * (lam[i] * z) ** 2
                            total[first_w + k * d + i] += weight * (rate * state[k, i]) ** 2
                            lam[i] += rate * w[k, i]
                        total[first_t + k] += weight * rate**2
    return parts.sum(axis=0)
