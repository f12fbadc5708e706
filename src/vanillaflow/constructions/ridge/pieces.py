"""Ridge maps made piecewise linear: each becomes a run of parallel planar maps, an affine map comes last.

Interpolation of a profile f with kinks h apart is off by up to |f''| h^2 / 8, all on one side. Moved by half
of that, f - f'' h^2 / 16 at the kinks, it is off by half as much on both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ...box import Box
from ...planar.flow import PlanarFlow
from .maps import RidgeMaps


def pieces_between(maps: RidgeMaps, places: Sequence[Float[np.ndarray, " _"]], domain: Box) -> PlanarFlow:
    """The flow in which ridge map r has kinks at places[r], increasing, but for the first and the last, where
    the states end."""
    knots, values = [], []
    for r, s in enumerate(places):
        # On both sides of a kink; beyond the ends there is nothing to interpolate.
        square = np.diff(s, prepend=s[0]) ** 2 / 2 + np.diff(s, append=s[-1]) ** 2 / 2
        knots.append(s)
        values.append(maps.profile(r, s) - square[:, None] / 16 * maps.profile(r, s, 2))
    a, w, t, M, m = planar_maps(maps, knots, values, maps.settings.tables.least_slope)
    if maps.held:
        a[:, -maps.held :], M[-maps.held :], m[-maps.held :] = 0.0, np.eye(m.size)[-maps.held :], 0.0
    return PlanarFlow(a, w, t, [len(t)], M[None], m[None], domain=domain)


def planar_maps(
    maps: RidgeMaps,
    knots: Sequence[Float[np.ndarray, " _"]],
    values: Sequence[Float[np.ndarray, "_ d"]],
    least_slope: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """a, w and t of the planar maps, and M and m of the affine map after them, of these ridge maps with
    profile r linear between its values at the knots r, and beyond the outer ones.

    No piece has less than `least_slope` of the usual slope of w.x, which may not fold over."""
    d = maps.m.size
    M, m = np.diag(1 / maps.half), -maps.center / maps.half
    a, w, t = [np.zeros((0, d))], [np.zeros((0, d))], [np.zeros(0)]
    for r in range(len(maps.w)):
        A, c, steps, signs, at = _run(knots[r], values[r], maps.w[r], least_slope)
        # All affine maps so far are moved behind the new planar maps: M P M^-1 is planar again.
        M, m = A @ M, A @ m + c
        a.append(np.linalg.solve(M, steps.T).T)
        w.append(signs[:, None] * (maps.w[r] @ M))
        t.append(signs * (at - maps.w[r] @ m))
    M, m = maps.M @ M, maps.M @ m + maps.m
    return np.concatenate(a), np.concatenate(w), np.concatenate(t), M, m


def _run(
    knots: Float[np.ndarray, " k"],
    values: Float[np.ndarray, "k d"],
    w: Float[np.ndarray, " d"],
    least_slope: float,
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
    least = least_slope * float(np.median(np.abs(slopes)))
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
