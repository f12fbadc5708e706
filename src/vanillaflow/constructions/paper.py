"""The literal construction of Duan, Li, Ji, Cai (arXiv:2209.10909), kept as the honest baseline.

Their proof cuts x' = sum_i a_i tanh(w_i.x + b_i) by hidden unit i and by coordinate j, takes forward-Euler
steps of length T/n of each piece in turn (Lie-Trotter),
    x_j <- x_j + (T/n) a_ij tanh(w_i.x + b_i),
and replaces tanh by a piecewise-linear function, each kink of which is a width-d leaky-ReLU layer. For
fields with an affine piece its coordinates are stepped in the same way; that costs no layers.

How many layers? With K kinks, evenly spaced, on each of n N d sub-steps: n N d K. Two errors add up: the
first is C/n, the second is B/K^2, and both constants are measured at moderate n and K and extrapolated by
these laws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..box import search_points
from ..deadline import check
from ..errors import ToleranceNotReached
from ..fields.ridge import RidgeField
from ..planar.assembly import AffineMap, RidgeMaps, assemble
from ..target import Target
from .construction import Constructed, Construction, Limits, Report, quiet
from .piecewise_linear import PiecewiseLinear


@dataclass(frozen=True)
class Settings:
    """What the measurement of the two constants trades: seconds for their accuracy. All chosen by trial."""

    # Points at which errors are measured, and at most so many whose trajectories tell the ranges of the
    # profiles, at so many times.
    samples: int = 512
    trajectories: int = 256
    times: int = 9
    # Ranges are this part wider on each side.
    margin: float = 0.02
    # Steps and kinks at which the constants are measured: steps double while the error is too large for its
    # law to hold, up to the most that are affordable.
    first_steps: int = 32
    most_steps: int = 1024
    measured_kinks: int = 16
    # An error that is so many tolerances is that of steps which diverge: as many steps as would mend it, no
    # machine takes.
    hopeless: float = 1e15


DEFAULTS = Settings()


class Paper(Construction):
    """The literal construction with half of the tolerance for each of its two errors."""

    def __init__(
        self, target: Target, limits: Limits, report: Report = quiet, *, settings: Settings = DEFAULTS
    ):
        super().__init__(target, limits, report)
        self.settings = settings

    def within(self, tolerance: float) -> Constructed:
        """The flow for `tolerance`. Raises ToleranceNotReached with `needed`, the number of planar maps that
        it would take, if that exceeds the limit; FieldError for a field that is no sum of ridges."""
        target, max_kinks = self.target, self.limits.max_kinks
        x = search_points(target.domain, self.settings.samples, self.limits.seed)
        steps, kinks = _steps_and_kinks(target, tolerance, x, target(x), self.settings)
        each = [int(np.count_nonzero(f.a)) * round(steps * s / target.duration) for f, s in _segments(target)]
        size = sum(each) * kinks
        if size > max_kinks:
            raise ToleranceNotReached(
                f"the paper's construction would need {size:.3g} planar maps ({steps} steps, {kinks} kinks "
                f"each), above the limit of {max_kinks}",
                needed=float(size),
            )
        flow = assemble(_maps(target, steps, kinks, x, self.settings), target.dim, target.domain)
        return Constructed(
            flow, f"Lie-Trotter over units and coordinates, {steps} Euler steps, {kinks} kinks each"
        )


def _segments(target: Target) -> list[tuple[RidgeField, float]]:
    return target.ridge_segments()


def _steps_and_kinks(
    target: Target, tolerance: float, x: np.ndarray, y: np.ndarray, settings: Settings
) -> tuple[int, int]:
    """The least n and K with C/n and B/K^2 within half of the tolerance each."""
    least = _least_steps(target, x, settings)
    steps = first = max(settings.first_steps, least)
    error = _error(target, steps, x, y, settings)
    # Into the range where the error is small enough for its law to hold, or as far as is affordable.
    while error > tolerance / 2 and steps < settings.most_steps:
        steps *= 2
        error = _error(target, steps, x, y, settings)
    if not error < settings.hopeless * tolerance:
        raise ToleranceNotReached("forward Euler steps of the field's pieces diverge on this box")
    exact_steps = max(least, int(np.ceil(steps * 2 * error / tolerance)))
    euler = _walk(target, first, None, x, settings)
    interpolated = _walk(target, first, settings.measured_kinks, x, settings)
    B = np.max(np.abs(interpolated - euler)) * settings.measured_kinks**2
    return exact_steps, max(1, int(np.ceil(np.sqrt(2 * B / tolerance))))


def _least_steps(target: Target, x: np.ndarray, settings: Settings) -> int:
    """So many Euler steps that every sub-step is invertible, with something to spare.

    A sub-step of length tau stretches its own coordinate by 1 + tau r, with r = A_jj or a_ij w_ij g'; it is
    kept above 1/2.
    """
    fastest: float = 0.0
    for field, _ in _segments(target):
        steepest = [
            float(np.max(np.abs(g.slopes)))
            for g in _interpolants(field, settings.measured_kinks, *_ranges(target, field, x, settings))
        ]
        rates = np.max(np.abs(field.a * field.w), axis=1, initial=0) * steepest
        fastest = max(fastest, float(np.max(np.abs(np.diag(field.A)))), float(np.max(rates, initial=0)))
    return max(1, int(np.ceil(2 * target.duration * fastest)))


def _error(target: Target, steps: int, x: np.ndarray, y: np.ndarray, settings: Settings) -> float:
    error = np.max(np.abs(_walk(target, steps, None, x, settings) - y))
    return float(error) if np.isfinite(error) else np.inf


def _walk(target: Target, steps: int, kinks: int | None, x: np.ndarray, settings: Settings) -> np.ndarray:
    """The points after all sub-steps, with the profiles exact (kinks None) or interpolated."""
    x = x.copy()
    with np.errstate(all="ignore"):
        for field, tau, curves in _schedule(target, steps, kinks, x, settings):
            for j in range(field.dim):
                x[:, j] += tau * (x @ field.A[j] + field.c[j])
            for i in range(field.ridges):
                value = curves[i] if curves else field.profiles[i].value
                for j in np.flatnonzero(field.a[i]).tolist():
                    x[:, j] += tau * field.a[i, j] * value(x @ field.w[i] + field.b[i])
    return x


def _schedule(
    target: Target, steps: int, kinks: int | None, x: np.ndarray, settings: Settings
) -> Iterator[tuple[RidgeField, float, list[PiecewiseLinear]]]:
    """For each Euler step: the field, the step's length, the interpolated profiles."""
    for field, length in _segments(target):
        curves = _interpolants(field, kinks, *_ranges(target, field, x, settings)) if kinks else []
        share = max(1, round(steps * length / target.duration))
        for _ in range(share):
            check()
            yield field, length / share, curves


def _ranges(
    target: Target, field: RidgeField, x: np.ndarray, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """The range of each w_i.x + b_i along the trajectories, with a margin."""
    states = target.trajectory(
        x[:: max(1, len(x) // settings.trajectories)], np.linspace(0, target.duration, settings.times)
    )
    nu = states @ field.w.T + field.b
    low, high = nu.min(axis=(0, 1)), nu.max(axis=(0, 1))
    return low - settings.margin * (high - low), high + settings.margin * (high - low)


def _interpolants(field: RidgeField, kinks: int, low: np.ndarray, high: np.ndarray) -> list[PiecewiseLinear]:
    """Each profile interpolated at evenly spaced points: `kinks` interior ones and the ends of its range."""
    curves = []
    for profile, left, right in zip(field.profiles, low, high):
        nodes = np.linspace(left, right, kinks + 2)
        values = profile.value(nodes)
        slopes = np.diff(values) / np.diff(nodes)
        curves.append(PiecewiseLinear(nodes[1:-1], slopes, float(values[0] - slopes[0] * nodes[0])))
    return curves


def _maps(
    target: Target, steps: int, kinks: int, x: Float[np.ndarray, "n d"], settings: Settings
) -> Iterator[AffineMap | RidgeMaps]:
    """Every sub-step as planar maps, as in `SubFlow.maps`, with direction a_ij e_j."""
    for field, tau, curves in _schedule(target, steps, kinks, x, settings):
        identity = np.eye(field.dim)
        for j in range(field.dim):
            if np.any(field.A[j]) or field.c[j]:
                yield AffineMap(
                    identity + tau * np.outer(identity[j], field.A[j]), tau * field.c[j] * identity[j]
                )
        for i in range(field.ridges):
            for j in np.flatnonzero(field.a[i]).tolist():
                a, g, b = tau * field.a[i, j] * identity[j], curves[i], field.b[i]
                mu = float(a @ field.w[i])
                stretch = 1 + mu * g.slopes
                yield RidgeMaps(
                    a[None],
                    field.w[i : i + 1],
                    slope=g.slopes[:1],
                    offset=g.slopes[:1] * b + g.intercept,
                    beta=(np.diff(g.slopes) / stretch[:-1],),
                    t=(g.breaks + mu * g.at_breaks - b,),
                )
