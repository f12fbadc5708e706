"""What programs are made of: operations on Taylor series, each coefficient from those before it.

They are data, so that a program can be sent to another process. `x`, `y` and `slope` are the places of other
operations' results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from .forms import ROUNDING, Forms, applied, smooth
from .series import Series, derived, product


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
        linear = values[self.x][k].mapped(self.A)
        return linear.shifted(self.b) if k == 0 else linear


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
        return values[self.x][k].shifted(self.by) if k == 0 else values[self.x][k]


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
            return applied(values[self.x][0], smooth(self.name))
        return derived(values[self.x], values[self.slope], k)
