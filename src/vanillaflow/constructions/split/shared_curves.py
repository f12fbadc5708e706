"""Which displacements share the kinks of one piecewise-linear approximation: across pieces, and across time.

Across pieces: those of one block with the same profile and the same mu = w.a have the same displacement D.
Where the ranges of their arguments nearly agree, one approximation serves them all, so that their planar maps
have the same slopes and can share layers.

Across time: a piece comes up again and again, in each step of the scheme, and its argument nu changes little
from one time to the next. What matters to the state at the end is then not each D_s but their sum. So the sum
is approximated, with kinks of jump J_i at b_i, and its kinks are dealt out: each goes to one of the sub-flows
in turn,
    D_s(nu) ~ alpha_s + beta_s nu + sum_{i in s} J_i relu(nu - b_i),
with the affine part that fits best, and the sum of all exactly that of the approximation. With S sub-flows of
m kinks each the error falls as 1/(S m)^2, not 1/m^2, as far as nu stands still; how far it does is seen when
the plan is measured. At any one time some D_s are too large and some too small: so that these do not add up
over the pieces, each block begins with another turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil, floor, log2

import numpy as np
from jaxtyping import Float, Int

from ...deadline import check
from ...fields.profiles import Profile
from ...fields.ridge import RidgeField
from ..piecewise_linear import Curve, PiecewiseLinear
from .settings import DEFAULTS, Settings
from .sub_flows import SubFlow


@dataclass(frozen=True, eq=False)
class SharedCurve:
    """The sum of the displacements of sub-flows number `flows`, for times `taus`, of each of the `pieces`."""

    field: RidgeField
    pieces: tuple[int, ...]
    flows: tuple[int, ...]
    taus: tuple[float, ...]
    curve: Curve
    first_turn: int

    def deal(self, kinks: int) -> list[PiecewiseLinear]:
        """The displacement of each sub-flow, with `kinks` kinks in all."""
        check()
        whole = self.curve.approximate(kinks)
        if len(self.flows) == 1:
            return [whole]
        jumps, nu = np.diff(whole.slopes), self.curve.nu
        # So that the affine parts add up to that of the whole.
        missed = (self.curve.value - whole(nu)) / len(self.flows)
        parts = []
        for place, tau in zip(_turns(len(self.flows)), self.taus):
            turn = int(place + self.first_turn) % len(self.flows)
            breaks, J = whole.breaks[turn :: len(self.flows)], jumps[turn :: len(self.flows)]
            rest = self._exact[tau] - missed - np.maximum(nu[:, None] - breaks, 0) @ J
            slope, intercept = _line(nu, rest)
            parts.append(PiecewiseLinear(breaks, slope + np.concatenate([[0.0], np.cumsum(J)]), intercept))
        return parts

    @cached_property
    def _exact(self) -> dict[float, np.ndarray]:
        return {
            tau: self.field.ridge_displacement(self.pieces[0], tau, self.curve.nu) for tau in set(self.taus)
        }


def _line(nu: Float[np.ndarray, " p"], values: Float[np.ndarray, " p"]) -> tuple[float, float]:
    """Slope and intercept of the line that fits best, in least squares."""
    centered = nu - nu.mean()
    slope = float(centered @ values / (centered @ centered))
    return slope, float(values.mean() - slope * nu.mean())


def _turns(count: int) -> Int[np.ndarray, " count"]:
    """0..count-1 in such an order that neighbours are far apart: by van der Corput's sequence."""
    index, value, digit = np.arange(count), np.zeros(count), 0.5
    while np.any(index):
        value += digit * (index % 2)
        index, digit = index // 2, digit / 2
    return np.argsort(np.argsort(value))


def shared_curves(
    flows: list[SubFlow],
    ranges: list[Float[np.ndarray, "2 _"]],
    window: int,
    settings: Settings = DEFAULTS,
) -> list[SharedCurve]:
    """The curves of a sequence of sub-flows, whose pieces' arguments have these least and largest values.

    Kinks are dealt out among up to `window` sub-flows of the same pieces, in the same direction of time.
    """
    again: dict[tuple[int, tuple[int, ...], bool], list[int]] = {}
    for number, flow in enumerate(flows):
        for group in flow.alike():
            again.setdefault((id(flow.field), group, flow.tau > 0), []).append(number)
    found = []
    curve = lru_cache(maxsize=None)(_curve)
    for turn, ((_, group, _), numbers) in enumerate(again.items()):
        for first in range(0, len(numbers), window):
            found += _share(flows, group, numbers[first : first + window], ranges, turn, curve, settings)
    return found


def _share(
    flows: list[SubFlow],
    group: tuple[int, ...],
    numbers: list[int],
    ranges: list[Float[np.ndarray, "2 _"]],
    turn: int,
    curve_of: Callable[..., Curve],
    settings: Settings,
) -> list[SharedCurve]:
    field, members = flows[numbers[0]].field, [flows[number] for number in numbers]
    within = np.flatnonzero(np.isin(members[0].pieces, group))
    low = np.min([ranges[number][0, within] for number in numbers], axis=0)
    high = np.max([ranges[number][1, within] for number in numbers], axis=0)
    # From the left to the right along the axis, as many as fit under one range.
    sets: list[list[int]] = []
    left = right = shortest = 0.0
    for i in np.argsort(low + high, kind="stable").tolist():
        whole = (min(left, low[i]), max(right, high[i]), min(shortest, high[i] - low[i]))
        if sets and whole[2] >= settings.shared_range * (whole[1] - whole[0]):
            sets[-1].append(i)
            left, right, shortest = whole
        else:
            sets.append([i])
            left, right, shortest = low[i], high[i], high[i] - low[i]
    taus = tuple(flow.tau for flow in members)
    return [
        SharedCurve(
            field,
            tuple(group[j] for j in sorted(i)),
            tuple(numbers),
            taus,
            curve_of(
                field.profiles[group[0]],
                float(field.mu[group[0]]),
                tuple(sorted(Counter(taus).items())),
                *_beyond(float(low[i].min()), float(high[i].max()), settings),
                settings,
            ),
            turn,
        )
        for i in sets
    ]


def _beyond(low: float, high: float, settings: Settings) -> tuple[float, float]:
    """The interval on which a displacement is approximated whose argument is in [low, high]."""
    size = max(high - low, 1e-9 * (1 + abs(low) + abs(high)))
    grain = 2.0 ** (floor(log2(size)) - settings.grain)
    margin = settings.margin * size
    return floor((low - margin) / grain) * grain, ceil((high + margin) / grain) * grain


def _curve(
    profile: Profile,
    mu: float,
    times: tuple[tuple[float, int], ...],
    low: float,
    high: float,
    settings: Settings,
) -> Curve:
    """The sum of the displacements for these times, each so many times, on [low, high]."""
    # Where g has a kink at c, h has one at c and one where the flow reaches c.
    breaks = np.array(profile.breaks)
    corners = np.concatenate([breaks, *(profile.flow(breaks, -mu * tau) for tau, _ in times)])

    def total(nu: np.ndarray) -> np.ndarray:
        return sum((count * profile.displacement(nu, mu, tau) for tau, count in times), np.zeros_like(nu))

    places = sorted(set(corners[np.isfinite(corners)].tolist()))
    return Curve(total, low, high, places, settings=settings.curves)
