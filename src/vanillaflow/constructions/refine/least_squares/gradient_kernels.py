"""Products of the Jacobian with vectors, without the Jacobian: one sweep forth, one back, per point.

With z = w.x - t > 0 before map l (derivatives vanish and everything passes unchanged where z <= 0):
    forward:  dx += da z + a (dw.x + w.dx - dt);
    reverse:  da += lam z,  dw += (lam.a) x,  dt -= lam.a,  then lam += (lam.a) w.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.extending import register_jitable

from .jacobian_kernels import block_size, rate_of_block, states_of_block

# Sums over a block in any order: they vectorize then.
_SUMS = {"contract", "reassoc", "nsz"}


@register_jitable(fastmath=_SUMS)
def _weighted_square(weight, x):
    total = 0.0
    for q in range(x.size):
        total += weight[q] * x[q] * x[q]
    return total


@njit(cache=True, nogil=True, fastmath=_SUMS)
def transposed_product(x, a, w, t, M, u):
    """J^T u for u (n, d): the gradient of the sum of u . N(x; theta)."""
    n, d = x.shape
    L = t.size
    P = L * (2 * d + 1) + d * (d + 1)
    first_w, first_t, first_M, first_m = L * d, 2 * L * d, L * (2 * d + 1), L * (2 * d + 1) + d * d
    total = np.zeros(P)
    size = block_size()
    for first in range(0, n, size):
        last = min(first + size, n)
        width = last - first
        state, height = np.empty((L + 1, d, width)), np.empty((L, width))
        lam, rate = np.zeros((d, width)), np.empty(width)
        states_of_block(x[first:last], a, w, t, state, height)
        v = np.empty((d, width))
        for i in range(d):
            for q in range(width):
                v[i, q] = u[first + q, i]
        for output in range(d):
            for q in range(width):
                total[first_m + output] += v[output, q]
            for i in range(d):
                factor, sum_M = M[output, i], 0.0
                for q in range(width):
                    sum_M += v[output, q] * state[L, i, q]
                    lam[i, q] += factor * v[output, q]
                total[first_M + output * d + i] += sum_M
        for k in range(L - 1, -1, -1):
            rate_of_block(lam, a[k], height[k], rate)
            sum_t = 0.0
            for q in range(width):
                sum_t += rate[q]
            total[first_t + k] -= sum_t
            for i in range(d):
                factor, sum_a, sum_w = w[k, i], 0.0, 0.0
                for q in range(width):
                    sum_a += lam[i, q] * height[k, q]
                    sum_w += rate[q] * state[k, i, q]
                    lam[i, q] += factor * rate[q]
                total[k * d + i] += sum_a
                total[first_w + k * d + i] += sum_w
    return total


@njit(cache=True, nogil=True)
def product(x, a, w, t, M, v):
    """J v for v (P,), of shape (n, d): the derivative of N(x; theta) along v."""
    n, d = x.shape
    L = t.size
    first_w, first_t, first_M, first_m = L * d, 2 * L * d, L * (2 * d + 1), L * (2 * d + 1) + d * d
    result = np.empty((n, d))
    state, change = np.empty(d), np.empty(d)
    for q in range(n):
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


@njit(cache=True, nogil=True, fastmath=_SUMS)
def column_squares(x, a, w, t, M, directions, weights):
    """The diagonal of J^T W J, for weights (n, d); the columns of w_k along directions[k], as in J."""
    n, d = x.shape
    L, r = t.size, directions.shape[1]
    first_w = L * d
    first_t = first_w + L * r
    first_M = first_t + L
    first_m = first_M + d * d
    total = np.zeros(first_m + d)
    size = block_size()
    for first in range(0, n, size):
        last = min(first + size, n)
        width = last - first
        state, height = np.empty((L + 1, d, width)), np.empty((L, width))
        lam, rate, along = np.empty((d, width)), np.empty(width), np.empty(width)
        states_of_block(x[first:last], a, w, t, state, height)
        for output in range(d):
            weight = np.ascontiguousarray(weights[first:last, output])
            total[first_m + output] += weight.sum()
            for i in range(d):
                total[first_M + output * d + i] += _weighted_square(weight, state[L, i])
                lam[i, :] = M[output, i]
            for k in range(L - 1, -1, -1):
                rate_of_block(lam, a[k], height[k], rate)
                total[first_t + k] += _weighted_square(weight, rate)
                for j in range(r):
                    along[:] = 0.0
                    for i in range(d):
                        along += directions[k, j, i] * state[k, i]
                    total[first_w + k * r + j] += _weighted_square(weight, rate * along)
                for i in range(d):
                    total[k * d + i] += _weighted_square(weight, lam[i] * height[k])
                    factor = w[k, i]
                    for q in range(width):
                        lam[i, q] += factor * rate[q]
    return total
