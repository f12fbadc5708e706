"""Many planar maps with parallel w as one table: they move x by a piecewise-linear function of w.x alone.

Let nu = w.x and let maps 1..K have w_j = s_j w. Then nu goes through the increasing functions
nu -> nu + (w.a_j) relu(s_j nu - t_j), whatever else x is; so the run moves x to x + F(nu) with a function F
of the nu before it, linear between the K numbers at which one of the maps has its kink. Splitting puts such
a run in the place of the flow of a ridge piece, with hundreds of maps where little error is allowed. In a
table one F(nu) costs the same whatever K is: equal buckets of nu say at which piece to begin to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numba import njit
from numba.extending import register_jitable

# Buckets to a kink, at the most; fewer if none of them holds two kinks.
_MOST_BUCKETS = 64


@dataclass(frozen=True, eq=False)
class Table:
    """The map x -> x + value_i + slope_i (w.x - knot_i) on piece i, between knot_i and its right end.

    The first two pieces have the first knot: one lies left of it. `log_kappa` is the log det of the map's
    derivative on each piece.
    """

    w: Float[np.ndarray, " d"]
    knots: Float[np.ndarray, " pieces"]
    values: Float[np.ndarray, "pieces d"]
    slopes: Float[np.ndarray, "pieces d"]
    log_kappa: Float[np.ndarray, " pieces"]


def table_of(a: Float[np.ndarray, "K d"], w: Float[np.ndarray, "K d"], t: Float[np.ndarray, " K"]) -> Table:
    """The table of a run, in time proportional to the square of its length."""
    direction = w[0] / np.linalg.norm(w[0])
    size, rate = w @ direction, a @ direction
    knots = np.unique(_take_back(t / size, size, rate, t))
    values = _move(knots, a, size, rate, t)[0]
    inside = (knots[1:] + knots[:-1]) / 2
    probes = np.concatenate([[knots[0] - 1], inside, [knots[-1] + 1]])
    _, slopes, growth = _move(probes, a, size, rate, t)
    again = np.maximum(np.arange(-1, len(knots)), 0)
    return Table(direction, knots[again], values[again], slopes, np.log(growth))


@njit(cache=True, nogil=True)
def _take_back(kinks, size, rate, t):
    """Where nu is before the run when it is kinks[j] before map j, which has its kink there."""
    found = kinks.copy()
    for k in range(kinks.size):
        for j in range(k - 1, -1, -1):
            found[k] -= rate[j] / (1 + size[j] * rate[j]) * max(size[j] * found[k] - t[j], 0.0)
    return found


@njit(cache=True, nogil=True)
def _move(starts, a, size, rate, t):
    """F, its derivative and d nu_out / d nu_in for the nu of the starts."""
    d = a.shape[1]
    moved, slopes, growth = np.zeros((starts.size, d)), np.zeros((starts.size, d)), np.ones(starts.size)
    for q in range(starts.size):
        nu = starts[q]
        for j in range(t.size):
            z = size[j] * nu - t[j]
            if z > 0.0:
                for i in range(d):
                    moved[q, i] += a[j, i] * z
                    slopes[q, i] += a[j, i] * size[j] * growth[q]
                nu += rate[j] * z
                growth[q] *= 1 + size[j] * rate[j]
    return moved, slopes, growth


def pack_tables(tables: Sequence[Table], dtype: np.dtype) -> tuple[np.ndarray, ...] | None:
    """The tables as the arrays that `look_up` reads; None for none, and kernels are compiled without it."""
    if not tables:
        return None
    places, grids, firsts, pieces = [], [], [], []
    bucket = piece = 0
    for table in tables:
        kinks = table.knots[1:]
        count, most, low, scale, first = _buckets(kinks)
        places.append([bucket, count, piece, most])
        grids.append([low, scale])
        firsts.append(first)
        ends = np.append(kinks, np.inf)
        pieces.append(np.column_stack([ends, table.knots, table.log_kappa, table.values, table.slopes]))
        bucket, piece = bucket + count, piece + len(ends)
    return (
        np.array(places, dtype=np.int64),
        np.array([table.w for table in tables], dtype=dtype),
        np.array(grids, dtype=dtype),
        np.concatenate(firsts).astype(np.int64),
        np.concatenate(pieces).astype(dtype),
    )


def _buckets(kinks: Float[np.ndarray, " K"]) -> tuple[int, int, float, float, Int[np.ndarray, " buckets"]]:
    """How many equal buckets from the first kink to the last, the most kinks in one, the lowest number and
    the buckets in a unit, and the piece at the left end of each."""
    # One kink, or several but for rounding, is in a bucket of any width.
    low = kinks[0]
    width = max(kinks[-1] - low, np.finfo(np.float64).eps * (1 + abs(low)))
    count = len(kinks)
    while True:
        scale = count / width
        inside = np.clip((kinks - low) * scale, 0, count - 1).astype(np.int64)
        most = int(np.bincount(inside, minlength=count).max())
        if most == 1 or count >= _MOST_BUCKETS * len(kinks):
            return count, most, float(low), float(scale), np.searchsorted(inside, np.arange(count))
        count *= 2


@register_jitable(fastmath={"contract"})
def look_up(state, count, number, tables, d, tangents, logs):
    """Table `number` on the first `count` points of a block; rows of the state as in `small_kernels`."""
    places, ws, grids, firsts, pieces = tables
    bucket, buckets, piece, most = places[number]
    low, scale = grids[number]
    for q in range(count):
        nu = ws[number, 0] * state[0, q]
        for i in range(1, d):
            nu += ws[number, i] * state[i, q]
        # NaN goes into the first bucket, and from there into the result.
        position = (nu - low) * scale
        position = min(position, buckets - 1) if position > 0 else 0
        here = piece + firsts[bucket + int(position)]
        for _ in range(most):
            here += nu > pieces[here, 0]
        beyond = nu - pieces[here, 1]
        for i in range(d):
            state[i, q] += pieces[here, 3 + i] + pieces[here, 3 + d + i] * beyond
        for row in range(d, d + tangents, d):
            rate = ws[number, 0] * state[row, q]
            for i in range(1, d):
                rate += ws[number, i] * state[row + i, q]
            for i in range(d):
                state[row + i, q] += pieces[here, 3 + d + i] * rate
        for row in range(d + tangents, d + tangents + logs):
            state[row, q] += pieces[here, 2]
