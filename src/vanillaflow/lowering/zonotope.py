"""Sound ranges of linear functions of the state along a PlanarFlow, over every point of its domain.

The domain is cut into cells; each is carried through the maps as a zonotope
    { c + sum_i e_i g_i, |e_i| <= 1 }.
Affine maps act exactly. For a planar map, z = w.x - t ranges over some [l, u]; where that contains 0,
    lam z <= relu(z) <= lam z - lam l,   lam = u / (u - l),
so relu(z) = lam z - lam l / 2 + (lam |l| / 2) e with a new symbol e. Zonotopes with too many generators are
reduced by boxing the smallest (Girard 2005).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numba import njit, prange

from ..box import Box
from ..planar import PlanarFlow

_MOST_CELLS = 256
_CELL_BUDGET = 2**18
_MOST_GENERATORS = 160
# Rounding of the bounds themselves: many orders above what float64 arithmetic on them can lose.
_SLACK = 1e-9


def lowest_values(
    flow: PlanarFlow,
    domain: Box,
    probes: Float[np.ndarray, "L p d"],
    tilts: Float[np.ndarray, "L d"],
    tilted_probes: Float[np.ndarray, "L p d"],
) -> tuple[Float[np.ndarray, "L p"], Float[np.ndarray, "L p"]]:
    """Lower bounds of the probes' values over the domain's image, just before each planar map l.

    First result: min over the image of probes[l, i] . x. Second: the same of tilted_probes[l, i] after the
    planar map with direction tilts[l] instead of a[l] (zero where tilts[l] is zero).
    """
    # A cell costs of the order of d^3 per planar map.
    count = min(_MOST_CELLS, max(1, _CELL_BUDGET // domain.dim**3))
    centers, halves = cells(domain, count)
    low, low_tilted = _propagate(
        centers, halves, flow.a, flow.w, flow.t, flow.stops, flow.M, flow.m,
        probes, tilts, tilted_probes, max(_MOST_GENERATORS, 4 * domain.dim),
    )  # fmt: skip
    return low - _SLACK * (1 + np.abs(low)), low_tilted - _SLACK * (1 + np.abs(low_tilted))


def cells(domain: Box, most: int) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]]:
    """Centers and half-widths of up to `most` equal cells, halving the widest coordinate again and again."""
    counts = np.ones(domain.dim, dtype=np.int64)
    while counts.prod() * 2 <= most:
        counts[np.argmax(domain.width / counts)] *= 2
    half = domain.width / counts / 2
    # Cell number q has the mixed-radix digits (q // strides) % counts as its place along each coordinate.
    strides = np.cumprod(np.concatenate([[1], counts[:-1]]))
    place = np.arange(counts.prod())[:, None] // strides % counts
    centers = domain.low + half * (2 * place + 1)
    return centers, np.broadcast_to(half, centers.shape).copy()


@njit(cache=True)
def _reduce(G, count, keep):
    """Box the smallest of the first `count` generators so that at most keep + d remain. Returns how many."""
    d = G.shape[1]
    size = np.empty(count)
    for i in range(count):
        size[i] = np.abs(G[i]).sum() - np.abs(G[i]).max()
    order = np.argsort(-size)
    kept = np.empty((keep, d))
    for i in range(keep):
        kept[i] = G[order[i]]
    spread = np.zeros(d)
    for i in range(keep, count):
        for j in range(d):
            spread[j] += abs(G[order[i], j])
    G[:keep] = kept
    for j in range(d):
        G[keep + j] = 0.0
        G[keep + j, j] = spread[j]
    return keep + d


@njit(cache=True)
def _lowest(c, G, count, probe):
    """min of probe.x over the zonotope."""
    d = c.size
    value = 0.0
    for j in range(d):
        value += probe[j] * c[j]
    for i in range(count):
        s = 0.0
        for j in range(d):
            s += probe[j] * G[i, j]
        value -= abs(s)
    return value


@njit(cache=True)
def _planar(c, G, count, a, w, t):
    """Carry the zonotope through x + a relu(w.x - t). Returns the number of generators."""
    d = c.size
    z = -t
    for j in range(d):
        z += w[j] * c[j]
    radius = 0.0
    for i in range(count):
        s = 0.0
        for j in range(d):
            s += w[j] * G[i, j]
        radius += abs(s)
    low, high = z - radius, z + radius
    if high <= 0.0:
        return count
    lam = 1.0 if low >= 0.0 else high / (high - low)
    gap = 0.0 if low >= 0.0 else -lam * low / 2
    for j in range(d):
        c[j] += a[j] * (lam * z + gap)
    for i in range(count):
        s = 0.0
        for j in range(d):
            s += w[j] * G[i, j]
        for j in range(d):
            G[i, j] += a[j] * lam * s
    if gap > 0.0:
        for j in range(d):
            G[count, j] = a[j] * gap
        count += 1
    return count


@njit(cache=True, parallel=True)
def _propagate(centers, halves, a, w, t, stops, M, m, probes, tilts, tilted_probes, most):
    n, d = centers.shape
    L, p = probes.shape[0], probes.shape[1]
    low = np.full((n, L, p), np.inf)
    low_tilted = np.full((n, L, p), np.inf)
    for cell in prange(n):
        c = centers[cell].copy()
        G = np.zeros((most + d + 2, d))
        for j in range(d):
            G[j, j] = halves[cell, j]
        count = d
        k = 0
        for layer in range(L + 1):
            while k < stops.size and stops[k] == layer:
                c = M[k] @ c + m[k]
                G[:count] = G[:count] @ M[k].T
                k += 1
            if layer == L:
                break
            for i in range(p):
                low[cell, layer, i] = _lowest(c, G, count, probes[layer, i])
            if np.any(tilts[layer]):
                tilted_c, tilted_G = c.copy(), G.copy()
                tilted_count = _planar(tilted_c, tilted_G, count, tilts[layer], w[layer], t[layer])
                for i in range(p):
                    low_tilted[cell, layer, i] = _lowest(
                        tilted_c, tilted_G, tilted_count, tilted_probes[layer, i]
                    )
            count = _planar(c, G, count, a[layer], w[layer], t[layer])
            if count > most:
                count = _reduce(G, count, most // 2)
    lowest, lowest_tilted = np.empty((L, p)), np.empty((L, p))
    for layer in range(L):
        for i in range(p):
            lowest[layer, i] = low[:, layer, i].min()
            lowest_tilted[layer, i] = low_tilted[:, layer, i].min() if np.any(tilts[layer]) else 0.0
    return lowest, lowest_tilted
