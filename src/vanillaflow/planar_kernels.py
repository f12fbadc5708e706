"""Numba kernels of PlanarFlow: points in blocks, dimension-major, so that inner loops vectorize.

Conventions of all functions: x (n, d) points; a, w (L, d) and t (L,) planar maps; affine map j,
y -> M_j y + m_j, acts after the first stops[j] planar maps (several may share a stop and act in order).

The kernels are plain loops over numbers, without array expressions and on one thread: so they compile in a
second or two, where `parallel=True` and slices take ten times as long. Threads come from `side_by_side`.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from .threads import parts_of, side_by_side

# The states of a block stay in the first-level cache, through all maps.
_BLOCK = 128
# Let the compiler fuse multiply-adds; no other liberty, so NaN and infinity keep their meaning.
_FUSED = {"contract"}
# Up to this dimension loops over coordinates are unrolled, and a state stays in registers through a map.
_MOST_UNROLLED = 4
# Multiply-adds below which a part of the points is not worth a thread.
_LEAST_WORK = 2**19


def forward(
    x: Float[np.ndarray, "n d"],
    a: Float[np.ndarray, "L d"],
    w: Float[np.ndarray, "L d"],
    t: Float[np.ndarray, " L"],
    stops: Int[np.ndarray, " J"],
    M: Float[np.ndarray, "J d d"],
    m: Float[np.ndarray, "J d"],
) -> Float[np.ndarray, "n d"]:
    """The images of the points."""
    n, d = x.shape
    out = np.empty_like(x)
    carry = _unrolled if d <= _MOST_UNROLLED else _in_passes
    # The length of a tuple is a part of its type, so it is known when the kernel is compiled.
    axes = tuple(range(d)) if d <= _MOST_UNROLLED else (0,)
    parts = parts_of(n, _LEAST_WORK // max(1, 2 * t.size * d))
    side_by_side([partial(carry, x[part], out[part], a, w, t, stops, M, m, axes) for part in parts])
    return out


def log_abs_det(
    x: Float[np.ndarray, "n d"],
    a: Float[np.ndarray, "L d"],
    w: Float[np.ndarray, "L d"],
    t: Float[np.ndarray, " L"],
    stops: Int[np.ndarray, " J"],
    M: Float[np.ndarray, "J d d"],
    m: Float[np.ndarray, "J d"],
    log_kappa: Float[np.ndarray, " L"],
) -> Float[np.ndarray, " n"]:
    """The sum of log kappa over the planar maps that are active at each point."""
    log_det = np.empty(len(x))
    parts = parts_of(len(x), _LEAST_WORK // max(1, 2 * w.size))
    side_by_side(
        [partial(_log_det, x[part], log_det[part], a, w, t, stops, M, m, log_kappa) for part in parts]
    )
    return log_det


def jacobian(
    x: Float[np.ndarray, "n d"],
    a: Float[np.ndarray, "L d"],
    w: Float[np.ndarray, "L d"],
    t: Float[np.ndarray, " L"],
    stops: Int[np.ndarray, " J"],
    M: Float[np.ndarray, "J d d"],
    m: Float[np.ndarray, "J d"],
) -> Float[np.ndarray, "n d d"]:
    """The derivative matrices, by carrying the columns along (forward mode)."""
    n, d = x.shape
    out = np.empty((n, d, d))
    parts = parts_of(n, _LEAST_WORK // max(1, 2 * w.size * d))
    side_by_side([partial(_jacobian, x[part], out[part], a, w, t, stops, M, m) for part in parts])
    return out


@njit(cache=True, nogil=True, fastmath=_FUSED)
def _affine(state, width, M, m, j, scratch):
    """The states (d, B) of a block under affine map j."""
    d = state.shape[0]
    for i in range(d):
        image = scratch[i]
        for q in range(width):
            image[q] = m[j, i]
        for r in range(d):
            factor, here = M[j, i, r], state[r]
            for q in range(width):
                image[q] += factor * here[q]
    for i in range(d):
        for q in range(width):
            state[i, q] = scratch[i, q]


@njit(cache=True, nogil=True, fastmath=_FUSED)
def _unrolled(x, out, a, w, t, stops, M, m, axes):
    n, d = x.shape
    state, scratch = np.empty((d, _BLOCK)), np.empty((d, _BLOCK))
    for first in range(0, n, _BLOCK):
        width = min(_BLOCK, n - first)
        for q in range(width):
            for i in range(d):
                state[i, q] = x[first + q, i]
        j = 0
        for k in range(t.size + 1):
            while j < stops.size and stops[j] == k:
                _affine(state, width, M, m, j, scratch)
                j += 1
            if k == t.size:
                break
            direction, normal, threshold = a[k], w[k], t[k]
            for q in range(width):
                z = -threshold
                for i in range(len(axes)):
                    z += normal[i] * state[i, q]
                z = max(z, 0.0)
                for i in range(len(axes)):
                    state[i, q] += direction[i] * z
        for q in range(width):
            for i in range(d):
                out[first + q, i] = state[i, q]


@njit(cache=True, nogil=True, fastmath=_FUSED)
def _in_passes(x, out, a, w, t, stops, M, m, axes):
    n, d = x.shape
    state, scratch, z = np.empty((d, _BLOCK)), np.empty((d, _BLOCK)), np.empty(_BLOCK)
    for first in range(0, n, _BLOCK):
        width = min(_BLOCK, n - first)
        for q in range(width):
            for i in range(d):
                state[i, q] = x[first + q, i]
        j = 0
        for k in range(t.size + 1):
            while j < stops.size and stops[j] == k:
                _affine(state, width, M, m, j, scratch)
                j += 1
            if k == t.size:
                break
            for q in range(width):
                z[q] = -t[k]
            for i in range(d):
                factor, here = w[k, i], state[i]
                for q in range(width):
                    z[q] += factor * here[q]
            for q in range(width):
                z[q] = max(z[q], 0.0)
            for i in range(d):
                factor, here = a[k, i], state[i]
                for q in range(width):
                    here[q] += factor * z[q]
        for q in range(width):
            for i in range(d):
                out[first + q, i] = state[i, q]


@njit(cache=True, nogil=True, fastmath=_FUSED)
def _log_det(x, log_det, a, w, t, stops, M, m, log_kappa):
    n, d = x.shape
    state, scratch, z = np.empty((d, _BLOCK)), np.empty((d, _BLOCK)), np.empty(_BLOCK)
    for first in range(0, n, _BLOCK):
        width = min(_BLOCK, n - first)
        for q in range(width):
            log_det[first + q] = 0.0
            for i in range(d):
                state[i, q] = x[first + q, i]
        j = 0
        for k in range(t.size):
            while j < stops.size and stops[j] == k:
                _affine(state, width, M, m, j, scratch)
                j += 1
            for q in range(width):
                z[q] = -t[k]
            for i in range(d):
                factor, here = w[k, i], state[i]
                for q in range(width):
                    z[q] += factor * here[q]
            for q in range(width):
                log_det[first + q] += log_kappa[k] if z[q] > 0.0 else 0.0
                z[q] = max(z[q], 0.0)
            for i in range(d):
                factor, here = a[k, i], state[i]
                for q in range(width):
                    here[q] += factor * z[q]


@njit(cache=True, nogil=True, fastmath=_FUSED)
def _jacobian(x, out, a, w, t, stops, M, m):
    n, d = x.shape
    # The state in the first column, its derivatives in the others.
    state, row = np.empty((d, d + 1)), np.empty(d)
    for point in range(n):
        for i in range(d):
            state[i, 0] = x[point, i]
            for c in range(d):
                state[i, c + 1] = 1.0 if i == c else 0.0
        j = 0
        for k in range(t.size + 1):
            while j < stops.size and stops[j] == k:
                for c in range(d + 1):
                    for i in range(d):
                        row[i] = 0.0 if c else m[j, i]
                        for r in range(d):
                            row[i] += M[j, i, r] * state[r, c]
                    for i in range(d):
                        state[i, c] = row[i]
                j += 1
            if k == t.size:
                break
            z = -t[k]
            for i in range(d):
                z += w[k, i] * state[i, 0]
            if z > 0.0:
                for c in range(d + 1):
                    rate = z
                    if c:
                        rate = 0.0
                        for i in range(d):
                            rate += w[k, i] * state[i, c]
                    for i in range(d):
                        state[i, c] += a[k, i] * rate
        for i in range(d):
            for c in range(d):
                out[point, i, c] = state[i, c + 1]
