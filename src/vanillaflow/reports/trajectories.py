"""The trajectories of the ODE for the page: the field's terms where they are known, else stored ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..errors import FieldError
from ..fields.profiles import Profile, get_profile
from ..fields.ridge import RidgeField
from ..target import Target
from .slices import slice_points

# The page's Runge-Kutta steps are doubled until they agree with the solver this well, relative to the box.
_CLOSE, _FEWEST, _MOST_STEPS = 1e-8, 32, 4096
_POINTS = 64
# Stored trajectories: so many starts along a side, so many times.
_STARTS, _TIMES = 17, 25

Segments = Sequence[tuple[RidgeField, float]]


@dataclass(frozen=True, eq=False)
class Integrable:
    """A field as the page integrates it: its pieces in time, with the number of steps of each, and how far
    the end then is from that of the solver (max norm, at points all over the box)."""

    segments: list[tuple[RidgeField, float, int]]
    error: float


@dataclass(frozen=True, eq=False)
class Stored:
    """Trajectories from a grid of starts in one slice.

    There are `starts` of them along a side, at `times` (m,); `states` (m, starts^k, k) are in the coordinates
    of the slice, its first one running fastest among the starts.
    """

    starts: int
    times: Float[np.ndarray, " m"]
    states: Float[np.ndarray, "m n k"]


def known_profile(profile: Profile) -> bool:
    """Whether the page knows the function by its name."""
    try:
        return get_profile(profile.name) is profile
    except FieldError:
        return False


def integrable(target: Target) -> Integrable | None:
    """The field for the page, if it is a sum of known ridges that Runge-Kutta steps can follow."""
    if not target.is_ridge_sum:
        return None
    segments = target.ridge_segments()
    if not all(known_profile(profile) for part, _ in segments for profile in part.profiles):
        return None
    box = target.domain
    x = np.concatenate([box.sample(_POINTS, seed=0), box.corners()[:_POINTS]])
    exact, steps = target(x), _FEWEST
    while steps <= _MOST_STEPS:
        counts = [max(1, round(steps * length / target.duration)) for _, length in segments]
        error = float(np.max(np.abs(runge_kutta(segments, counts, x) - exact)))
        if error <= _CLOSE * float(np.max(box.width)):
            return Integrable([(f, length, n) for (f, length), n in zip(segments, counts)], error)
        steps *= 2
    return None


def runge_kutta(
    segments: Segments, counts: Sequence[int], x: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "n d"]:
    """The end of the trajectories by the classical Runge-Kutta method, as the page computes it."""
    with np.errstate(all="ignore"):
        for (field, length), count in zip(segments, counts):
            h = length / count
            for _ in range(count):
                k1 = field(0.0, x)
                k2 = field(0.0, x + h / 2 * k1)
                k3 = field(0.0, x + h / 2 * k2)
                k4 = field(0.0, x + h * k3)
                x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.where(np.isfinite(x), x, np.inf)


def stored_trajectories(target: Target, pair: tuple[int, ...]) -> Stored:
    """Trajectories from a grid of starts in the slice; of a flow known by samples, their ends only."""
    times = np.linspace(0, target.duration, _TIMES if target.knows_trajectories else 2)
    states = target.trajectory(slice_points(target.domain, pair, _STARTS), times)
    return Stored(_STARTS, times, states[:, :, list(pair)])
