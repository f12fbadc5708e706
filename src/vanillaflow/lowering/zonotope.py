"""Sound ranges of linear functions of the state along a PlanarFlow, over every point of its domain.

The domain is cut into cells; each is carried through the maps as a zonotope
    { c + sum_i e_i g_i, |e_i| <= 1 }.
Affine maps act exactly. Consecutive planar maps with parallel w, a run, move x by F(nu), nu = w.x: F is
piecewise linear and known exactly at its breaks, the nodes. Where nu ranges over [l, u],
    F(nu) = F(l) + S (nu - l) + deviation,   S = (F(u) - F(l)) / (u - l) the chord,
so the chord acts exactly and the deviation, which is extreme at nodes, needs new symbols: one, along a, for
a single map or for parallel a. Taken one by one, the maps of a run lose what they undo of one another: an up
kink by 100 with a down kink behind it, the identity, would enlarge the zonotope 42 times. Zonotopes with too
many generators are reduced by boxing the smallest (Girard 2005).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numba import njit, prange

from ..box import Box
from ..planar import PlanarFlow, concatenate

_MOST_CELLS = 256
_CELL_BUDGET = 2**18
_MOST_GENERATORS = 160
# Rounding of the bounds themselves: many orders above what float64 arithmetic on them can lose.
_SLACK = 1e-9
# Rounding of what is parallel, or of what lies in a plane.
_PARALLEL = 1e-13


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
    size = _sizes(flow)
    longest = int(np.diff(np.append(np.flatnonzero(size == 0), flow.kinks)).max(initial=0))
    low, low_tilted = _propagate(
        centers, halves, flow.a, flow.w, flow.t, flow.stops, flow.M, flow.m,
        size, longest, probes, tilts, tilted_probes, max(_MOST_GENERATORS, 4 * domain.dim),
    )  # fmt: skip
    return low - _SLACK * (1 + np.abs(low)), low_tilted - _SLACK * (1 + np.abs(low_tilted))


def image_box(flow: PlanarFlow) -> Box:
    """A box that holds the flow's image of its domain. Raises ValueError if it has none."""
    if flow.domain is None:
        raise ValueError("only a flow with a domain has an image")
    d = flow.dim
    # One planar map more, so that there is a place after all the others.
    whole = concatenate([flow, PlanarFlow(np.zeros((1, d)), np.eye(d)[:1], np.zeros(1))])
    probes = np.zeros((whole.kinks, 2 * d, d))
    probes[-1] = np.concatenate([np.eye(d), -np.eye(d)])
    nothing = np.zeros((whole.kinks, d))
    low, _ = lowest_values(whole, flow.domain, probes, nothing, np.zeros((whole.kinks, 0, d)))
    return Box(low[-1, :d], -low[-1, d:])


def _sizes(flow: PlanarFlow) -> Float[np.ndarray, " L"]:
    """0 where a run starts; elsewhere the factor by which w[l] is that of the map that starts the run."""
    size, start = np.zeros(flow.kinks), 0
    stops = set(flow.stops.tolist())
    for layer in range(1, flow.kinks):
        w, first = flow.w[layer], flow.w[start]
        square = first @ first
        factor = (w @ first) / square if square > 0 else 0.0
        parallel = np.all(np.abs(w - factor * first) <= _PARALLEL * np.abs(w))
        if parallel and factor != 0 and layer not in stops:
            size[layer] = factor
        else:
            start = layer
    return size


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
def _lowest(c, G, count, along, z, nu, F, n, probe):
    """min of probe.(x + F(nu)) over the zonotope, nu = w.x: `along` has w.G, z is w.c."""
    d = c.size
    first, last = 0.0, 0.0
    for j in range(d):
        first += probe[j] * F[0, j]
        last += probe[j] * F[n - 1, j]
    chord = (last - first) / (nu[n - 1] - nu[0]) if nu[n - 1] > nu[0] else 0.0
    deviation = 0.0
    for q in range(n):
        f = -first - chord * (nu[q] - nu[0])
        for j in range(d):
            f += probe[j] * F[q, j]
        deviation = min(deviation, f)
    value = first + chord * (z - nu[0]) + deviation
    for j in range(d):
        value += probe[j] * c[j]
    for i in range(count):
        s = chord * along[i]
        for j in range(d):
            s += probe[j] * G[i, j]
        value -= abs(s)
    return value


@njit(cache=True)
def _kink(nu, h, F, n, a, size, along, t):
    """Follow F and h = nu + w.F, known at n nodes, by x + a relu(size h - t). Returns the number of nodes."""
    for q in range(n - 1):
        left, right = size * h[q] - t, size * h[q + 1] - t
        if (left < 0.0 < right) or (right < 0.0 < left):
            part = left / (left - right)
            nu[q + 2 : n + 1] = nu[q + 1 : n].copy()
            h[q + 2 : n + 1] = h[q + 1 : n].copy()
            F[q + 2 : n + 1] = F[q + 1 : n].copy()
            nu[q + 1] = nu[q] + part * (nu[q + 1] - nu[q])
            h[q + 1] = t / size
            F[q + 1] = F[q] + part * (F[q + 2] - F[q])
            n += 1
            break
    for q in range(n):
        z = size * h[q] - t
        if z > 0.0:
            h[q] += along * z
            F[q] += a * z
    return n


@njit(cache=True)
def _fold(c, G, count, along, z, nu, F, n):
    """The zonotope of x + F(nu). The deviation gets up to two symbols along its largest parts, then a box.

    Returns the number of generators.
    """
    d = c.size
    chord = np.zeros(d)
    if nu[n - 1] > nu[0]:
        chord = (F[n - 1] - F[0]) / (nu[n - 1] - nu[0])
    c += F[0] + chord * (z - nu[0])
    deviation = np.empty((n, d))
    for q in range(n):
        deviation[q] = F[q] - F[0] - chord * (nu[q] - nu[0])
    for i in range(count):
        G[i] += chord * along[i]
    negligible = _PARALLEL * np.abs(F[:n]).max()
    for _ in range(2):
        norms = np.sqrt((deviation * deviation).sum(axis=1))
        largest = np.argmax(norms)
        if norms[largest] <= negligible:
            return count
        unit = deviation[largest] / norms[largest]
        low, high = 0.0, 0.0
        for q in range(n):
            s = 0.0
            for j in range(d):
                s += deviation[q, j] * unit[j]
            low, high = min(low, s), max(high, s)
            deviation[q] -= s * unit
        c += unit * (low + high) / 2
        G[count] = unit * (high - low) / 2
        count += 1
    for j in range(d):
        low, high = deviation[:, j].min(), deviation[:, j].max()
        if high - low > negligible:
            c[j] += (low + high) / 2
            G[count] = 0.0
            G[count, j] = (high - low) / 2
            count += 1
    return count


@njit(cache=True, parallel=True)
def _propagate(centers, halves, a, w, t, stops, M, m, sizes, longest, probes, tilts, tilted_probes, most):
    cell_count, d = centers.shape
    L, p = probes.shape[0], probes.shape[1]
    low = np.full((cell_count, L, p), np.inf)
    low_tilted = np.full((cell_count, L, p), np.inf)
    for cell in prange(cell_count):
        c = centers[cell].copy()
        G = np.zeros((most + d + 2, d))
        for j in range(d):
            G[j, j] = halves[cell, j]
        count = d
        k = 0
        # The run: its w, w.G and w.c, and its nodes.
        normal, along, z = np.zeros(d), np.zeros(most + d + 2), 0.0
        nu, h, F, n = np.zeros(longest + 2), np.zeros(longest + 2), np.zeros((longest + 2, d)), 0
        for layer in range(L):
            size = sizes[layer]
            if size == 0.0:
                if n > 0:
                    count = _fold(c, G, count, along, z, nu, F, n)
                    if count > most:
                        count = _reduce(G, count, most // 2)
                while k < stops.size and stops[k] == layer:
                    c = M[k] @ c + m[k]
                    G[:count] = G[:count] @ M[k].T
                    k += 1
                normal, size = w[layer].copy(), 1.0
                z = (normal * c).sum()
                radius = 0.0
                for i in range(count):
                    along[i] = (normal * G[i]).sum()
                    radius += abs(along[i])
                nu[0], nu[1], n = z - radius, z + radius, 2
                h[:2] = nu[:2]
                F[:2] = 0.0
            for i in range(p):
                low[cell, layer, i] = _lowest(c, G, count, along, z, nu, F, n, probes[layer, i])
            if np.any(tilts[layer]):
                nu_tilted, h_tilted, F_tilted = np.zeros(n + 1), np.zeros(n + 1), np.zeros((n + 1, d))
                nu_tilted[:n], h_tilted[:n], F_tilted[:n] = nu[:n], h[:n], F[:n]
                mu = (normal * tilts[layer]).sum()
                n_tilted = _kink(nu_tilted, h_tilted, F_tilted, n, tilts[layer], size, mu, t[layer])
                for i in range(p):
                    low_tilted[cell, layer, i] = _lowest(
                        c, G, count, along, z, nu_tilted, F_tilted, n_tilted, tilted_probes[layer, i]
                    )
            n = _kink(nu, h, F, n, a[layer], size, (normal * a[layer]).sum(), t[layer])
    lowest, lowest_tilted = np.empty((L, p)), np.empty((L, p))
    for layer in range(L):
        for i in range(p):
            lowest[layer, i] = low[:, layer, i].min()
            lowest_tilted[layer, i] = low_tilted[:, layer, i].min() if np.any(tilts[layer]) else 0.0
    return lowest, lowest_tilted
