"""Ridge maps and their derivative in all numbers, point by point, compiled.

Profiles are sums of Chebyshev polynomials in the unit variable of their range, and go on straight beyond it:
there T_k is sign^k (1 + k^2 (|u| - 1)), for T_k(1) = 1 and T_k'(1) = k^2, and its slope is constant.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def polynomials(u, T, D):
    """T_0(u), T_1(u), .. into T, and their derivatives into D."""
    inside = min(max(u, -1.0), 1.0)
    beyond = u - inside
    T[0], D[0] = 1.0, 0.0
    if len(T) > 1:
        T[1], D[1] = inside, 1.0
    for k in range(2, len(T)):
        T[k] = 2 * inside * T[k - 1] - T[k - 2]
        D[k] = 2 * T[k - 1] + 2 * inside * D[k - 1] - D[k - 2]
    if beyond != 0.0:
        for k in range(1, len(T)):
            T[k] += beyond * D[k]


@njit(cache=True, nogil=True)
def fill_states(w, F, low, high, states):
    """states[r + 1] = states[r] + f_r(w_r.states[r]) for each ridge map; states[0] is given."""
    R, q, d = F.shape
    T, D = np.empty(q), np.empty(q)
    for r in range(R):
        scale, shift = 2 / (high[r] - low[r]), (low[r] + high[r]) / (high[r] - low[r])
        for i in range(states.shape[1]):
            s = 0.0
            for j in range(d):
                s += w[r, j] * states[r, i, j]
            polynomials(scale * s - shift, T, D)
            for j in range(d):
                moved = states[r, i, j]
                for k in range(q):
                    moved += T[k] * F[r, k, j]
                states[r + 1, i, j] = moved


@njit(cache=True, nogil=True)
def fill_jacobian(w, F, low, high, M, moving, states, J):
    """J[i, c, :], the derivative of coordinate c of the output at point i, in the order of a step.

    For ridge map r, with S the derivative of the output with respect to the state after it: T_k(u) S for
    F[r, k], and S f_r' times the state before it for w[r]. Then the state in the end for M, and 1 for m.
    """
    R, q, d = F.shape
    size = q * moving + d
    T, D, S, slope, along = np.empty(q), np.empty(q), np.empty((d, d)), np.empty(d), np.empty(d)
    for i in range(states.shape[1]):
        S[:] = M
        for r in range(R - 1, -1, -1):
            scale, shift = 2 / (high[r] - low[r]), (low[r] + high[r]) / (high[r] - low[r])
            s = 0.0
            for j in range(d):
                s += w[r, j] * states[r, i, j]
            polynomials(scale * s - shift, T, D)
            for j in range(d):
                slope[j] = 0.0
                for k in range(1, q):
                    slope[j] += D[k] * F[r, k, j]
                slope[j] *= scale
            first = r * size
            for c in range(d):
                along[c] = 0.0
                for j in range(d):
                    along[c] += S[c, j] * slope[j]
                for k in range(q):
                    for j in range(moving):
                        J[i, c, first + k * moving + j] = T[k] * S[c, j]
                for j in range(d):
                    J[i, c, first + q * moving + j] = along[c] * states[r, i, j]
            for c in range(d):
                for j in range(d):
                    S[c, j] += along[c] * w[r, j]
        first = R * size
        for c in range(d):
            J[i, c, first:] = 0
            if c < moving:
                for j in range(d):
                    J[i, c, first + c * d + j] = states[R, i, j]
                J[i, c, first + moving * d + c] = 1
