"""Kernels for many dimensions: a block of points in the first-level cache, in passes over its coordinates."""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.extending import register_jitable

# The states of a block stay in the first- or second-level cache, through all maps.
_BLOCK = 128
# Let the compiler fuse multiply-adds; no other liberty, so NaN and infinity keep their meaning.
_FUSED = {"contract"}


@register_jitable
def is_undefined(state, q, d):
    """Whether a coordinate of point q is NaN."""
    found = False
    for i in range(d):
        found |= state[i, q] != state[i, q]
    return found


@register_jitable
def spread_nan(state, count, d):
    """NaN in all rows of the state from d on, tangents and log-determinants, where a coordinate is NaN: maps
    take such a point to be on the inactive side, and would give a finite derivative of what is undefined.
    """
    found = 0
    for i in range(d):
        for q in range(count):
            found += state[i, q] != state[i, q]
    if found:
        for q in range(count):
            if is_undefined(state, q, d):
                state[d:, q] = np.nan


@njit(cache=True, nogil=True, fastmath=_FUSED)
def carry(x, v, y, u, log_det, a, w, t, stops, M, m, log_kappa):
    """Points x (n, d) and their tangents v (n, p d) through the maps of a PlanarFlow: the images y, their
    tangents u and, added up over active planar maps, log_det (n, 1). Without tangents v and u have no
    columns, and without log-determinants log_det has none.
    """
    n, d = x.shape
    rows = d + v.shape[1]
    state, scratch = np.empty((rows, _BLOCK), x.dtype), np.empty((d, _BLOCK), x.dtype)
    z, rate, active = np.empty(_BLOCK, x.dtype), np.empty(_BLOCK, x.dtype), np.empty(_BLOCK, x.dtype)
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for first in range(0, n, _BLOCK):
        width = min(_BLOCK, n - first)
        for q in range(width):
            for i in range(d):
                state[i, q] = x[first + q, i]
            for i in range(d, rows):
                state[i, q] = v[first + q, i - d]
            for i in range(log_det.shape[1]):
                log_det[first + q, i] = zero
        j = 0
        for k in range(t.size + 1):
            while j < stops.size and stops[j] == k:
                for begin in range(0, rows, d):
                    _affine(state, begin, width, M, m, j, scratch)
                j += 1
            if k == t.size:
                break
            for q in range(width):
                z[q] = -t[k]
            _add_products(z, w, k, state, 0, width)
            for q in range(width):
                active[q] = one if z[q] > zero else zero
                z[q] = max(z[q], zero)
            _add_multiples(state, 0, a, k, z, width)
            for begin in range(d, rows, d):
                for q in range(width):
                    rate[q] = zero
                _add_products(rate, w, k, state, begin, width)
                for q in range(width):
                    rate[q] = rate[q] if active[q] > zero else zero
                _add_multiples(state, begin, a, k, rate, width)
            for i in range(log_det.shape[1]):
                for q in range(width):
                    log_det[first + q, i] += log_kappa[k] if active[q] > zero else zero
        for i in range(log_det.shape[1]):
            for q in range(width):
                if is_undefined(state, q, d):
                    log_det[first + q, i] = np.nan
        if rows > d:
            spread_nan(state, width, d)
        for q in range(width):
            for i in range(d):
                y[first + q, i] = state[i, q]
            for i in range(d, rows):
                u[first + q, i - d] = state[i, q]


@njit(cache=True, nogil=True, fastmath=_FUSED)
def _add_products(z, w, k, state, begin, width):
    """z += w_k . x for the rows of the state from `begin` on."""
    for i in range(w.shape[1]):
        factor, here = w[k, i], state[begin + i]
        for q in range(width):
            z[q] += factor * here[q]


@njit(cache=True, nogil=True, fastmath=_FUSED)
def _add_multiples(state, begin, a, k, z, width):
    """x += a_k z for the rows of the state from `begin` on."""
    for i in range(a.shape[1]):
        factor, here = a[k, i], state[begin + i]
        for q in range(width):
            here[q] += factor * z[q]


@njit(cache=True, nogil=True, fastmath=_FUSED)
def _affine(state, begin, width, M, m, j, scratch):
    """Affine map j on the rows of the state from `begin` on; a tangent is not shifted."""
    d = M.shape[1]
    for i in range(d):
        image = scratch[i]
        for q in range(width):
            image[q] = m[j, i] if begin == 0 else 0.0
        for r in range(d):
            factor, here = M[j, i, r], state[begin + r]
            for q in range(width):
                image[q] += factor * here[q]
    for i in range(d):
        for q in range(width):
            state[begin + i, q] = scratch[i, q]
