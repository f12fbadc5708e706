"""Taylor series in time with affine forms as coefficients, and the recurrences of their functions.

If z = f(x) with z' = h x' for some h made of x and z, then k z_k = sum_i i x_i h_(k-i), i = 1..k: each
coefficient from those before it (Moore 1966; Griewank and Walther 2008, chapter 13).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from .forms import ROUNDING, UP, Forms
from .monomials import Monomials


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

    def at(self, h: float) -> Forms:
        """The sum of all coefficients times h^k: the polynomial at h > 0."""
        powers = h ** np.arange(len(self.c), dtype=np.float64)
        c = np.einsum("k,kmn->mn", powers, self.c)
        g = np.einsum("k,ksmn->smn", powers, self.g)
        # Each power is off by at most as many roundings as its exponent, and the sum by one per term.
        size = np.einsum("k,kmn->mn", powers, np.abs(self.c) + self.spread)
        r = np.einsum("k,kmn->mn", powers, self.r) + 2 * len(self.c) * ROUNDING * size
        return Forms(c, g, r * UP)


def product(x: Series, y: Series, k: int, weights: Float[np.ndarray, " terms"] | None = None) -> Forms:
    """sum_i weights_i x_i y_(k-i), i = 0..k; all weights 1 by default.

    Of the products of two linear parts, sum_ij x_i y_j e_i e_j, some are monomials again. Of the others,
    those with i = j lie between 0 and x_i y_i: half of that goes to the center.
    """
    xc, xg, xr, xs = x.c[: k + 1], x.g[: k + 1], x.r[: k + 1], x.spread[: k + 1]
    yc, yg, yr, ys = (part[k::-1] for part in (y.c, y.g, y.r, y.spread))
    if weights is not None:
        factor = weights[:, None, None]
        xc, xg = factor * xc, factor[:, None] * xg
        xr, xs = np.abs(factor) * xr, np.abs(factor) * xs
    known = x.monomials
    first = known.squared if known is not None else 0
    squares = xg[:, first:] * yg[:, first:]
    c = np.einsum("kmn,kmn->mn", xc, yc) + 0.5 * squares.sum(axis=(0, 1))
    g = np.einsum("kmn,ksmn->smn", xc, yg) + np.einsum("kmn,ksmn->smn", yc, xg)
    exact = 0.5 * np.abs(squares).sum(axis=(0, 1))
    if known is not None and known.result.size:
        left, right = xg[:, known.left], yg[:, known.right]
        products = np.add.reduceat(np.einsum("kpmn,kpmn->pmn", left, right), known.firsts)
        g[known.result[known.firsts]] += products
        exact += np.einsum("kpmn,kpmn->mn", np.abs(left), np.abs(right))
    x_size, y_size = np.abs(xc) + xs, np.abs(yc) + ys
    sizes = np.einsum("kmn,kmn->mn", x_size, y_size)
    r = (
        np.einsum("kmn,kmn->mn", xs, ys) * UP
        - exact * (1 - 2.0**-45)
        + np.einsum("kmn,kmn->mn", xr, y_size)
        + np.einsum("kmn,kmn->mn", x_size + xr, yr)
        + (k + 5) * (len(x.g[0]) + 1) * ROUNDING * sizes
    )
    return Forms(c, g, np.where(np.isnan(r), np.inf, r * UP))


def derived(x: Series, h: Series, k: int) -> Forms:
    """The k-th coefficient, k > 0, of the z with z' = h x'."""
    return product(x, h, k, np.arange(k + 1) / k)
