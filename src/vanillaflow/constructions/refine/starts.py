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
from .families.families import Families
from .families.fit import fit_families
from .least_squares.least_squares import Fit, minimize
from .parameters import Parameters, from_flow
from .ridge_start import ridge_start
from .settings import DEFAULTS, Settings
from .slices import sliced_start

# A kind of start: slices of so many kinks, or a scheme with so many steps.
Kind = tuple[str, int]


class Starts:
    """The starts for one target. They remember the smooth fits, and which kinds did well."""

    def __init__(
        self, target: Target, goal: float, seed: int, stop: Stop = never, settings: Settings = DEFAULTS
    ):
        self._settings = settings
        self._target = target
        self._goal = goal
        self._seed = seed
        self._stop = stop
        self._good: tuple[Kind, ...] = ()
        self._untried = self._settings.starts.kinds if target.knows_trajectories else ()
        self._ridges: dict[int, list[RidgeFit]] = {}
        # Those of the last `best`, the best first.
        self.families: list[Families] = []

    def best(self, kinks: int, samples: Samples, rng: np.random.Generator) -> Fit:
        """The start with about `kinks` kinks, never more, that short least-squares runs bring furthest."""
        settings = self._settings.starts
        part = samples.thin(max(settings.least_points, settings.points_per_kink * kinks), rng)
        fits: list[tuple[Kind | None, Fit]] = [
            (None, self._race(start, part, rng, settings.steps)) for start in self._ridge_starts(kinks, part)
        ]
        many = kinks > self._settings.many and bool(fits)
        missing: list[Kind] = []
        for kind in self._good[: settings.few_kinds] if many else self._good + self._untried:
            if fits and self._stop():
                break
            start = _start(self._target, kind, kinks, part, rng, self._seed, self._settings)
            if start is None:
                missing.append(kind)
            else:
                fits.append((kind, self._race(start, part, rng, settings.steps)))
        if many:
            return _by_norm(fits)[0][1]
        if not fits:
            # The kinds that did well with more kinks need more than these.
            start = sliced_start(self._target, kinks, 1, rng, self._seed, self._settings)
            fits.append((("slices", kinks), self._race(start, part, rng, settings.steps)))
        fits = [
            (kind, self._race(fit.parameters, part, rng, settings.more_steps))
            for kind, fit in _by_norm(fits)[: settings.places]
        ]
        fits = _by_norm(fits)
        self._good = tuple(
            kind for kind, fit in fits if kind is not None and fit.norm <= settings.worse * fits[0][1].norm
        )
        self._untried = tuple(missing)
        final = [
            minimize(fit.parameters, part, 2.0, settings.last_steps, rng, self._stop)
            for _, fit in fits[: settings.last_places]
        ]
        return min(final, key=lambda fit: fit.norm)

    def _race(self, start: Parameters, part: Samples, rng: np.random.Generator, steps: int) -> Fit:
        return minimize(start, part, 2.0, steps, rng, self._stop, descent=0)

    def _ridge_starts(self, kinks: int, part: Samples) -> list[Parameters]:
        """The best few of the smooth fits made piecewise linear."""
        settings = self._settings.starts
        close = settings.close * self._goal
        starts: list[Families] = []
        for per_dimension in settings.ridges:
            count = int(np.ceil(per_dimension * self._target.dim))
            if count * settings.kinks_per_ridge > kinks or self._stop():
                break
            if count not in self._ridges:
                self._ridges[count] = fit_ridges(
                    self._target, count, close, self._seed, self._stop, self._settings.ridge
                )
            fits = self._ridges[count]
            starts += [ridge_start(fit, kinks, self._settings) for fit in fits if np.isfinite(fit.norm)]
            if fits[0].norm <= close:
                break
        smooth = side_by_side([partial(_judge, start, part, self._stop) for start in starts])
        smooth.sort(key=lambda entry: entry[1])
        self.families = [families for families, _ in smooth]
        most = settings.ridge_starts if kinks <= self._settings.many else settings.few_starts
        return [families.parameters for families in self.families[:most]]


def _judge(start: Families, part: Samples, stop: Stop) -> tuple[Families, float]:
    """Fitted as families where it can be, and the root mean square of its error.

    Many kinks are left as they are: the fit takes half a minute then, and least squares, which can afford few
    steps, comes less far from it (spiral_node at 1e-3: not done after 240 s, without it in 90 s).
    """
    settings = start.parameters.settings
    families, norm = start, p_norm(start.parameters(part.x) - part.y, 2)
    if min(start.counts) >= Families.least_count and sum(start.counts) <= settings.many:
        for degree in settings.starts.degrees:
            families, norm = fit_families(families, part, 2.0, degree, settings.starts.family_steps, stop)
    return families, norm


def _by_norm(fits: list[tuple[Kind | None, Fit]]) -> list[tuple[Kind | None, Fit]]:
    return sorted(fits, key=lambda entry: entry[1].norm)


def _start(
    target: Target,
    kind: Kind,
    kinks: int,
    samples: Samples,
    rng: np.random.Generator,
    seed: int,
    settings: Settings,
) -> Parameters | None:
    name, number = kind
    if name == "slices":
        # What is known by samples only has no states in between.
        slices = -(-kinks // number) if target.knows_trajectories else 1
        return sliced_start(target, kinks, slices, rng, seed, settings)
    if target.is_ridge_sum:
        return _split_start(target, name, number, kinks, samples, settings)
    return None


def _split_start(
    target: Target, scheme: str, steps: int, kinks: int, samples: Samples, settings: Settings
) -> Parameters | None:
    """The split construction with about `kinks` kinks; None where it needs more, or does not exist."""
    flows = list(sub_flows(target.ridge_segments(), SCHEMES[scheme], steps, settings.split))
    if sum(len(flow.pieces) for flow in flows) > kinks:
        return None
    candidate = plan(SCHEMES[scheme], steps, flows, samples.x, samples.y, settings.split)
    if not np.isfinite(candidate.splitting_error):
        return None
    density = candidate.density(kinks)
    for shrink in settings.starts.densities:
        counted = candidate.kinks(shrink * density)
        if (1 - settings.starts.slack) * kinks <= counted <= kinks:
            try:
                return from_flow(candidate.build(shrink * density, target), target.held, settings)
            except (ToleranceNotReached, ValueError, np.linalg.LinAlgError):
                # Too steep for so few kinks, or an affine map that cannot be moved to the end.
                return None
    return None
