"""Near-best continuous piecewise-linear approximation of a scalar function, with free breakpoints.

With m interior breakpoints the best error of a smooth f is, to leading order,
    (integral sqrt|f''|)^2 / (16 m^2),
reached when every piece carries the same integral of sqrt|f''| (de Boor 1978, "A practical guide to
splines", ch. III, for interpolation with error twice this; shifting each vertex against the one-sided chord
error halves it).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from ..deadline import check
from .settings import PIECEWISE_LINEARS, PiecewiseLinears


@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """A continuous piecewise-linear function: slope slopes[0] left of breaks[0], ..., slopes[m] right of
    breaks[m-1]; its first piece is slopes[0] * nu + intercept."""

    breaks: Float[np.ndarray, " m"]
    slopes: Float[np.ndarray, " pieces"]
    intercept: float

    @cached_property
    def at_breaks(self) -> Float[np.ndarray, " m"]:
        """The values at the breakpoints."""
        if not self.breaks.size:
            return np.zeros(0)
        first = self.slopes[0] * self.breaks[0] + self.intercept
        return first + np.concatenate([[0.0], np.cumsum(self.slopes[1:-1] * np.diff(self.breaks))])

    def __call__(self, nu: np.ndarray) -> np.ndarray:
        """The values at nu."""
        value = self.slopes[0] * nu + self.intercept
        for position, jump in zip(self.breaks, np.diff(self.slopes)):
            value = value + jump * np.maximum(nu - position, 0)
        return value


class Curve:
    """A scalar function on [low, high], sampled once, ready to be approximated with any number of kinks.

    `corners` are points where f has a kink of its own; breakpoints are put there first.
    """

    def __init__(
        self,
        f: Callable[[np.ndarray], np.ndarray],
        low: float,
        high: float,
        corners: Sequence[float] = (),
        settings: PiecewiseLinears = PIECEWISE_LINEARS,
    ):
        self.f, self.settings, points = f, settings, settings.points
        self.nu = np.linspace(low, high, points)
        self.value = f(self.nu)
        step = (high - low) / (points - 1)
        curvature = np.zeros(points)
        bend = np.abs(np.diff(self.value, 2))
        # What rounding can make of a straight line is no curvature to be resolved either.
        bend[bend <= 8 * np.finfo(np.float64).eps * np.max(np.abs(self.value))] = 0.0
        curvature[1:-1] = bend / step**2
        self.corners = np.array(sorted(c for c in corners if low < c < high))
        # A corner is no curvature to be resolved: take it from its neighbours instead.
        for c in self.corners:
            i = round((c - low) / step)
            curvature[max(i - 1, 0) : i + 2] = 0.0
        curvature[0], curvature[-1] = curvature[1], curvature[-2]
        root = np.sqrt(curvature)
        self.mass = np.concatenate([[0.0], np.cumsum(0.5 * step * (root[1:] + root[:-1]))])
        self._known: dict[int, PiecewiseLinear] = {}

    @property
    def total(self) -> float:
        """The integral of sqrt|f''|: the error with m kinks is about (total / (4 m))^2."""
        return float(self.mass[-1])

    def approximate(self, kinks: int) -> PiecewiseLinear:
        """A near-best approximation with at most `kinks` interior breakpoints.

        Alternates two moves: balance the values at the vertices, then shrink the pieces with large errors.
        Remembered: the search for the fewest kinks asks again and again for the same small numbers.
        """
        if kinks not in self._known:
            self._known[kinks] = self._approximate(kinks)
        return self._known[kinks]

    def _approximate(self, kinks: int) -> PiecewiseLinear:
        vertices = self._equidistribute(kinks)
        nu = self._resolve(kinks)
        value = self.f(nu)
        best = vertices, value, np.inf
        for _ in range(self.settings.levelling_rounds):
            check()
            exact = self.f(vertices)
            values = self._balanced_values(vertices, exact, nu, value)
            top, bottom = _deviations(vertices, values, exact, nu, value)
            errors = np.maximum(top, -bottom)
            worst = float(np.max(errors))
            if worst < best[2]:
                best = vertices, values, worst
            if vertices.size <= 2 + self.corners.size or worst == 0.0:
                break
            vertices = self._level(vertices, errors)
        vertices, values, _ = best
        slopes = np.diff(values) / np.diff(vertices)
        return PiecewiseLinear(vertices[1:-1], slopes, float(values[0] - slopes[0] * vertices[0]))

    def _equidistribute(self, kinks: int) -> np.ndarray:
        """low, `kinks` breakpoints that split the mass evenly (corners first), high."""
        fixed = self.corners if self.corners.size <= kinks else self.corners[:0]
        ends = np.concatenate([[self.nu[0]], fixed, [self.nu[-1]]])
        # Kinks per stretch between corners: to the stretch with the most mass per piece, one at a time.
        masses = np.diff(np.interp(ends, self.nu, self.mass))
        counts = np.zeros(masses.size, dtype=np.int64)
        if masses.size == 1:
            counts[0] = kinks
        elif self.total > 0:
            for _ in range(kinks - fixed.size):
                counts[np.argmax(masses / (counts + 1))] += 1
        stretches = []
        for left, right, mass, count in zip(ends[:-1], ends[1:], masses, counts):
            share = np.arange(1, count + 1) / (count + 1)
            if mass > 1e-12:
                start = np.interp(left, self.nu, self.mass)
                # A hair of uniform mass makes the inversion well defined where f is straight.
                hair = 1e-9 * mass * (self.nu - left) / (right - left)
                stretches.append(np.interp(start + share * mass * (1 + 1e-9), self.mass + hair, self.nu))
            else:
                stretches.append(left + share * (right - left))
            stretches.append([right])
        return np.concatenate([[self.nu[0]], *stretches])

    def _resolve(self, kinks: int) -> np.ndarray:
        """Points on which the deviation of an approximation is measured: half even, half by mass."""
        count = self.settings.points_per_piece * (kinks + 1)
        even = np.linspace(self.nu[0], self.nu[-1], count)
        if self.total < 1e-12:
            return even
        return np.union1d(even, np.interp(np.linspace(0, self.total, count), self.mass, self.nu))

    def _balanced_values(
        self, vertices: np.ndarray, exact: np.ndarray, nu: np.ndarray, value: np.ndarray
    ) -> np.ndarray:
        """Values at the vertices that nearly minimize the largest deviation.

        Start from the interpolant; each vertex moves so that the extreme deviations on its two pieces come
        to equal size. For convex f one sweep is the optimum; inflections need some more.
        """
        values = exact
        for _ in range(self.settings.balancing_sweeps):
            top, bottom = _deviations(vertices, values, exact, nu, value)
            top = np.maximum(np.concatenate([top[:1], top]), np.concatenate([top, top[-1:]]))
            bottom = np.minimum(np.concatenate([bottom[:1], bottom]), np.concatenate([bottom, bottom[-1:]]))
            values = values - (top + bottom) / 2
        return values

    def _level(self, vertices: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """Move the free vertices so that pieces with large chord errors shrink (errors scale as length^2)."""
        weight = np.sqrt(errors + self.settings.least_error * np.max(errors))
        fixed = np.isin(vertices, self.corners) | (np.arange(vertices.size) % (vertices.size - 1) == 0)
        anchors = np.flatnonzero(fixed)
        moved = vertices.copy()
        for i, j in pairwise(anchors):
            cumulative = np.concatenate([[0.0], np.cumsum(weight[i:j])])
            wanted = np.linspace(0.0, cumulative[-1], j - i + 1)
            moved[i : j + 1] = np.interp(wanted, cumulative, vertices[i : j + 1])
        return moved


def _deviations(
    vertices: np.ndarray, values: np.ndarray, exact: np.ndarray, nu: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The largest and the smallest deviation, on each piece, of the interpolant from f.

    f is known at nu (`value`) and at the vertices (`exact`), where the deviation has its sharp extremes.
    """
    deviation = np.interp(nu, vertices, values) - value
    at_vertices = values - exact
    # A piece without a point borrows the next one; the points are much finer than the pieces.
    starts = np.minimum(np.searchsorted(nu, vertices[:-1]), nu.size - 1)
    top = np.maximum(np.maximum.reduceat(deviation, starts), np.maximum(at_vertices[:-1], at_vertices[1:]))
    bottom = np.minimum(np.minimum.reduceat(deviation, starts), np.minimum(at_vertices[:-1], at_vertices[1:]))
    return top, bottom
