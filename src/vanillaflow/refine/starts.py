"""Starts for the refinement, and the choice among them.

Where the field is a sum of few ridges, the coarse split construction is the best start: a splitting of two
or three steps has an error of its own far above the tolerance, but its kinks lie where the field bends, and
a few steps of least squares take the splitting error away. Where it has too many ridges for that, the
duration is cut into slices (`slices`). Which is best differs from field to field; a short run of each tells.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import ToleranceNotReached
from ..fields.ridge import PiecewiseField, RidgeField
from ..split import plan, sub_flows
from ..splitting import AFFINE, SCHEMES
from ..target import FlowMap
from .least_squares import Fit, Stop, minimize, never
from .parameters import Parameters, from_flow
from .samples import Samples
from .slices import sliced_start

_COARSE = (("lie", 2), ("lie", 3), ("lie", 4), ("strang", 1), ("strang", 2), ("strang", 3), ("strang", 4))
_TRIAL_ITERATIONS = 8
_TRIAL_POINTS_PER_KINK = 30
# A split construction may have this many kinks more or less than asked for, in parts.
_SLACK = 0.1


def best_start(
    target: FlowMap,
    kinks: int,
    samples: Samples,
    rng: np.random.Generator,
    seed: int,
    stop: Stop = never,
) -> Fit:
    """The start with about `kinks` kinks, never more, that a short least-squares run brings furthest."""
    part = samples.thinned(max(1024, _TRIAL_POINTS_PER_KINK * kinks), rng)
    fits: list[Fit] = []
    for start in _starts(target, kinks, part, rng, seed):
        fits.append(minimize(start, part, 2.0, _TRIAL_ITERATIONS, rng, stop))
        if stop():
            break
    return min(fits, key=lambda fit: fit.norm)


def _starts(
    target: FlowMap, kinks: int, samples: Samples, rng: np.random.Generator, seed: int
) -> Iterator[Parameters]:
    yield sliced_start(target, kinks, rng, seed)
    if isinstance(target.field, RidgeField | PiecewiseField):
        for scheme, steps in _COARSE:
            start = _split_start(target, scheme, steps, kinks, samples)
            if start is not None:
                yield start


def _split_start(target: FlowMap, scheme: str, steps: int, kinks: int, samples: Samples) -> Parameters | None:
    """The split construction with about `kinks` kinks; None where it needs more, or does not exist."""
    flows = list(sub_flows(target.field, target.duration, SCHEMES[scheme], steps))
    if sum(flow.piece != AFFINE for flow in flows) > kinks:
        return None
    candidate = plan(target, SCHEMES[scheme], steps, flows, samples.x, samples.y)
    if not np.isfinite(candidate.splitting_error):
        return None
    density = candidate.density(kinks)
    for shrink in (1.0, 0.95, 0.9):
        counted = int(candidate.kinks(shrink * density).sum())
        if (1 - _SLACK) * kinks <= counted <= kinks:
            try:
                return from_flow(candidate.build(shrink * density, target))
            except (ToleranceNotReached, ValueError, np.linalg.LinAlgError):
                # Too steep for so few kinks, or an affine map that cannot be moved to the end.
                return None
    return None
