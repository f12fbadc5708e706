"""Affine forms, many at once: sets { c + sum_j g_j e_j + [-r, r] : |e_j| <= 1 } with shared symbols e_j.

Sums and multiples of forms are exact in c and g; products and functions add what is not linear to r, and
every operation adds what it rounds: a floating-point operation is off by at most 2^-53 of its result, and
what r itself loses is made good by a factor. So each result holds every real number that the operation gives
for reals in its arguments. (Stolfi and de Figueiredo, Self-validated numerical methods, 1997, chapter 3.)
What is lost where a product underflows, at most 2^-1075, is in TINY, which has room for 2^52 of them; where
something overflows, r is infinite or no number, and nothing is claimed.

Library functions (exp, sin, ...) are taken to be accurate to 8 units in the last place, which the makers of
numpy's and of the C library promise with a margin of two and more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import expit, ndtr

# Two roundings, of numbers as large as the one that it multiplies.
ROUNDING = 2.0**-52
# Makes good what up to two thousand roundings take from a radius, a sum of non-negative terms.
UP = 1.0 + 2.0**-42
# The smallest normal number.
TINY = float(np.finfo(np.float64).tiny)
# What library functions may be off, as a part of their value.
_LIBRARY = 2.0**-49


@dataclass(frozen=True, eq=False)
class Forms:
    """c and r (m, n), g (s, m, n): m forms in s symbols for each of n cells."""

    c: Float[np.ndarray, "m n"]
    g: Float[np.ndarray, "s m n"]
    r: Float[np.ndarray, "m n"]

    @property
    def spread(self) -> Float[np.ndarray, "m n"]:
        """The sum of |g| over the symbols."""
        return np.abs(self.g).sum(axis=0) * UP

    @property
    def radius(self) -> Float[np.ndarray, "m n"]:
        """How far a form reaches from c."""
        return (self.spread + self.r) * UP

    def __add__(self, other: Forms) -> Forms:
        c, g = self.c + other.c, self.g + other.g
        size = np.abs(c) + np.abs(g).sum(axis=0)
        return Forms(c, g, (self.r + other.r + ROUNDING * size) * UP)

    def times(self, factor: float | np.ndarray) -> Forms:
        """The forms times numbers that broadcast to (m, n)."""
        c, g = factor * self.c, factor * self.g
        size = np.abs(c) + np.abs(g).sum(axis=0)
        lost = np.where(np.equal(factor, 0.0), 0.0, TINY)
        return Forms(c, g, (np.abs(factor) * self.r + ROUNDING * size + lost) * UP)

    def shift(self, by: float | np.ndarray) -> Forms:
        """The forms plus numbers that broadcast to (m, n)."""
        c = self.c + by
        return Forms(c, self.g, (self.r + ROUNDING * (np.abs(c) + np.abs(by))) * UP)

    def map(self, A: Float[np.ndarray, "k m"]) -> Forms:
        """The k forms A x."""
        size = np.abs(A) @ (np.abs(self.c) + self.spread)
        r = np.abs(A) @ self.r + (A.shape[1] + 1) * ROUNDING * size
        # Rows of zeros are exact: a kink of what is always 0 must not be taken for one that is crossed.
        lost = np.where(A.any(axis=1, keepdims=True), TINY, 0.0)
        return Forms(A @ self.c, A @ self.g, (r + lost) * UP)

    def rows(self, index: np.ndarray | slice) -> Forms:
        return Forms(self.c[index], self.g[:, index], self.r[index])


def intervals(low: Float[np.ndarray, "m n"], high: Float[np.ndarray, "m n"]) -> Forms:
    """Forms without symbols that hold the intervals."""
    c = 0.5 * (low + high)
    r = np.maximum(high - c, c - low) * UP + ROUNDING * np.abs(c)
    return Forms(c, np.zeros((0, *c.shape)), r)


def stack(parts: list[Forms]) -> Forms:
    """All the forms of the parts, one below the other."""
    return Forms(
        np.concatenate([part.c for part in parts]),
        np.concatenate([part.g for part in parts], axis=1),
        np.concatenate([part.r for part in parts]),
    )


# A function's value, its derivative, and a bound of |f''| within `reach` of z; and what the value may be off
# besides, which is nothing for most.
Smooth = tuple[
    Callable[[np.ndarray], np.ndarray],
    Callable[[np.ndarray], np.ndarray],
    Callable[[np.ndarray, np.ndarray], np.ndarray],
    float,
]


def apply(x: Forms, f: Smooth) -> Forms:
    """f of the forms, linear about their centers: f(c) + f'(c) (x - c) + [-1, 1] max |f''| |x - c|^2 / 2."""
    value, derivative, bend, off = f
    radius = x.radius
    with np.errstate(all="ignore"):
        c, slope = value(x.c), derivative(x.c)
        g = slope * x.g
        # In this order the square of a small radius, which may underflow, is not multiplied by a large bend.
        rest = np.abs(slope) * x.r + 0.5 * bend(x.c, radius) * radius * radius
        # For small arguments the slope's error is not a part of itself where it cancels: a part of 1 is safe.
        rounding = _LIBRARY * (np.abs(c) + (np.abs(slope) + 1.0) * radius) + off
        r = (rest + rounding + TINY * (1.0 + radius * (1.0 + radius))) * UP
    return Forms(c, g, np.where(np.isnan(r) | np.isnan(c), np.inf, r))


def _near(second: Callable[[np.ndarray], np.ndarray], most: float, third: float) -> Callable:
    """|f''| from its value in the middle and a bound of |f'''|, or its bound on all of R."""
    return lambda z, reach: np.minimum(most, (np.abs(second(z)) + third * reach) * UP)


def _tanh_second(z: np.ndarray) -> np.ndarray:
    y = np.tanh(z)
    return 2 * y * (1 - y * y)


def _normal_density(z: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)


def _least_size(z: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """The least |x| within reach of z: not a number where that is 0."""
    least = np.abs(z) - reach
    return np.where(least > 0, least * (1 - 2.0**-50), np.nan)


def _positive_part(z: np.ndarray, reach: np.ndarray) -> np.ndarray:
    least = z - reach
    return np.where(least > 0, least * (1 - 2.0**-50), np.nan)


_FUNCTIONS = {
    "exp": (np.exp, np.exp, lambda z, reach: np.exp(z + reach) * UP),
    "log": (np.log, lambda z: 1 / z, lambda z, reach: UP / _positive_part(z, reach) ** 2),
    "sin": (np.sin, np.cos, _near(np.sin, 1.0, 1.0)),
    "cos": (np.cos, lambda z: -np.sin(z), _near(np.cos, 1.0, 1.0)),
    # sup |tanh''| = 4 / (3 sqrt 3), sup |tanh'''| = 2; of the sigmoid's 1 / (6 sqrt 3) and 1 / 8.
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2, _near(_tanh_second, 0.76981, 2.0)),
    "sigmoid": (
        expit,
        lambda z: expit(z) * expit(-z),
        _near(lambda z: expit(z) * expit(-z) * (1 - 2 * expit(z)), 0.096226, 0.125),
    ),
    # The normal distribution's: |f''| = |z| density <= 0.24198, |f'''| = |1 - z^2| density <= 0.39895.
    "normal_cdf": (ndtr, _normal_density, _near(lambda z: z * _normal_density(z), 0.24198, 0.39895)),
    "normal_density": (
        _normal_density,
        lambda z: -z * _normal_density(z),
        _near(lambda z: (z * z - 1) * _normal_density(z), 0.39895, 0.5507),
    ),
    # |f''| = |2 z| / (1 + z^2)^2 <= 0.64952, |f'''| <= 2.
    "arctan": (np.arctan, lambda z: 1 / (1 + z * z), _near(lambda z: 2 * z / (1 + z * z) ** 2, 0.64953, 2.0)),
    # log(1 + e^z), whose derivative is the sigmoid.
    "softplus": (
        lambda z: np.logaddexp(0, z),
        expit,
        _near(lambda z: expit(z) * expit(-z), 0.25, 0.096226),
    ),
    "reciprocal": (
        lambda z: 1 / z,
        lambda z: -1 / z**2,
        lambda z, reach: 2 * UP / _least_size(z, reach) ** 3,
    ),
}
# Of exp(-z^2 / 2) the rounding of the square is a part z^2 / 2 of the value: less than a unit in all.
_OFF = dict.fromkeys(("normal_cdf", "normal_density"), 2.0**-50)
SMOOTH: dict[str, Smooth] = {name: (*three, _OFF.get(name, 0.0)) for name, three in _FUNCTIONS.items()}


def smooth(name: str) -> Smooth:
    """The function of that name in SMOOTH, or for "power p" the p-th power."""
    return real_power(float(name[6:])) if name.startswith("power ") else SMOOTH[name]


def real_power(p: float) -> Smooth:
    """z^p for z > 0; |f''| is monotonic, so largest at an end."""

    def bend(z: np.ndarray, reach: np.ndarray) -> np.ndarray:
        ends = np.maximum(_positive_part(z, reach) ** (p - 2), ((z + reach) * UP) ** (p - 2))
        return np.abs(p * (p - 1)) * ends * UP

    return (lambda z: z**p, lambda z: p * z ** (p - 1), bend, 0.0)
