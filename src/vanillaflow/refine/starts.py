"""Starts for the refinement, and the choice among them.

Where the field is a sum of few ridges, the coarse split construction is a good start: a splitting of two to
four steps has an error of its own far above the tolerance, but its kinks lie where the field bends, and a
few steps of least squares take the splitting error away. Otherwise, or also, the duration is cut into slices
(`slices`): many short ones for some fields, few long ones for others. Which is best differs from field to
field, and cannot be seen from the error of a start; a short run of each tells.
"""

from __future__ import annotations

from collections.abc import Sequence

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

# A kind of start: slices of so many kinks, or a scheme with so many steps.
Kind = tuple[str, int]
KINDS: tuple[Kind, ...] = (
    *[("slices", kinks) for kinks in (4, 8, 16, 32)],
    *[("lie", 3), ("lie", 4), ("strang", 1), ("strang", 2), ("strang", 3), ("strang", 4)],
)
# Each start runs for so many steps, the best few for more.
_STEPS, _PLACES, _MORE_STEPS = 8, 3, 10
_TRIAL_POINTS_PER_KINK = 30
# A split construction may have this many kinks more or less than asked for, in parts.
_SLACK = 0.1
# Of the kinds tried with fewer kinks, this many of the best are worth trying with more.
_MOST_KINDS = 5


def best_start(
    target: FlowMap,
    kinks: int,
    samples: Samples,
    rng: np.random.Generator,
    seed: int,
    kinds: Sequence[Kind] = KINDS,
    stop: Stop = never,
) -> tuple[Fit, list[Kind]]:
    """The start with about `kinks` kinks, never more, that short least-squares runs bring furthest.

    Also the kinds of starts that are worth trying with more kinks.
    """
    part = samples.thinned(max(1024, _TRIAL_POINTS_PER_KINK * kinks), rng)
    untried: list[Kind] = []
    fits: list[tuple[Kind, Fit]] = []
    for kind in kinds:
        start = _start(target, kind, kinks, part, rng, seed)
        if start is None:
            untried.append(kind)
        else:
            fits.append((kind, minimize(start, part, 2.0, _STEPS, rng, stop, descent=0)))
        if fits and stop():
            break
    fits.sort(key=lambda entry: entry[1].norm)
    promising = [kind for kind, _ in fits[:_MOST_KINDS]] + untried
    final = [minimize(fit.parameters, part, 2.0, _MORE_STEPS, rng, stop) for _, fit in fits[:_PLACES]]
    return min(final, key=lambda fit: fit.norm), promising


def _start(
    target: FlowMap, kind: Kind, kinks: int, samples: Samples, rng: np.random.Generator, seed: int
) -> Parameters | None:
    name, number = kind
    if name == "slices":
        return sliced_start(target, kinks, -(-kinks // number), rng, seed)
    if isinstance(target.field, RidgeField | PiecewiseField):
        return _split_start(target, name, number, kinks, samples)
    return None


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
