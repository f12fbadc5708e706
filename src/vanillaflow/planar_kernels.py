"""Numba kernels of PlanarFlow: points in blocks, dimension-major, so that inner loops vectorize.

Conventions of all kernels: x (n, d) points; a, w (L, d) and t (L,) planar maps; affine map j,
y -> M_j y + m_j, acts after the first stops[j] planar maps (several may share a stop and act in order).
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

# Points per block: a block of d = 2 stays in the first-level cache.
_BLOCK = 256
# Let the compiler fuse multiply-adds; no other liberty, so NaN and infinity keep their meaning.
_FUSED = {"contract"}


@njit(cache=True, fastmath=_FUSED)
def _apply_affine(y, M, m, scratch):
    d, width = y.shape
    for i in range(d):
        for q in range(width):
            scratch[i, q] = m[i]
        for j in range(d):
            factor = M[i, j]
            for q in range(width):
                scratch[i, q] += factor * y[j, q]
    for i in range(d):
        for q in range(width):
            y[i, q] = scratch[i, q]


@njit(cache=True, fastmath=_FUSED)
def _height(y, w, t, z):
    """z = w.y - t for every point of the block."""
    d, width = y.shape
    for q in range(width):
        z[q] = -t
    for i in range(d):
        factor = w[i]
        for q in range(width):
            z[q] += factor * y[i, q]


@njit(cache=True, parallel=True, fastmath=_FUSED)
def forward(x, a, w, t, stops, M, m):
    """The images of the points, (n, d)."""
    n, d = x.shape
    L = t.size
    out = np.empty_like(x)
    blocks = (n + _BLOCK - 1) // _BLOCK
    for block in prange(blocks):
        first = block * _BLOCK
        y = np.ascontiguousarray(x[first : min(first + _BLOCK, n)].T)
        z = np.empty(y.shape[1], x.dtype)
        scratch = np.empty_like(y)
        j = 0
        for layer in range(L + 1):
            while j < stops.size and stops[j] == layer:
                _apply_affine(y, M[j], m[j], scratch)
                j += 1
            if layer == L:
                break
            _height(y, w[layer], t[layer], z)
            for q in range(z.size):
                z[q] = max(z[q], 0.0)
            for i in range(d):
                factor = a[layer, i]
                for q in range(z.size):
                    y[i, q] += factor * z[q]
        out[first : first + z.size] = y.T
    return out


@njit(cache=True, parallel=True, fastmath=_FUSED)
def inverse(x, a, w, t, stops, M_inverse, m):
    """The preimages of the points, (n, d). a is already divided by kappa, M inverted."""
    n, d = x.shape
    L = t.size
    out = np.empty_like(x)
    blocks = (n + _BLOCK - 1) // _BLOCK
    for block in prange(blocks):
        first = block * _BLOCK
        y = np.ascontiguousarray(x[first : min(first + _BLOCK, n)].T)
        z = np.empty(y.shape[1], x.dtype)
        scratch = np.empty_like(y)
        zero = np.zeros(d, x.dtype)
        j = stops.size - 1
        for layer in range(L, -1, -1):
            while j >= 0 and stops[j] == layer:
                for i in range(d):
                    for q in range(z.size):
                        y[i, q] -= m[j, i]
                _apply_affine(y, M_inverse[j], zero, scratch)
                j -= 1
            if layer == 0:
                break
            k = layer - 1
            _height(y, w[k], t[k], z)
            for q in range(z.size):
                z[q] = max(z[q], 0.0)
            for i in range(d):
                factor = a[k, i]
                for q in range(z.size):
                    y[i, q] -= factor * z[q]
        out[first : first + z.size] = y.T
    return out


@njit(cache=True, parallel=True, fastmath=_FUSED)
def forward_with_log_det(x, a, w, t, log_kappa, stops, M, m):
    """Images (n, d) and the sum of log kappa over the planar maps that are active, (n,)."""
    n, d = x.shape
    L = t.size
    out = np.empty_like(x)
    log_det = np.zeros(n, x.dtype)
    blocks = (n + _BLOCK - 1) // _BLOCK
    for block in prange(blocks):
        first = block * _BLOCK
        y = np.ascontiguousarray(x[first : min(first + _BLOCK, n)].T)
        z = np.empty(y.shape[1], x.dtype)
        scratch = np.empty_like(y)
        j = 0
        for layer in range(L + 1):
            while j < stops.size and stops[j] == layer:
                _apply_affine(y, M[j], m[j], scratch)
                j += 1
            if layer == L:
                break
            _height(y, w[layer], t[layer], z)
            for q in range(z.size):
                log_det[first + q] += log_kappa[layer] if z[q] > 0.0 else 0.0
                z[q] = max(z[q], 0.0)
            for i in range(d):
                factor = a[layer, i]
                for q in range(z.size):
                    y[i, q] += factor * z[q]
        out[first : first + z.size] = y.T
    return out, log_det


@njit(cache=True, parallel=True, fastmath=_FUSED)
def jacobian(x, a, w, t, stops, M, m):
    """The derivative matrices D_x flow, (n, d, d), by carrying the columns along (forward mode)."""
    n, d = x.shape
    L = t.size
    out = np.empty((n, d, d), x.dtype)
    for point in prange(n):
        y = x[point].copy()
        D = np.eye(d).astype(x.dtype)
        j = 0
        for layer in range(L + 1):
            while j < stops.size and stops[j] == layer:
                y = M[j] @ y + m[j]
                D = M[j] @ D
                j += 1
            if layer == L:
                break
            z = -t[layer]
            for i in range(d):
                z += w[layer, i] * y[i]
            if z > 0.0:
                for c in range(d):
                    rate = 0.0
                    for i in range(d):
                        rate += w[layer, i] * D[i, c]
                    for i in range(d):
                        D[i, c] += a[layer, i] * rate
                for i in range(d):
                    y[i] += a[layer, i] * z
        out[point] = D
    return out
