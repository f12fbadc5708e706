"""The bounds of small cells against errors within: certificates before the bisection, where they are sharp.

On a small cell hardly anything is between the bound and the errors there but what roundings may add, so that
much smaller mistakes show than in the bound of a whole box.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import vanillaflow as vf
from vanillaflow.certificates.evaluation import evaluator
from vanillaflow.enclosures.bisection import bound_cells
from vanillaflow.enclosures.images import enclosure_of
from vanillaflow.enclosures.integrator import integrator
from vanillaflow.enclosures.monomials import monomials
from vanillaflow.enclosures.patches import integrate

# Half widths of cells: without a kink, mostly, and with some.
HALVES = (1e-6, 1e-2)
# What remainders may add up to, and the solver that the errors are measured with; how far that may be off.
_TOLERANCE, _SOLVER, _SOLVER_ERROR = 1e-10, 1e-12, 1e-10
_POINTS_PER_CELL = 16
_DEGREES = {1: 5, 2: 4, 3: 3}


@dataclass(frozen=True)
class Margins:
    """Bounds less the largest errors found within their cells, over all cells and outputs."""

    cells: int
    violations: int
    least: float
    median: float
    median_error: float


def margins(
    name: str,
    network: vf.PlanarFlow | vf.FeedforwardNetwork,
    dtype: str,
    half: float,
    cells: int,
    tolerance: float = _TOLERANCE,
) -> Margins:
    """The margins of random cells of that half width, of those for which the integrator finds something; its
    remainders may add up to `tolerance`.

    A violation is an error that is above its bound by more than the solver may be off.
    """
    system = vf.zoo.load(name)
    d, rng = system.domain.dim, np.random.default_rng(3)
    target = vf.FlowMap(system.field, system.duration, system.domain, rtol=_SOLVER)
    inner = vf.Box(system.domain.low + half, system.domain.high - half)
    centers, halves = inner.uniform(cells, seed=4), np.full((cells, d), half)
    exact = integrator(system.field, system.duration, tolerance)
    flows = integrate(exact, monomials(d, _DEGREES[d]), centers, halves)
    bounds = bound_cells(enclosure_of(network, dtype), flows, np.arange(cells), centers, halves).bounds
    known = np.isfinite(bounds).all(axis=1)
    where = rng.uniform(-1, 1, (_POINTS_PER_CELL, 1, d))
    where[: _POINTS_PER_CELL // 2] = rng.choice([-1.0, 1.0], (_POINTS_PER_CELL // 2, 1, d))
    x = (centers + 0.999999 * halves * where).reshape(-1, d)
    errors = np.abs(evaluator(network, dtype)(x) - target(x)).reshape(_POINTS_PER_CELL, cells, d).max(axis=0)
    bounds, errors = bounds[known], errors[known]
    margin = bounds - errors
    return Margins(
        int(np.count_nonzero(known)),
        int(np.count_nonzero(margin < -_SOLVER_ERROR)),
        float(margin.min()),
        float(np.median(margin)),
        float(np.median(errors)),
    )
