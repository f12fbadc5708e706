"""Taylor series in time with affine forms as coefficients, and the recurrences of their functions.

If z = f(x) with z' = h x' for some h made of x and z, then k z_k = sum_i i x_i h_(k-i), i = 1..k: each
coefficient from those before it (Moore 1966; Griewank and Walther 2008, chapter 13).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from numba import njit

from .forms import ROUNDING, TINY, UP, Forms
from .monomials import Monomials

# What products lose that underflow, w x before it is multiplied by y among them: TINY, before it is
# multiplied by ROUNDING as all sizes are.
_LOST = TINY / ROUNDING
_NO_PAIRS = np.zeros((0, 3), dtype=np.int64)


class Series:
    """Coefficients 0..K-1, each m forms in s symbols for n cells; those not yet set are zero.

    The first symbols may be monomials.
    """

    def __init__(self, order: int, m: int, s: int, n: int, monomials: Monomials | None = None):
        self.monomials = monomials
        self.c = np.zeros((order, m, n))
        self.g = np.zeros((order, s, m, n))
        self.r = np.zeros((order, m, n))
        # The sum of |g| over the symbols.
        self.spread = np.zeros((order, m, n))

    def __getitem__(self, k: int) -> Forms:
        return Forms(self.c[k], self.g[k], self.r[k])

    def __setitem__(self, k: int, forms: Forms) -> None:
        self.c[k], self.g[k], self.r[k] = forms.c, forms.g, forms.r
        self.spread[k] = forms.spread

    def cut(self, k: int, cells: Bool[np.ndarray, " n"]) -> None:
        """Set the coefficients from k on to zero, for some cells."""
        for part in (self.c, self.g, self.r, self.spread):
            part[k:, ..., cells] = 0.0

    def at(self, h: float) -> Forms:
        """The sum of all coefficients times h^k: the polynomial at h > 0."""
        powers = h ** np.arange(len(self.c), dtype=np.float64)
        c = np.einsum("k,kmn->mn", powers, self.c)
        g = np.einsum("k,ksmn->smn", powers, self.g)
        # Each power is off by at most as many roundings as its exponent, and the sum by one per term.
        size = np.einsum("k,kmn->mn", powers, np.abs(self.c) + self.spread)
        r = np.einsum("k,kmn->mn", powers, self.r) + 2 * len(self.c) * ROUNDING * size
        # A power that underflows is off by less than TINY.
        r += TINY * (1.0 + np.abs(self.c) + self.spread + self.r).sum(axis=0)
        return Forms(c, g, r * UP)


def product(x: Series, y: Series, k: int, weights: Float[np.ndarray, " terms"] | None = None) -> Forms:
    """sum_i weights_i x_i y_(k-i), i = 0..k; all weights 1 by default.

    Of the products of two linear parts, sum_ij x_i y_j e_i e_j, some are monomials again. Of the others,
    those with i = j lie between 0 and x_i y_i: half of that goes to the center.
    """
    s, m, n = x.g.shape[1:]
    weights = np.ones(k + 1) if weights is None else weights
    c, g, exact, free, sizes = (
        np.zeros((m, n)),
        np.zeros((s, m, n)),
        np.zeros((m, n)),
        np.zeros((m, n)),
        np.zeros((m, n)),
    )
    known = x.monomials
    first, pairs = (0, _NO_PAIRS) if known is None else (known.squares, known.pairs)
    _add_products(
        k, weights, x.c, x.g, x.r, x.spread, y.c, y.g, y.r, y.spread, first, pairs, c, g, exact, free, sizes
    )
    # `exact` is a sum of less than 2^10 terms for each row: what it is off is in the factor.
    r = free * UP - exact * (1 - 2.0**-42) + (k + 5) * (s + 1) * ROUNDING * sizes
    return Forms(c, g, np.where(np.isnan(r), np.inf, r * UP))


@njit(cache=True, nogil=True)
def _add_products(k, weights, xc, xg, xr, xs, yc, yg, yr, ys, first, pairs, c, g, exact, free, sizes):
    """Add to c and g the products; to `exact` the sizes of those of two symbols that are in them, to `free`
    those of all of two symbols and of remainders, to `sizes` those of everything."""
    symbols, rows, cells = g.shape
    for row in range(rows):
        for i in range(k + 1):
            j, w = k - i, weights[i]
            size = abs(w)
            if w == 0.0:
                continue
            for n in range(cells):
                c[row, n] += w * xc[i, row, n] * yc[j, row, n]
                whole = abs(yc[j, row, n]) + ys[j, row, n]
                both = size * (abs(xc[i, row, n]) + xs[i, row, n])
                rest = size * xr[i, row, n]
                sizes[row, n] += both * whole + _LOST * (1.0 + whole)
                free[row, n] += size * xs[i, row, n] * ys[j, row, n] + rest * whole
                free[row, n] += (both + rest) * yr[j, row, n]
            for s in range(symbols):
                for n in range(cells):
                    g[s, row, n] += w * (xc[i, row, n] * yg[j, s, row, n] + yc[j, row, n] * xg[i, s, row, n])
            for p in range(len(pairs)):
                left, right, result = pairs[p, 0], pairs[p, 1], pairs[p, 2]
                for n in range(cells):
                    v = w * xg[i, left, row, n] * yg[j, right, row, n]
                    g[result, row, n] += v
                    exact[row, n] += abs(v)
            for s in range(first, symbols):
                for n in range(cells):
                    v = 0.5 * w * xg[i, s, row, n] * yg[j, s, row, n]
                    c[row, n] += v
                    exact[row, n] += abs(v)


def derivative_coefficient(x: Series, h: Series, k: int) -> Forms:
    """The k-th coefficient, k > 0, of the z with z' = h x'."""
    return product(x, h, k, np.arange(k + 1) / k)
