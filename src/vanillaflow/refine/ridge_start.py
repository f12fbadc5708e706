"""A start for the refinement: smooth ridge maps, each made piecewise linear with parallel kinks.

Interpolation of a profile f with kinks h apart is off by |f''| h^2 / 8, so that for a fixed number of ridge
maps the error of the start falls with the square of the kinks. With S the sensitivity of the output to the
state there and rho the density of states along w, the mean square of S f'' h^2 is least where the density of
kinks 1 / h is proportional to (rho |S f''|^2)^(1/5): the minimum of the integral of rho |S f''|^2 h^4 for a
given integral of 1 / h.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from .families import Families
from .parameters import projected
from .ridge_fit import RidgeFit
from .ridge_maps import RidgeMaps

_BINS = 24
# Where w.x would fold over in some piece, its slope is kept at this part of the usual one.
_LEAST_SLOPE = 0.1


def ridge_start(fit: RidgeFit, kinks: int) -> Families:
    """The ridge maps with `kinks` kinks in all, where they count most: a pair of families for each."""
    maps = fit.maps
    d = maps.m.size
    density = _densities(maps, fit.x)
    M, m = np.eye(d), np.zeros(d)
    a, w, t = [], [], []
    counts = _shares(density.mean(axis=1) * (maps.high - maps.low), kinks)
    for r, count in enumerate(counts):
        knots = _knots(density[r], float(maps.low[r]), float(maps.high[r]), int(count))
        values = maps.profile(r, knots)
        A, c, steps, signs, at = _planar(knots, values, maps.w[r])
        # All affine maps so far are moved behind the new planar maps: M P M^-1 is planar again.
        M, m = A @ M, A @ m + c
        a.append(np.linalg.solve(M, steps.T).T)
        w.append(signs[:, None] * (maps.w[r] @ M))
        t.append(signs * (at - maps.w[r] @ m))
    M, m = maps.M @ M, maps.M @ m + maps.m
    theta = projected(np.concatenate(a), np.concatenate(w), np.concatenate(t), M, m, maps.held)
    return Families(theta, tuple(int(count) for count in counts))


def _densities(maps: RidgeMaps, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "R bins"]:
    """(rho |S f''|^2)^(1/5) in equal bins of each profile's range."""
    states = maps.states(x)
    density = np.empty((len(maps.w), _BINS))
    for r, S in enumerate(maps.sensitivities(states)):
        s = states[r] @ maps.w[r]
        bent = (S @ maps.profile(r, s, 2)[:, :, None])[:, :, 0]
        bins = np.clip(((maps.unit(r, s) + 1) / 2 * _BINS).astype(int), 0, _BINS - 1)
        width = (maps.high[r] - maps.low[r]) / _BINS
        density[r] = (np.bincount(bins, (bent**2).sum(axis=1), _BINS) / (len(x) * width)) ** 0.2
    return density


def _shares(weights: Float[np.ndarray, " R"], kinks: int) -> Int[np.ndarray, " R"]:
    """`kinks` in parts as near to the weights as whole numbers can be."""
    ends = np.cumsum(weights) / max(float(np.sum(weights)), 1e-300) * kinks
    ends[-1] = kinks
    return np.diff(np.round(ends).astype(int), prepend=0)


def _knots(
    density: Float[np.ndarray, " bins"], low: float, high: float, kinks: int
) -> Float[np.ndarray, " k"]:
    """The ends of the range, and so many kinks between them."""
    edges = np.linspace(low, high, density.size + 1)
    floor = 1e-6 * density.max() + 1e-300
    cumulated = np.concatenate([[0.0], np.cumsum(density + floor)])
    return np.interp(np.linspace(0, cumulated[-1], kinks + 2), cumulated, edges)


def _planar(
    knots: Float[np.ndarray, " k"], values: Float[np.ndarray, "k d"], w: Float[np.ndarray, " d"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x + f(w.x), f piecewise linear, as an affine map A x + c and planar maps after it.

    The affine map is that of the middle piece: at the ends, profiles are steep. On piece j let f' = f_j, so
    that w.x becomes g with slope g_j = 1 + w.f_j. A knot j right of the middle piece adds, on its right,
    (f_j - f_(j-1)) (s - s_j), and there s - s_j = (g - g(s_j)) / g_(j-1): a planar map along w, or along -w
    if the slopes g_j are negative. Left of the middle all that is reflected.
    Returns A, c, the a of the planar maps, the signs of their w, and where w.x is at their kinks.
    """
    widths = np.diff(knots)
    f = np.diff(values, axis=0) / widths[:, None]
    slopes = 1 + f @ w
    sign = -1.0 if np.median(slopes) < 0 else 1.0
    least = _LEAST_SLOPE * float(np.median(np.abs(slopes)))
    f = f + np.maximum(least - sign * slopes, 0)[:, None] * sign * w
    slopes = np.abs(1 + f @ w)
    rise = np.concatenate([np.zeros((1, w.size)), np.cumsum(f * widths[:, None], axis=0)])
    middle = len(widths) // 2
    values = values[middle] + rise - rise[middle]
    inner = np.arange(1, len(widths))
    right = inner > middle
    steps = np.diff(f, axis=0) / np.where(right, slopes[:-1], slopes[1:])[:, None]
    A = np.eye(w.size) + np.outer(f[middle], w)
    c = values[middle] - f[middle] * knots[middle]
    order = np.concatenate([inner[right], inner[~right][::-1]]) - 1
    signs = np.where(right, sign, -sign)
    return A, c, steps[order], signs[order], (knots + values @ w)[inner][order]
