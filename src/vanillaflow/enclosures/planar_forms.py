"""Affine forms of a PlanarFlow over cells: what the network makes of them, kinks relaxed.

A cell { c + sum_j h_j e_j } stays a zonotope with the symbols e_j. Where z = w.x - t has one sign on it, a
planar map is affine. Where z ranges over [l, u] with l < 0 < u, relu(z) lies within q/2 of lambda z + q/2,
lambda = u / (u - l), q = -lambda l, and that gets a symbol of its own (Singh et al. 2018, DeepZ).

Rounding: e (d,) bounds how far the computed zonotope may be from one that holds the exact image, and how far
the flow evaluated in float64, in any order of summation, is from the flow; what products and sums lose that
underflow is in it, too. The forms of a cell are infinite as soon as some term could overflow.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Float
from numba import njit

from ..planar.flow import PlanarFlow
from ..runtime.threads import own_threads, parts_of, side_by_side
from .forms import TINY, UP, Forms

_LEAST_CELLS = 64
# Differences of what does not pass it are finite, too.
_MOST = float(np.finfo(np.float64).max) / 8
# What underflows at one operation: in the flow's arithmetic, where it may be flushed to 0, and here.
_FLOOR = 2.0 * TINY


def planar_forms(
    flow: PlanarFlow, centers: Float[np.ndarray, "n d"], halves: Float[np.ndarray, "n d"]
) -> Forms:
    """d forms in d symbols for each of n cells: the images under the flow in float64 arithmetic."""
    n, d = centers.shape
    c, g, r = np.empty((d, n)), np.empty((d, d, n)), np.empty((d, n))
    maps = (flow.a, flow.w, flow.t, flow.stops, flow.M, flow.m)

    def run(part: slice) -> None:
        _carry(centers[part], halves[part], *maps, c[:, part], g[:, :, part], r[:, part])

    with own_threads():
        side_by_side([partial(run, part) for part in parts_of(n, _LEAST_CELLS)])
    return Forms(c, g, r * UP)


@njit(cache=True, nogil=True)
def _carry(centers, halves, a, w, t, stops, M, m, out_c, out_g, out_r):
    n, d = centers.shape
    L = t.size
    # A unit of rounding for sums of d + 2 terms, twice: for what is computed here and for the network's own.
    u = 2.0 * (d + 2) * 2.0**-52
    c, e, size, row, lost = np.empty(d), np.empty(d), np.empty(d), np.empty(d), np.empty(d)
    G = np.empty((d + L, d))
    along = np.empty(d + L)
    for cell in range(n):
        for i in range(d):
            c[i] = centers[cell, i]
            e[i] = 0.0
            for j in range(d):
                G[j, i] = halves[cell, i] if i == j else 0.0
        count, s, finite = d, 0, True
        for k in range(L + 1):
            while s < stops.size and stops[s] == k:
                for i in range(d):
                    row[i], size[i], lost[i] = 0.0, abs(m[s, i]), _FLOOR
                    for j in range(d):
                        factor = abs(M[s, i, j])
                        row[i] += factor * e[j]
                        reach = abs(c[j])
                        for b in range(count):
                            reach += abs(G[b, j])
                        size[i] += factor * reach
                        lost[i] += _FLOOR * (2.0 + factor) + (factor * reach if factor < TINY else 0.0)
                        finite = finite and reach <= _MOST
                    finite = finite and size[i] + row[i] <= _MOST
                for i in range(d):
                    e[i] = row[i] * (1.0 + u) + u * size[i] + lost[i]
                for b in range(-1, count):
                    for i in range(d):
                        row[i] = m[s, i] if b < 0 else 0.0
                        for j in range(d):
                            row[i] += M[s, i, j] * (c[j] if b < 0 else G[b, j])
                    for i in range(d):
                        if b < 0:
                            c[i] = row[i]
                        else:
                            G[b, i] = row[i]
                s += 1
            if k == L or not finite:
                break
            z, spread, terms, error = -t[k], 0.0, abs(t[k]), _FLOOR
            for i in range(d):
                z += w[k, i] * c[i]
                factor = abs(w[k, i])
                error += factor * e[i] + _FLOOR * (2.0 + factor)
                if factor < TINY:
                    reach = abs(c[i])
                    for b in range(count):
                        reach += abs(G[b, i])
                    error += factor * reach
                terms += abs(w[k, i] * c[i])
            for b in range(count):
                along[b] = 0.0
                for i in range(d):
                    along[b] += w[k, i] * G[b, i]
                    terms += abs(w[k, i] * G[b, i])
                spread += abs(along[b])
            # As many roundings as there are symbols.
            spread *= 1.0 + 2.0**-40
            # What z may be off, and where it lies on this cell.
            error = (error + u * terms) * (1.0 + 2.0**-40)
            low, high = z - spread - error, z + spread + error
            # Not a number is not below it.
            finite = finite and terms + error <= _MOST
            if high <= 0.0:
                continue
            slope, shift = 1.0, 0.0
            if low < 0.0:
                slope = high / (high - low)
                # With the quotient that is at least 1/2: neither it nor the product underflows early.
                shift = 0.5 * (-low * slope if high > -low else high * (-low / (high - low)))
            for i in range(d):
                # relu has the Lipschitz constant 1, and so has the slope that relaxes it.
                e[i] += abs(a[k, i]) * (error + u * (terms + shift) + _FLOOR * (1.0 + terms))
                c[i] += a[k, i] * (slope * z + shift)
                e[i] += u * abs(c[i]) + _FLOOR * (2.0 + terms)
                finite = finite and abs(a[k, i]) * terms <= _MOST and abs(c[i]) <= _MOST
                for b in range(count):
                    G[b, i] += slope * a[k, i] * along[b]
                    e[i] += u * abs(G[b, i])
            if shift > 0.0:
                for i in range(d):
                    G[count, i] = a[k, i] * shift
                count += 1
        for i in range(d):
            finite = finite and abs(c[i]) <= _MOST and e[i] <= _MOST
        for i in range(d):
            out_c[i, cell] = c[i] if finite else 0.0
            rest = e[i]
            for b in range(d, count):
                rest += abs(G[b, i])
            out_r[i, cell] = rest if finite else np.inf
            for j in range(d):
                out_g[j, i, cell] = G[j, i] if finite else 0.0
