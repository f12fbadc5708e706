"""Numba kernels that carry zonotopes through planar and affine maps; see `zonotope` for the mathematics.

A zonotope is its center c (d,) and the first `count` rows of G. A run is its nodes: nu where F and
h = nu + w.F are known, the first n of each.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.extending import register_jitable

# Rounding of what lies in a plane.
_FLAT = 1e-13
# Sums in any order: they vectorize then.
_SUMS = {"contract", "reassoc", "nsz"}


@register_jitable
def _reduce(G, count, keep, size):
    """Box all but the `keep` largest of the first `count` generators. Returns how many there are then."""
    d = G.shape[1]
    largest = 0.0
    for i in range(count):
        total, top = 0.0, 0.0
        for j in range(d):
            total += abs(G[i, j])
            top = max(top, abs(G[i, j]))
        # What boxing it would add.
        size[i] = total - top
        largest = max(largest, size[i])
    # A size that at most `keep` generators exceed, by bisection.
    low, high = 0.0, largest
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = 0
        for i in range(count):
            above += size[i] > middle
        if above > keep:
            low = middle
        else:
            high = middle
    # The rows are moved up in place; that in front of row i is done with.
    kept, base = 0, count
    for j in range(d):
        size[base + j] = 0.0
    for i in range(count):
        if size[i] > high:
            for j in range(d):
                G[kept, j] = G[i, j]
            kept += 1
        else:
            for j in range(d):
                size[base + j] += abs(G[i, j])
    for i in range(d):
        for j in range(d):
            G[kept + i, j] = size[base + i] if i == j else 0.0
    return kept + d


@register_jitable(fastmath=_SUMS)
def _lowest(c, G, count, along, z, nu, F, n, probes, layer, which):
    """min of probe.(x + F(nu)) over the zonotope, nu = w.x: `along` has w.G, z is w.c."""
    d = c.size
    first, last = 0.0, 0.0
    for j in range(d):
        first += probes[layer, which, j] * F[0, j]
        last += probes[layer, which, j] * F[n - 1, j]
    chord = (last - first) / (nu[n - 1] - nu[0]) if nu[n - 1] > nu[0] else 0.0
    deviation = 0.0
    for q in range(n):
        f = -first - chord * (nu[q] - nu[0])
        for j in range(d):
            f += probes[layer, which, j] * F[q, j]
        deviation = min(deviation, f)
    value = first + chord * (z - nu[0]) + deviation
    for j in range(d):
        value += probes[layer, which, j] * c[j]
    for i in range(count):
        s = chord * along[i]
        for j in range(d):
            s += probes[layer, which, j] * G[i, j]
        value -= abs(s)
    return value


@register_jitable
def _kink(nu, h, F, n, a, row, t, size, along):
    """Follow F and h = nu + w.F, known at n nodes, by x + a_row relu(size h - t). Returns their number."""
    d = a.shape[1]
    for q in range(n - 1):
        left, right = size * h[q] - t, size * h[q + 1] - t
        if (left < 0.0 < right) or (right < 0.0 < left):
            part = left / (left - right)
            for r in range(n, q + 1, -1):
                nu[r], h[r] = nu[r - 1], h[r - 1]
                for j in range(d):
                    F[r, j] = F[r - 1, j]
            nu[q + 1] = nu[q] + part * (nu[q + 2] - nu[q])
            h[q + 1] = t / size
            for j in range(d):
                F[q + 1, j] = F[q, j] + part * (F[q + 2, j] - F[q, j])
            n += 1
            break
    for q in range(n):
        z = size * h[q] - t
        if z > 0.0:
            h[q] += along * z
            for j in range(d):
                F[q, j] += a[row, j] * z
    return n


@register_jitable
def _fold(c, G, count, along, z, nu, F, n, deviation, unit):
    """The zonotope of x + F(nu). The deviation gets up to two symbols along its largest parts, then a box.

    Returns the number of generators.
    """
    d = c.size
    width = nu[n - 1] - nu[0]
    most = 0.0
    for j in range(d):
        chord = (F[n - 1, j] - F[0, j]) / width if width > 0.0 else 0.0
        c[j] += F[0, j] + chord * (z - nu[0])
        for q in range(n):
            deviation[q, j] = F[q, j] - F[0, j] - chord * (nu[q] - nu[0])
            most = max(most, abs(F[q, j]))
        for i in range(count):
            G[i, j] += chord * along[i]
    negligible = _FLAT * most
    for _ in range(2):
        largest, norm = 0, -1.0
        for q in range(n):
            square = 0.0
            for j in range(d):
                square += deviation[q, j] * deviation[q, j]
            if square > norm:
                largest, norm = q, square
        norm = np.sqrt(norm)
        if norm <= negligible:
            return count
        for j in range(d):
            unit[j] = deviation[largest, j] / norm
        low, high = 0.0, 0.0
        for q in range(n):
            s = 0.0
            for j in range(d):
                s += deviation[q, j] * unit[j]
            low, high = min(low, s), max(high, s)
            for j in range(d):
                deviation[q, j] -= s * unit[j]
        for j in range(d):
            c[j] += unit[j] * (low + high) / 2
            G[count, j] = unit[j] * (high - low) / 2
        count += 1
    for j in range(d):
        low, high = deviation[0, j], deviation[0, j]
        for q in range(n):
            low, high = min(low, deviation[q, j]), max(high, deviation[q, j])
        if high - low > negligible:
            c[j] += (low + high) / 2
            for i in range(d):
                G[count, i] = (high - low) / 2 if i == j else 0.0
            count += 1
    return count


@register_jitable
def _affine(c, G, count, transposed, m, k, row):
    """The zonotope under x -> M_k x + m_k, for the transposed M."""
    d = c.size
    for i in range(-1, count):
        for j in range(d):
            row[j] = m[k, j] if i < 0 else 0.0
        for r in range(d):
            here = c[r] if i < 0 else G[i, r]
            for j in range(d):
                row[j] += transposed[k, r, j] * here
        for j in range(d):
            if i < 0:
                c[j] = row[j]
            else:
                G[i, j] = row[j]


@register_jitable(fastmath=_SUMS)
def _dot(a, b, layer, other):
    total = 0.0
    for j in range(a.shape[1]):
        total += a[layer, j] * b[other, j]
    return total


# Plain loops over numbers, and no slices: LLVM takes a minute for the same in array expressions.
@njit(cache=True, nogil=True)
def propagate(
    centers,
    halves,
    a,
    w,
    t,
    stops,
    transposed,
    m,
    sizes,
    longest,
    at,
    probes,
    tilted_at,
    tilts,
    tilted_probes,
    most,
    low,
    low_tilted,
):
    """Lower `low` and `low_tilted` to the least values over these cells.

    at, tilted_at : (L,), the row of probes, and of tilts, that is asked for before each planar map, or -1.
    """
    cell_count, d = centers.shape
    L = t.size
    # Not the constant 0: numba would compile what is called with that once more.
    none = min(0, L)
    c, row = np.empty(d), np.empty(d)
    G, along, reducing = np.empty((most + d + 2, d)), np.empty(most + d + 2), np.empty(most + 2 * d + 2)
    # The nodes of the run, and of the run with the tilted map.
    nu, h, F, n = np.empty(longest + 3), np.empty(longest + 3), np.empty((longest + 3, d)), none
    nu2, h2, F2 = np.empty(longest + 3), np.empty(longest + 3), np.empty((longest + 3, d))
    deviation = np.empty((longest + 3, d))
    for cell in range(cell_count):
        for i in range(d):
            c[i] = centers[cell, i]
            for j in range(d):
                G[i, j] = halves[cell, i] if i == j else 0.0
        count, k, n, start, z = d, none, none, 0, 0.0
        for layer in range(L):
            size = sizes[layer]
            if size == 0.0:
                if n > 0:
                    count = _fold(c, G, count, along, z, nu, F, n, deviation, row)
                    if count > most:
                        count = _reduce(G, count, most // 2, reducing)
                while k < stops.size and stops[k] == layer:
                    _affine(c, G, count, transposed, m, k, row)
                    k += 1
                start, size, z, radius = layer, 1.0, 0.0, 0.0
                for j in range(d):
                    z += w[layer, j] * c[j]
                for i in range(count):
                    along[i] = _dot(w, G, layer, i)
                    radius += abs(along[i])
                n = 2
                for q in range(n):
                    nu[q] = h[q] = z + radius if q else z - radius
                    for j in range(d):
                        F[q, j] = 0.0
            row_at = at[layer]
            if row_at >= 0:
                for i in range(probes.shape[1]):
                    value = _lowest(c, G, count, along, z, nu, F, n, probes, row_at, i)
                    low[row_at, i] = min(low[row_at, i], value)
            row_at = tilted_at[layer]
            if row_at >= 0:
                for q in range(n):
                    nu2[q], h2[q] = nu[q], h[q]
                    for j in range(d):
                        F2[q, j] = F[q, j]
                along_w = _dot(w, tilts, start, row_at)
                n2 = _kink(nu2, h2, F2, n, tilts, row_at, t[layer], size, along_w)
                for i in range(tilted_probes.shape[1]):
                    value = _lowest(c, G, count, along, z, nu2, F2, n2, tilted_probes, row_at, i)
                    low_tilted[row_at, i] = min(low_tilted[row_at, i], value)
            n = _kink(nu, h, F, n, a, layer, t[layer], size, _dot(w, a, start, layer))
