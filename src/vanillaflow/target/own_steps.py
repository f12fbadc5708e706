"""DOP853 for many trajectories of an autonomous field, each with steps of its own.

Of a field with corners, such as a network of ReLUs, every trajectory meets some at times of its own. Were all
to take the same steps, each would take the short ones of all others. And what one trajectory is computed to
be does not depend on the others.

The method is that of Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, sec. II.5 and II.10,
with the coefficients that SciPy has of it: twelve stages of order 8, an error estimate from those of order 5
and 3, and the next step from the error to the power of 1 / 8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.integrate import DOP853

# Runge-Kutta coefficients, and those of the two error estimates.
_A, _B, _E3, _E5 = DOP853.A, DOP853.B, DOP853.E3, DOP853.E5
_STAGES = DOP853.n_stages
# The error estimates are linear in the rates of the stages. Of a step across a corner that of order 5
# vanishes where the corner is at certain parts of the step, 0.465 for one: the error was up to 34,000 times
# what it told. So there is another, the divided difference of order 5 at six stages, which vanishes
# elsewhere: with both it is up to 2.4 times. Of a smooth step it is of order 6, like the first. Its weights
# have half the norm of the first's.
_NODES = [0, 6, 7, 9, 10, 11]
_C = DOP853.C[_NODES]
_DIVIDED = np.zeros_like(_E5)
_DIVIDED[_NODES] = 1 / np.prod(_C[:, None] - _C + np.eye(len(_C)), axis=1)
_DIVIDED *= 0.5 * np.linalg.norm(_E5) / np.linalg.norm(_DIVIDED)
# Of the step that the error allows, so much is taken; it changes by no more than these factors.
_SAFETY, _LEAST_FACTOR, _MOST_FACTOR = 0.9, 0.2, 10.0
# The part of the tolerance that is aimed at, and the smallest that doubles allow.
_STRICTER, _LEAST_TOLERANCE = 0.1, 3e-14
# A step of fewer units of rounding of the time is none.
_LEAST_STEP = 10

# v at the rows of y.
Rate = Callable[[Float[np.ndarray, "m d"]], Float[np.ndarray, "m d"]]


@dataclass(frozen=True, eq=False)
class LostRows(Exception):
    """Trajectories that cannot be continued: their rows, and the times and states where that is."""

    rows: np.ndarray
    times: Float[np.ndarray, " lost"]
    states: Float[np.ndarray, "lost d"]


@dataclass(frozen=True, eq=False)
class TooManySteps(Exception):
    """The least time that a trajectory has come to."""

    time: float


@dataclass(frozen=True, eq=False)
class OwnSteps:
    """The end of trajectories: every component of the error of a step is within rtol (size + |y|) / 10.

    Errors of steps add up: those of 2,048 trajectories through a random network of 64 ReLUs, with up to some
    hundred steps each, to 4 rtol (5e-3 rtol where tanh takes the place of ReLU).

    Attributes
    ----------
    rate
        The field.
    rtol, size
        The tolerance, and the size of each coordinate.
    longest
        The longest step.
    farthest
        A state that is larger than this has blown up.
    most_steps
        The largest number of steps, successful or not.
    """

    rate: Rate
    rtol: float
    size: Float[np.ndarray, " d"]
    longest: float
    farthest: float
    most_steps: int

    def end(self, x: Float[np.ndarray, "n d"], t0: float, t1: float) -> Float[np.ndarray, "n d"]:
        """The states at t1 of the trajectories that are at the rows of x at t0.

        Raises
        ------
        LostRows
            Where there is none.
        TooManySteps
            Where they take too many.
        """
        ends = np.empty_like(x)
        rows: np.ndarray = np.arange(len(x))
        t, y, f = np.full(len(x), t0), x, self.rate(x)
        h = np.minimum(self._first_step(x, f, t1 - t0), self.longest)
        rejected = np.zeros(len(x), dtype=bool)
        for _ in range(self.most_steps):
            left = t1 - t
            h = np.minimum(h, left)
            new, slope, error = self._step(y, f, h)
            good = error < 1
            with np.errstate(divide="ignore", invalid="ignore"):
                factor = np.nan_to_num(_SAFETY * error**-0.125, nan=0.0, posinf=_MOST_FACTOR)
            last = good & (h >= left)  # Also of those that have arrived.
            t = np.where(good, t + h, t)
            y, f = np.where(good[:, None], new, y), np.where(good[:, None], slope, f)
            # A step does not grow right after one that had to shrink.
            most = np.where(good & ~rejected, _MOST_FACTOR, 1.0)
            h = np.minimum(h * np.clip(factor, _LEAST_FACTOR, most), self.longest)
            rejected = ~good
            self._require_found(rows, t, y, h, good, last)
            ends[rows[last]] = y[last]
            t[last] = t1
            on = t < t1
            if not on.any():
                return ends
            # Those that have arrived stand still until half of all have, and until the rest are a power of
            # two again: code that is compiled for a number of points is not compiled for each.
            if 2 * (count := int(on.sum())) <= len(on):
                kept = np.argsort(~on, kind="stable")[: 2 ** int(np.ceil(np.log2(count)))]
                rows, t, y, f, h, rejected = (part[kept] for part in (rows, t, y, f, h, rejected))
        raise TooManySteps(float(t.min()))

    @property
    def _tolerance(self) -> float:
        return max(_STRICTER * self.rtol / np.sqrt(self.size.size), _LEAST_TOLERANCE)

    def _step(
        self, y: Float[np.ndarray, "m d"], f: Float[np.ndarray, "m d"], h: Float[np.ndarray, " m"]
    ) -> tuple[Float[np.ndarray, "m d"], Float[np.ndarray, "m d"], Float[np.ndarray, " m"]]:
        """The states after the steps h, the field there, and errors in units of the tolerance."""
        m, d = y.shape
        K = np.empty((_STAGES + 1, m * d))
        K[0] = f.ravel()
        for s in range(1, _STAGES):
            K[s] = self.rate(y + h[:, None] * (_A[s, :s] @ K[:s]).reshape(m, d)).ravel()
        new = y + h[:, None] * (_B @ K[:-1]).reshape(m, d)
        slope = self.rate(new)
        K[-1] = slope.ravel()
        scale = self._tolerance * (self.size + np.maximum(np.abs(y), np.abs(new)))
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            fifth = sum(np.sum(((E @ K).reshape(m, d) / scale) ** 2, axis=1) for E in (_E5, _DIVIDED))
            third = np.sum(((_E3 @ K).reshape(m, d) / scale) ** 2, axis=1)
            error = np.abs(h) * fifth / np.sqrt(fifth + 0.01 * third)
        return new, slope, np.where(fifth == 0, 0.0, error)

    def _first_step(
        self, y: Float[np.ndarray, "n d"], f: Float[np.ndarray, "n d"], span: float
    ) -> Float[np.ndarray, " n"]:
        """A step whose Euler step is small, and whose error of order 8 is about the tolerance."""
        scale = self._tolerance * (self.size + np.abs(y))
        with np.errstate(all="ignore"):
            d0, d1 = np.linalg.norm(y / scale, axis=1), np.linalg.norm(f / scale, axis=1)
            h0 = np.minimum(np.where((d0 < 1e-5) | (d1 < 1e-5), 1e-6, 0.01 * d0 / d1), span)
            change = np.linalg.norm((self.rate(y + h0[:, None] * f) - f) / scale, axis=1) / h0
            larger = np.maximum(d1, change)
            h1 = np.where(larger <= 1e-15, np.maximum(1e-6, h0 * 1e-3), (0.01 / larger) ** 0.125)
        return np.nan_to_num(np.minimum(np.minimum(100 * h0, h1), span), nan=1e-6 * span)

    def _require_found(
        self,
        rows: np.ndarray,
        t: Float[np.ndarray, " m"],
        y: Float[np.ndarray, "m d"],
        h: Float[np.ndarray, " m"],
        good: Bool[np.ndarray, " m"],
        last: Bool[np.ndarray, " m"],
    ) -> None:
        lost = ~(np.abs(y).max(axis=1) < self.farthest)
        lost |= ~good & ~last & (h < _LEAST_STEP * np.spacing(np.abs(t)))
        if lost.any():
            raise LostRows(rows[lost], t[lost], y[lost])
