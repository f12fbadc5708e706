"""Trajectories of ridge fields to 50 digits, by Taylor's method in mpmath: what enclosures are held against.

The field is the one that a RidgeField's float64 numbers define. The recurrences are those of the validated
integrator, yet written anew, for numbers of many digits: the two have no code in common.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mpmath import MPContext, mpf

import vanillaflow as vf

DIGITS = 50
# Steps as long as terms of this order allow: about half as many as digits, times ln 10, costs least.
_ORDER = 64
# The context of all numbers, apart from that of mpmath's other users. It has some digits for roundings.
mp = MPContext()
mp.dps = DIGITS + 12
# What the last term of a step may be.
_LAST_TERM = mp.mpf(10) ** -(DIGITS + 4)

Coefficients = list[mpf]


@dataclass(frozen=True, eq=False)
class ExactField:
    """v(x) = A x + c + sum_k a_k g_k(w_k . x + b_k) with the float64 numbers of a RidgeField, as mpf.

    A, w : the rows; directions : the d rows of the matrix with the columns a_k; profiles : the names of g_k.
    """

    A: list[list[mpf]]
    c: list[mpf]
    directions: list[list[mpf]]
    w: list[list[mpf]]
    b: list[mpf]
    profiles: tuple[str, ...]

    @classmethod
    def of(cls, field: vf.RidgeField) -> ExactField:
        """Raises KeyError for a profile without a recurrence here."""
        names = tuple(profile.name for profile in field.profiles)
        for name in names:
            _PROFILES[name]
        A, c, directions, w, b = (exact(v) for v in (field.A, field.c, field.a.T, field.w, field.b))
        return cls(A, c, directions, w, b, names)

    def trajectory(self, x: Coefficients, order: int) -> list[Coefficients]:
        """The Taylor coefficients 0..order in time of every coordinate of the trajectory through x."""
        state: list[Coefficients] = [[value] for value in x]
        # The arguments z_k = w_k . x + b_k, their derivatives in time, and the series that profiles need.
        z: list[Coefficients] = [[] for _ in self.b]
        rates: list[Coefficients] = [[] for _ in self.b]
        ridges: list[tuple[Coefficients, ...]] = [
            tuple([] for _ in range(_PROFILES[name][0])) for name in self.profiles
        ]
        for k in range(order):
            now = [coordinate[k] for coordinate in state]
            for i, name in enumerate(self.profiles):
                z[i].append(mp.fdot(self.w[i], now) + (self.b[i] if k == 0 else 0))
                if k > 0:
                    rates[i].append(k * z[i][k])
                _PROFILES[name][1](k, z[i], rates[i], *ridges[i])
            values = [ridge[0][k] for ridge in ridges]
            for coordinate, row, offset, along in zip(state, self.A, self.c, self.directions):
                slope = mp.fdot(row, now) + mp.fdot(along, values) + (offset if k == 0 else 0)
                coordinate.append(slope / (k + 1))
        return state

    def flow(self, x: np.ndarray, duration: float) -> Coefficients:
        """The state after that time of the trajectory from x (d,), to about 50 digits after the point."""
        state, left = exact(x), mp.mpf(duration)
        while left > 0:
            series = self.trajectory(state, _ORDER)
            h = min(left, _longest_step(series))
            state = [mp.polyval(coefficients[::-1], h) for coefficients in series]
            left -= h
        return state


def flow_by_odefun(field: vf.RidgeField, x: np.ndarray, duration: float) -> Coefficients:
    """The same state by mpmath's own solver, to which the field is a function like any other."""
    A, c, directions, w, b = (exact(v) for v in (field.A, field.c, field.a.T, field.w, field.b))
    values = [_VALUES[profile.name] for profile in field.profiles]

    def rate(t: mpf, y: Coefficients) -> Coefficients:
        ridges = [g(mp.fdot(row, y) + offset) for g, row, offset in zip(values, w, b)]
        return [mp.fdot(row, y) + mp.fdot(along, ridges) + v for row, along, v in zip(A, directions, c)]

    return list(mp.odefun(rate, 0, exact(x))(mp.mpf(duration)))


def exact(numbers: np.ndarray) -> list:
    """The same numbers as nested lists of mpf."""
    return [exact(v) if np.ndim(v) else mp.mpf(float(v)) for v in numbers]


def _longest_step(series: list[Coefficients]) -> mpf:
    """The h at which neither of the last two terms is too large (Jorba and Zou 2005, section 3)."""
    steps = [mp.inf]
    for k in (_ORDER - 1, _ORDER):
        size = max(abs(coefficients[k]) for coefficients in series)
        if size > 0:
            steps.append((_LAST_TERM / size) ** (mp.one / k))
    return min(steps)


def _product(x: Coefficients, y: Coefficients, k: int) -> mpf:
    """Coefficient k of x y."""
    return mp.fdot(x[: k + 1], y[k::-1])


def _square(x: Coefficients, k: int) -> mpf:
    """Coefficient k of x^2, each product of two different coefficients only once."""
    half = (k + 1) // 2
    total = 2 * mp.fdot(x[:half], x[k : k - half : -1])
    return total if k % 2 else total + x[half] ** 2


def _integral(rate: Coefficients, slope: Coefficients, k: int) -> mpf:
    """Coefficient k > 0 of the y with y' = slope z', where `rate` has the coefficients of z'."""
    return mp.fdot(rate[:k], slope[k - 1 :: -1]) / k


def _power2(k: int, z: Coefficients, rate: Coefficients, y: Coefficients) -> None:
    y.append(_square(z, k))


def _power3(k: int, z: Coefficients, rate: Coefficients, y: Coefficients, square: Coefficients) -> None:
    square.append(_square(z, k))
    y.append(_product(square, z, k))


def _sin(k: int, z: Coefficients, rate: Coefficients, sin: Coefficients, cos: Coefficients) -> None:
    new = (mp.sin(z[0]), mp.cos(z[0])) if k == 0 else (_integral(rate, cos, k), -_integral(rate, sin, k))
    sin.append(new[0])
    cos.append(new[1])


def _tanh(k: int, z: Coefficients, rate: Coefficients, y: Coefficients, slope: Coefficients) -> None:
    # y' = (1 - y^2) z'
    y.append(mp.tanh(z[0]) if k == 0 else _integral(rate, slope, k))
    slope.append((1 if k == 0 else 0) - _square(y, k))


# Of each profile how many series it needs, its own first, and what appends coefficient k to them.
_PROFILES: dict[str, tuple[int, Callable[..., None]]] = {
    "power2": (1, _power2),
    "power3": (2, _power3),
    "sin": (2, _sin),
    "tanh": (2, _tanh),
}
_VALUES: dict[str, Callable[[mpf], mpf]] = {
    "power2": lambda z: z**2,
    "power3": lambda z: z**3,
    "sin": mp.sin,
    "tanh": mp.tanh,
}
