"""The exact Jacobian of a planar flow in its parameters, row by row, by one reverse sweep per output.

With lam the adjoint (d output / d state after map l) and z = w.x - t > 0 before it:
    d/da_l = lam z,   d/dw_l = (lam.a) x,   d/dt_l = -(lam.a),   then lam += (lam.a) w.
Where z <= 0 the derivatives vanish and lam passes unchanged.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange


@njit(cache=True, parallel=True, fastmath={"contract"})
def value_and_jacobian(x, a, w, t, M, m, y, J):
    """Fill y (n, d) with M P(x) + m and J (n d, P) with its derivatives in a, w, t, M, m, each raveled."""
    n, d = x.shape
    L = t.size
    first_w, first_t, first_M, first_m = L * d, 2 * L * d, L * (2 * d + 1), L * (2 * d + 1) + d * d
    for q in prange(n):
        state = np.empty((L + 1, d))
        height = np.empty(L)
        for i in range(d):
            state[0, i] = x[q, i]
        for k in range(L):
            z = -t[k]
            for i in range(d):
                z += w[k, i] * state[k, i]
            height[k] = z
            z = max(z, 0.0)
            for i in range(d):
                state[k + 1, i] = state[k, i] + a[k, i] * z
        lam = np.empty(d)
        for output in range(d):
            row = J[q * d + output]
            value = m[output]
            for i in range(d):
                value += M[output, i] * state[L, i]
                lam[i] = M[output, i]
                row[first_m + i] = 1.0 if i == output else 0.0
                for j in range(d):
                    row[first_M + i * d + j] = state[L, j] if i == output else 0.0
            y[q, output] = value
            for k in range(L - 1, -1, -1):
                z = height[k]
                if z > 0.0:
                    rate = 0.0
                    for i in range(d):
                        rate += lam[i] * a[k, i]
                    for i in range(d):
                        row[k * d + i] = lam[i] * z
                        row[first_w + k * d + i] = rate * state[k, i]
                    row[first_t + k] = -rate
                    for i in range(d):
                        lam[i] += rate * w[k, i]
                else:
                    for i in range(d):
                        row[k * d + i] = 0.0
                        row[first_w + k * d + i] = 0.0
                    row[first_t + k] = 0.0


@njit(cache=True, parallel=True)
def states_and_adjoints(x, a, w, t, M):
    """The state before each map and at the end, (L+1, n, d), and d output / d that state, (L+1, n, d, d)."""
    n, d = x.shape
    L = t.size
    state = np.empty((L + 1, n, d))
    adjoint = np.empty((L + 1, n, d, d))
    for q in prange(n):
        state[0, q] = x[q]
        for k in range(L):
            z = -t[k]
            for i in range(d):
                z += w[k, i] * state[k, q, i]
            z = max(z, 0.0)
            for i in range(d):
                state[k + 1, q, i] = state[k, q, i] + a[k, i] * z
        adjoint[L, q] = M
        for k in range(L - 1, -1, -1):
            z = -t[k]
            for i in range(d):
                z += w[k, i] * state[k, q, i]
            for output in range(d):
                rate = 0.0
                if z > 0.0:
                    for i in range(d):
                        rate += adjoint[k + 1, q, output, i] * a[k, i]
                for i in range(d):
                    adjoint[k, q, output, i] = adjoint[k + 1, q, output, i] + rate * w[k, i]
    return state, adjoint
