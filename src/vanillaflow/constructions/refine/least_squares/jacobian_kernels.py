"""The exact Jacobian of a planar flow in its parameters, by one reverse sweep per output.

With lam the adjoint (d output / d state after map l) and z = w.x - t > 0 before it:
    d/da_l = lam z,   d/dw_l = (lam.a) x,   d/dt_l = -(lam.a),   then lam += (lam.a) w.
Where z <= 0 the derivatives vanish and lam passes unchanged. Points go in blocks, dimension-major, so that
the inner loops have no branches and vectorize.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.extending import register_jitable

_FUSED = {"contract"}


@register_jitable
def block_size():
    """Points of a block: its states along the way of a few hundred maps stay in the second-level cache."""
    return 64


@njit(cache=True, fastmath=_FUSED)
def states_of_block(x, a, w, t, state, height):
    """Fill state (L+1, d, B) and height (L, B), z where positive and 0 elsewhere, for points x (B, d)."""
    width, d = x.shape
    for i in range(d):
        for q in range(width):
            state[0, i, q] = x[q, i]
    for k in range(t.size):
        for q in range(width):
            height[k, q] = -t[k]
        for i in range(d):
            factor = w[k, i]
            for q in range(width):
                height[k, q] += factor * state[k, i, q]
        for q in range(width):
            height[k, q] = max(height[k, q], 0.0)
        for i in range(d):
            factor = a[k, i]
            for q in range(width):
                state[k + 1, i, q] = state[k, i, q] + factor * height[k, q]


@njit(cache=True, fastmath=_FUSED)
def rate_of_block(lam, a, z, rate):
    """rate = lam.a where z > 0, and 0 elsewhere; lam (d, B)."""
    for q in range(z.size):
        rate[q] = 0.0
    for i in range(a.size):
        factor, adjoint = a[i], lam[i]
        for q in range(z.size):
            rate[q] += factor * adjoint[q]
    for q in range(z.size):
        rate[q] = rate[q] if z[q] > 0.0 else 0.0


@njit(cache=True, nogil=True, fastmath=_FUSED)
def scaled_jacobian(x, a, w, t, M, directions, scale, J):
    """Fill J (P, d, n): derivatives in a, w, t, M, m, each raveled, of outputs times scale (n, d).

    The derivatives in w_k are those along the r rows of directions[k] (r, d): P = L (d + r + 1) + d (d + 1).
    """
    n, d = x.shape
    L, r = t.size, directions.shape[1]
    first_w = L * d
    first_t = first_w + L * r
    first_M = first_t + L
    first_m = first_M + d * d
    size = block_size()
    for first in range(0, n, size):
        last = min(first + size, n)
        width = last - first
        state, height = np.empty((L + 1, d, width)), np.empty((L, width))
        lam, rate, along = np.empty((d, width)), np.empty(width), np.empty(width)
        states_of_block(x[first:last], a, w, t, state, height)
        for output in range(d):
            for i in range(d):
                for j in range(d):
                    row = first_M + i * d + j
                    for q in range(width):
                        J[row, output, first + q] = (
                            state[L, j, q] * scale[first + q, output] if i == output else 0.0
                        )
                for q in range(width):
                    J[first_m + i, output, first + q] = scale[first + q, output] if i == output else 0.0
                    lam[i, q] = M[output, i] * scale[first + q, output]
            for k in range(L - 1, -1, -1):
                rate_of_block(lam, a[k], height[k], rate)
                for q in range(width):
                    J[first_t + k, output, first + q] = -rate[q]
                for j in range(r):
                    for q in range(width):
                        along[q] = 0.0
                    for i in range(d):
                        factor = directions[k, j, i]
                        for q in range(width):
                            along[q] += factor * state[k, i, q]
                    for q in range(width):
                        J[first_w + k * r + j, output, first + q] = rate[q] * along[q]
                for i in range(d):
                    factor = w[k, i]
                    for q in range(width):
                        J[k * d + i, output, first + q] = lam[i, q] * height[k, q]
                        lam[i, q] += factor * rate[q]
