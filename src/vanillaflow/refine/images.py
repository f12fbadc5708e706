"""What a refinement computes most: the images of many points under hundreds of planar maps."""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Float
from numba import njit

from .threads import parts_of, side_by_side

# The states of a block stay in the first-level cache, through all maps.
_BLOCK = 128
_FUSED = {"contract"}
# Up to this dimension loops over coordinates are unrolled, and a state stays in registers through a map.
_MOST_UNROLLED = 16


def images(
    x: Float[np.ndarray, "n d"],
    a: Float[np.ndarray, "L d"],
    w: Float[np.ndarray, "L d"],
    t: Float[np.ndarray, " L"],
) -> Float[np.ndarray, "n d"]:
    """P_L(...P_1(x)...) with P_l(x) = x + a_l relu(w_l.x - t_l), for every row of x."""
    parts = side_by_side([partial(_images, x[part], a, w, t) for part in parts_of(len(x))])
    return np.concatenate(parts)


def _images(x: np.ndarray, a: np.ndarray, w: np.ndarray, t: np.ndarray) -> np.ndarray:
    d = x.shape[1]
    if d <= _MOST_UNROLLED:
        # The length of a tuple is a part of its type, so it is known when the kernel is compiled.
        return _unrolled(x, a, w, t, tuple(range(d)))
    return _in_passes(x, a, w, t)


@njit(cache=True, nogil=True, fastmath=_FUSED)
def _unrolled(x, a, w, t, axes):
    n, d = x.shape
    y, state = np.empty((n, d)), np.empty((d, _BLOCK))
    for first in range(0, n, _BLOCK):
        width = min(_BLOCK, n - first)
        for i in range(d):
            for q in range(width):
                state[i, q] = x[first + q, i]
        for k in range(t.size):
            direction, normal, threshold = a[k], w[k], t[k]
            for q in range(width):
                z = -threshold
                for i in range(len(axes)):
                    z += normal[i] * state[i, q]
                z = max(z, 0.0)
                for i in range(len(axes)):
                    state[i, q] += direction[i] * z
        for i in range(d):
            for q in range(width):
                y[first + q, i] = state[i, q]
    return y


@njit(cache=True, nogil=True, fastmath=_FUSED)
def _in_passes(x, a, w, t):
    n, d = x.shape
    y = np.empty((n, d))
    for first in range(0, n, _BLOCK):
        last = min(first + _BLOCK, n)
        state, z = np.ascontiguousarray(x[first:last].T), np.empty(last - first)
        for k in range(t.size):
            z[:] = -t[k]
            for i in range(d):
                factor, here = w[k, i], state[i]
                for q in range(z.size):
                    z[q] += factor * here[q]
            for q in range(z.size):
                z[q] = max(z[q], 0.0)
            for i in range(d):
                factor, here = a[k, i], state[i]
                for q in range(z.size):
                    here[q] += factor * z[q]
        y[first:last] = state.T
    return y
