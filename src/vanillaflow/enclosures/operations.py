"""What programs are made of: operations on Taylor series, each coefficient from those before it.

They are data, so that a program can be sent to another process. `x`, `y` and `slope` are the places of other
operations' results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from .forms import ROUNDING, TINY, UP, Forms, apply, smooth
from .series import Series, derivative_coefficient, product


@runtime_checkable
class Operation(Protocol):
    """Computes coefficient k of its result from the series of all operations before it."""

    def __call__(self, values: list[Series], k: int) -> Forms: ...


@dataclass(frozen=True, eq=False)
class Constant:
    value: Float[np.ndarray, "m 1"]

    def __call__(self, values: list[Series], k: int) -> Forms:
        like = values[0][0]
        c = np.broadcast_to(self.value if k == 0 else 0.0, (len(self.value), like.c.shape[1]))
        return Forms(c, np.zeros((len(like.g), *c.shape)), ROUNDING * np.abs(c))


@dataclass(frozen=True, eq=False)
class Affine:
    """A x + b."""

    x: int
    A: Float[np.ndarray, "k m"]
    b: Float[np.ndarray, "k 1"]

    def __call__(self, values: list[Series], k: int) -> Forms:
        linear = values[self.x][k].map(self.A)
        return linear.shift(self.b) if k == 0 else linear


@dataclass(frozen=True, eq=False)
class RowsOf:
    x: int
    index: Int[np.ndarray, " k"]

    def __call__(self, values: list[Series], k: int) -> Forms:
        return values[self.x][k].rows(self.index)


@dataclass(frozen=True)
class Sum:
    x: int
    y: int

    def __call__(self, values: list[Series], k: int) -> Forms:
        return values[self.x][k] + values[self.y][k]


@dataclass(frozen=True)
class Shifted:
    x: int
    by: float

    def __call__(self, values: list[Series], k: int) -> Forms:
        return values[self.x][k].shift(self.by) if k == 0 else values[self.x][k]


@dataclass(frozen=True)
class Scaled:
    x: int
    by: float

    def __call__(self, values: list[Series], k: int) -> Forms:
        return values[self.x][k].times(self.by)


@dataclass(frozen=True)
class Product:
    x: int
    y: int

    def __call__(self, values: list[Series], k: int) -> Forms:
        return product(values[self.x], values[self.y], k)


@dataclass(frozen=True)
class Function:
    """f(x), by its name in `forms.smooth`, whose derivative f'(x) is at the place `slope`.

    That may come after this one, if its coefficient k needs those of f(x) only up to k.
    """

    x: int
    name: str
    slope: int

    def __call__(self, values: list[Series], k: int) -> Forms:
        if k == 0:
            return apply(values[self.x][0], smooth(self.name))
        return derivative_coefficient(values[self.x], values[self.slope], k)


@dataclass(frozen=True)
class Kinked:
    """g(z) = left z for z < 0 and right z for z > 0.

    Where z has one sign, coefficients are multiples of those of z. Elsewhere g is Lipschitz continuous and no
    more: its derivative in time is, almost everywhere, z' times something between the slopes, and there are
    no coefficients from the second on.
    """

    x: int
    left: float
    right: float

    def __call__(self, values: list[Series], k: int) -> Forms:
        z, zk = values[self.x][0], values[self.x][k]
        reach = z.radius * (1 + 2.0**-50) + ROUNDING * np.abs(z.c)
        low, high = np.minimum(z.c - reach, 0.0), np.maximum(z.c + reach, 0.0)
        mixed = (low < 0) & (high > 0)
        one = np.where(high > 0, self.right, self.left)
        if k == 0:
            return self._relax(z, low, high, one, mixed)
        half = np.where(mixed, 0.5 * abs(self.right - self.left), 0.0)
        known = zk.times(np.where(mixed, 0.5 * (self.left + self.right), one))
        if k > 1:
            return Forms(known.c, known.g, np.where(mixed, np.inf, known.r))
        return Forms(known.c, known.g, (known.r + half * (np.abs(zk.c) + zk.radius)) * UP)

    def _relax(
        self, z: Forms, low: np.ndarray, high: np.ndarray, one: np.ndarray, mixed: np.ndarray
    ) -> Forms:
        """relu(z) lies within m of s z + m, s = high / (high - low), m = -s low / 2; and g(z) is left z and
        (right - left) relu(z)."""
        s = np.divide(high, high - low, out=np.zeros_like(high), where=mixed)
        m = -0.5 * s * low
        jump = self.right - self.left
        linear = z.times(np.where(mixed, self.left + jump * s, one)).shift(jump * m)
        # What s and m are rounded by moves the chord by some units of what z reaches.
        rest = abs(jump) * (m + 16 * ROUNDING * (high - low)) + 8 * ROUNDING * (abs(self.left) * (high - low))
        rest += TINY * (1 + abs(jump)) * (1 + high - low)
        return Forms(linear.c, linear.g, (linear.r + np.where(mixed, rest, 0.0)) * UP)
