"""Starts for the refinement, and the choice among them.

Smooth ridge maps made piecewise linear (`ridge_start`) mostly win; how many are best depends on the kinks.
Where the field is a sum of few ridges, a coarse split construction is another start: a splitting of two to
four steps has an error of its own far above the tolerance, but its kinks lie where the field bends. And the
duration is cut into slices (`slices`), for flows that neither follows. Which is best cannot be seen from the
error of a start; a short run of each tells.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ...errors import ToleranceNotReached
from ...runtime.threads import side_by_side
from ...sampling.samples import Samples, p_norm
from ...target import Target
from ..construction import Stop, never
from ..ridge.fit import RidgeFit, fit_ridges
from ..split.plan import plan
from ..split.schemes import SCHEMES
from ..split.sub_flows import sub_flows
from .families.families import LEAST_COUNT, Families
from .families.fit import fit_families
from .least_squares.least_squares import Fit, minimize
from .parameters import Parameters, from_flow
from .ridge_start import ridge_start
from .slices import sliced_start

# A kind of start: slices of so many kinks, or a scheme with so many steps.
Kind = tuple[str, int]
_KINDS: tuple[Kind, ...] = (
    *[("slices", kinks) for kinks in (4, 8, 16, 32)],
    *[("lie", 3), ("lie", 4), ("strang", 1), ("strang", 2), ("strang", 3), ("strang", 4)],
)
# Ridge maps per dimension, at least so many kinks for each; and how many such starts run.
_RIDGES, _KINKS_PER_RIDGE = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0), 5
_RIDGE_STARTS = 4
# More ridge maps are of no use where fewer are within this part of the goal.
_CLOSE = 0.3
# Each start runs for a few steps, the best few for more, and those of them that are best for more again.
_STEPS, _MORE_STEPS, _LAST_STEPS = 4, 5, 10
_PLACES, _LAST_PLACES = 5, 2
# The degrees at which families are fitted, one after the other, in so many steps each.
_DEGREES, _FAMILY_STEPS = (3, 5), 30
# With many kinks each step takes seconds: so many of the best smooth fits run, and so many of the kinds that
# did well with fewer, and only the best goes on.
_MANY, _FEW_STARTS, _FEW_KINDS = 200, 2, 2
_TRIAL_POINTS_PER_KINK = 30
# A split construction may have this many kinks more or less than asked for, in parts.
_SLACK = 0.1
# Kinds that ended so far above the best with fewer kinks are not tried with more.
_WORSE = 1.2


class Starts:
    """The starts for one target. They remember the smooth fits, and which kinds did well."""

    def __init__(self, target: Target, goal: float, seed: int, stop: Stop = never):
        self._target = target
        self._goal = goal
        self._seed = seed
        self._stop = stop
        self._good: tuple[Kind, ...] = ()
        self._untried = _KINDS if target.knows_trajectories else ()
        self._ridges: dict[int, list[RidgeFit]] = {}
        # Those of the last `best`, the best first.
        self.families: list[Families] = []

    def best(self, kinks: int, samples: Samples, rng: np.random.Generator) -> Fit:
        """The start with about `kinks` kinks, never more, that short least-squares runs bring furthest."""
        part = samples.thinned(max(1024, _TRIAL_POINTS_PER_KINK * kinks), rng)
        fits: list[tuple[Kind | None, Fit]] = [
            (None, self._raced(start, part, rng, _STEPS)) for start in self._ridge_starts(kinks, part)
        ]
        many = kinks > _MANY and bool(fits)
        missing: list[Kind] = []
        for kind in self._good[:_FEW_KINDS] if many else self._good + self._untried:
            if fits and self._stop():
                break
            start = _start(self._target, kind, kinks, part, rng, self._seed)
            if start is None:
                missing.append(kind)
            else:
                fits.append((kind, self._raced(start, part, rng, _STEPS)))
        if many:
            return _by_norm(fits)[0][1]
        if not fits:
            # The kinds that did well with more kinks need more than these.
            start = sliced_start(self._target, kinks, 1, rng, self._seed)
            fits.append((("slices", kinks), self._raced(start, part, rng, _STEPS)))
        fits = [
            (kind, self._raced(fit.parameters, part, rng, _MORE_STEPS))
            for kind, fit in _by_norm(fits)[:_PLACES]
        ]
        fits = _by_norm(fits)
        self._good = tuple(
            kind for kind, fit in fits if kind is not None and fit.norm <= _WORSE * fits[0][1].norm
        )
        self._untried = tuple(missing)
        final = [
            minimize(fit.parameters, part, 2.0, _LAST_STEPS, rng, self._stop)
            for _, fit in fits[:_LAST_PLACES]
        ]
        return min(final, key=lambda fit: fit.norm)

    def _raced(self, start: Parameters, part: Samples, rng: np.random.Generator, steps: int) -> Fit:
        return minimize(start, part, 2.0, steps, rng, self._stop, descent=0)

    def _ridge_starts(self, kinks: int, part: Samples) -> list[Parameters]:
        """The best few of the smooth fits made piecewise linear."""
        starts: list[Families] = []
        for per_dimension in _RIDGES:
            count = int(np.ceil(per_dimension * self._target.dim))
            if count * _KINKS_PER_RIDGE > kinks or self._stop():
                break
            if count not in self._ridges:
                self._ridges[count] = fit_ridges(
                    self._target, count, _CLOSE * self._goal, self._seed, self._stop
                )
            fits = self._ridges[count]
            starts += [ridge_start(fit, kinks) for fit in fits if np.isfinite(fit.norm)]
            if fits[0].norm <= _CLOSE * self._goal:
                break
        smooth = side_by_side([partial(_judged, start, part, self._stop) for start in starts])
        smooth.sort(key=lambda entry: entry[1])
        self.families = [families for families, _ in smooth]
        most = _RIDGE_STARTS if kinks <= _MANY else _FEW_STARTS
        return [families.parameters for families in self.families[:most]]


def _judged(start: Families, part: Samples, stop: Stop) -> tuple[Families, float]:
    """Fitted as families where it can be, and the root mean square of its error.

    Many kinks are left as they are: the fit takes half a minute then, and least squares, which can afford few
    steps, comes less far from it (spiral_node at 1e-3: not done after 240 s, without it in 90 s).
    """
    families, norm = start, p_norm(start.parameters(part.x) - part.y, 2)
    if min(start.counts) >= LEAST_COUNT and sum(start.counts) <= _MANY:
        for degree in _DEGREES:
            families, norm = fit_families(families, part, 2.0, degree, _FAMILY_STEPS, stop)
    return families, norm


def _by_norm(fits: list[tuple[Kind | None, Fit]]) -> list[tuple[Kind | None, Fit]]:
    return sorted(fits, key=lambda entry: entry[1].norm)


def _start(
    target: Target, kind: Kind, kinks: int, samples: Samples, rng: np.random.Generator, seed: int
) -> Parameters | None:
    name, number = kind
    if name == "slices":
        # What is known by samples only has no states in between.
        slices = -(-kinks // number) if target.knows_trajectories else 1
        return sliced_start(target, kinks, slices, rng, seed)
    if target.is_ridge_sum:
        return _split_start(target, name, number, kinks, samples)
    return None


def _split_start(target: Target, scheme: str, steps: int, kinks: int, samples: Samples) -> Parameters | None:
    """The split construction with about `kinks` kinks; None where it needs more, or does not exist."""
    flows = list(sub_flows(target.ridge_segments(), SCHEMES[scheme], steps))
    if sum(len(flow.pieces) for flow in flows) > kinks:
        return None
    candidate = plan(SCHEMES[scheme], steps, flows, samples.x, samples.y)
    if not np.isfinite(candidate.splitting_error):
        return None
    density = candidate.density(kinks)
    for shrink in (1.0, 0.95, 0.9):
        counted = candidate.kinks(shrink * density)
        if (1 - _SLACK) * kinks <= counted <= kinks:
            try:
                return from_flow(candidate.build(shrink * density, target), target.held)
            except (ToleranceNotReached, ValueError, np.linalg.LinAlgError):
                # Too steep for so few kinks, or an affine map that cannot be moved to the end.
                return None
    return None
