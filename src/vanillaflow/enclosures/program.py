"""A field as a program: operations on Taylor series, each coefficient from those before it.

`Program` is built once for a field and run for any cells: `solution` gives the Taylor coefficients in time of
the trajectories of x' = v(t, x), x_(k+1) = v_k / (k + 1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import FieldError
from .forms import UP, Forms
from .monomials import Monomials
from .operations import Affine, Constant, Function, Kinked, Operation, Product, RowsOf, Scaled, Shifted, Sum
from .series import Series

# The state and the time come before all operations.
_GIVEN = 2


class Program:
    """Operations in order, each of a number of rows; the first two are the state (d rows) and the time."""

    def __init__(self, dim: int):
        self.dim = dim
        self._rows = [dim, 1]
        self._operations: list[Operation] = []
        self.result = 0

    def add(self, rows: int, operation: Operation) -> int:
        """The place of a new operation."""
        self._rows.append(rows)
        self._operations.append(operation)
        return len(self._rows) - 1

    @property
    def operations(self) -> tuple[Operation, ...]:
        return tuple(self._operations)

    def rows(self, place: int) -> int:
        return self._rows[place]

    @property
    def cornered(self) -> bool:
        """Whether some function of it is not smooth."""
        return any(isinstance(operation, Kinked) for operation in self._operations)

    def solution(self, x: Forms, t: Forms, order: int, monomials: Monomials | None = None) -> Series:
        """The coefficients 0..order of the solution that is x at the time t, order > 0.

        The first symbols of x may be monomials.
        """
        values = self._series(x, t, order + 1, monomials)
        state, time = values[0], values[1]
        time[1] = Forms(np.ones_like(t.c), np.zeros_like(t.g), np.zeros_like(t.r))
        if monomials is not None:
            for series, value in zip(values, self._values(x, t, monomials)):
                series[0] = value
        for k in range(order):
            for place, operation in enumerate(self._operations, start=_GIVEN):
                if k > 0 or monomials is None:
                    values[place][k] = operation(values, k)
            state[k + 1] = values[self.result][k].times(1 / (k + 1))
        return state

    def _series(self, x: Forms, t: Forms, order: int, monomials: Monomials | None) -> list[Series]:
        """Series of `order` coefficients for all places, of which only the first ones of x and t are set."""
        s, n = len(x.g), x.c.shape[1]
        values = [Series(order, rows, s, n, monomials) for rows in self._rows]
        values[0][0], values[1][0] = x, t
        return values

    def _values(self, x: Forms, t: Forms, monomials: Monomials) -> list[Forms]:
        """What all places are where the state is x: polynomials, and bounds of what these leave.

        On the way from the center, x(s) = c + s (x - c), every place is a Taylor series in s by the same
        recurrences as in time. At s = 1 it is the sum of the coefficients up to the degree and, with
        Lagrange, the next one at some s between 0 and 1: of x(s) only the box around x is needed for that.
        """
        q, radius = monomials.degree, x.radius
        cells = x.c.shape[1]
        start = Forms(x.c, np.zeros_like(x.g), np.zeros_like(x.r))
        way = Forms(np.zeros_like(x.c), x.g, x.r)
        found = self._along(start, way, t, q, monomials)
        none = np.zeros((0, *x.c.shape))
        fixed = Forms(t.c, np.zeros((0, 1, cells)), t.r + np.abs(t.g).sum(axis=0) * UP)
        box, ways = Forms(x.c, none, radius), Forms(np.zeros_like(x.c), none, radius)
        values = []
        for series, over in zip(found, self._along(box, ways, fixed, q + 1, None)):
            total = series[0]
            for j in range(1, q + 1):
                total = total + series[j]
            r = (total.r + np.abs(over.c[q + 1]) + over.r[q + 1]) * UP
            values.append(Forms(total.c, total.g, np.where(np.isnan(r), np.inf, r)))
        if not self.cornered:
            return values
        # Across a corner there is no such series, only what the operations make of the forms themselves.
        plain = self._series(x, t, 1, monomials)
        for place, operation in enumerate(self._operations, start=_GIVEN):
            plain[place][0] = operation(plain, 0)
        return [_finite(value, series[0]) for value, series in zip(values, plain)]

    def _along(
        self, start: Forms, way: Forms, t: Forms, degree: int, monomials: Monomials | None
    ) -> list[Series]:
        """The Taylor coefficients in s of all places where the state is start + s way, up to that degree."""
        values = self._series(start, t, degree + 1, monomials)
        values[0][1] = way
        for k in range(degree + 1):
            for place, operation in enumerate(self._operations, start=_GIVEN):
                values[place][k] = operation(values, k)
        return values

    def slope(self, x: Forms, t: Forms) -> Forms:
        """v(t, x)."""
        return self.solution(x, t, 1)[1]

    # Operations; `x` and `y` are places.

    def constant(self, value: np.ndarray) -> int:
        value = np.asarray(value, dtype=np.float64).reshape(-1, 1)
        return self.add(len(value), Constant(value))

    def affine(self, x: int, A: np.ndarray, b: np.ndarray) -> int:
        """A x + b."""
        return self.add(len(A), Affine(x, A, np.asarray(b, dtype=np.float64).reshape(-1, 1)))

    def rows_of(self, x: int, index: np.ndarray) -> int:
        return self.add(len(index), RowsOf(x, index))

    def sum(self, x: int, y: int) -> int:
        return self.add(self.rows(x), Sum(x, y))

    def shift(self, x: int, by: float) -> int:
        return self.add(self.rows(x), Shifted(x, by))

    def scale(self, x: int, by: float) -> int:
        return self.add(self.rows(x), Scaled(x, by))

    def product(self, x: int, y: int) -> int:
        return self.add(self.rows(x), Product(x, y))

    def with_slope(self, x: int, f: str, slope: int) -> int:
        """f(x), whose derivative f'(x) is at the place `slope`, before this one or made right after it."""
        return self.add(self.rows(x), Function(x, f, slope))

    def kink(self, x: int, left: float, right: float) -> int:
        """left x for x < 0 and right x for x > 0."""
        return self.add(self.rows(x), Kinked(x, left, right))

    def exp(self, x: int) -> int:
        # exp is its own derivative; its coefficient k needs only those before it.
        return self._own_slope(x, "exp", lambda place: place)

    def tanh(self, x: int) -> int:
        # tanh' = 1 - tanh^2
        return self._own_slope(x, "tanh", lambda y: self.shift(self.scale(self.product(y, y), -1.0), 1.0))

    def sigmoid(self, x: int) -> int:
        # s' = s (1 - s)
        def slope(y: int) -> int:
            return self.product(y, self.shift(self.scale(y, -1.0), 1.0))

        return self._own_slope(x, "sigmoid", slope)

    def sin_cos(self, x: int) -> tuple[int, int]:
        sin = len(self._rows)
        cos = sin + 1
        # The derivative of cos is -sin: the sign goes into one more operation, which comes after both.
        minus = sin + 2
        self.with_slope(x, "sin", cos)
        self.with_slope(x, "cos", minus)
        self.scale(sin, -1.0)
        return sin, cos

    def softplus(self, x: int) -> int:
        return self.with_slope(x, "softplus", self.sigmoid(x))

    def normal_cdf(self, x: int) -> int:
        # The density's derivative is -x times the density.
        minus = self.scale(x, -1.0)
        density = self._own_slope(x, "normal_density", lambda y: self.product(minus, y))
        return self.with_slope(x, "normal_cdf", density)

    def reciprocal(self, x: int) -> int:
        # (1 / x)' = -(1 / x)^2
        return self._own_slope(x, "reciprocal", lambda y: self.scale(self.product(y, y), -1.0))

    def arctan(self, x: int) -> int:
        slope = self.reciprocal(self.shift(self.product(x, x), 1.0))
        return self.with_slope(x, "arctan", slope)

    def log(self, x: int) -> int:
        return self.with_slope(x, "log", self.reciprocal(x))

    def whole_power(self, x: int, p: int) -> int:
        """x^p for p > 0, by repeated squaring."""
        if p == 1:
            return x
        half = self.whole_power(x, p // 2)
        square = self.product(half, half)
        return self.product(square, x) if p % 2 else square

    def real_power(self, x: int, p: float) -> int:
        """x^p for x > 0: its derivative is p x^p / x."""
        inverse = self.reciprocal(x)
        return self._own_slope(x, f"power {p!r}", lambda y: self.scale(self.product(y, inverse), p))

    def _own_slope(self, x: int, f: str, slope: Callable[[int], int]) -> int:
        """f(x), whose derivative `slope` makes from f(x): its coefficient k needs f(x) only up to k."""
        place = self.with_slope(x, f, -1)
        # Where the slope is, is known only when it is made.
        made = slope(place)
        self._operations[place - _GIVEN] = Function(x, f, made)
        return place


def _finite(first: Forms, second: Forms) -> Forms:
    """The first forms, or the second where the first are of no use."""
    bad = ~(np.isfinite(first.c) & np.isfinite(first.r) & np.isfinite(first.g).all(axis=0))
    return Forms(
        np.where(bad, second.c, first.c), np.where(bad, second.g, first.g), np.where(bad, second.r, first.r)
    )


def refuse(what: str) -> FieldError:
    return FieldError(f"a rigorous certificate cannot be had of {what}; method='sampled' can")
