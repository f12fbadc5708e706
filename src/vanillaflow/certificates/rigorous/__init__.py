"""Rigorous certificates: a proved bound of the supremum error over the box.

The box is cut into cells. On each, the network and the exact flow are both enclosed in affine forms with
the same symbols for the cell's points (`network_forms`, `integrator`), so that what the two have in common
cancels in the difference. Cells with loose bounds are bisected.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from ...planar import PlanarFlow
from ...target import FlowMap
from ...validation import require_positive
from ..certificate import Certificate
from ..sampled import certify_sampled
from .bisection import bounded, first_cells, tightened
from .integrator import integrator

_FIRST_CELLS = 256
# What remainders of the integration may add up to, as a part of the sampled error.
_REMAINDERS = 0.02


def certify_rigorous(
    flow: PlanarFlow,
    target: FlowMap,
    factor: float = 1.25,
    max_cells: int = 2_000_000,
    max_seconds: float = float("inf"),
    seed: int = 0,
) -> Certificate:
    """A number that |flow(x) - Phi(x)| exceeds nowhere in the box, proved up to the assumptions below.

    The bound comes within `factor` of the largest error that a search finds, unless `max_cells` cells or
    `max_seconds` end the bisection before; it is a bound all the same. It holds for the PlanarFlow evaluated
    in float64 in any order of summation, and for the flow of the field with its numbers taken as they are in
    float64. Assumed is that processor and compilers keep to IEEE 754 and that library functions are accurate
    to 8 units in the last place.

    Fields: RidgeFields with smooth profiles, equations in smooth functions, and fields that switch between
    such. Raises FieldError for others, ValueError for bad arguments. A target that is another PlanarFlow, or
    samples, has no field. The bound is infinite if some trajectory could not be enclosed.
    """
    if require_positive("factor", factor) <= 1:
        raise ValueError(f"factor must be above 1, got {factor:g}")
    begun = perf_counter()
    if not isinstance(flow, PlanarFlow):
        raise ValueError("a rigorous certificate is of a PlanarFlow; of its network only the others can be had")
    found = certify_sampled(flow, target, seed=seed)
    exact = integrator(target.field, target.duration, _REMAINDERS * max(found.bound, 1e-12))
    goal = factor * max(found.bound, 1e-12)
    cells = bounded(flow, exact, *first_cells(target.domain, _FIRST_CELLS))
    cells = tightened(
        flow, exact, cells, lambda cells: goal, max_cells, lambda: perf_counter() - begun > max_seconds
    )
    worst = int(np.argmax(cells.largest))
    return Certificate(
        "rigorous",
        bound=float(cells.largest[worst]),
        per_output=cells.bounds.max(axis=0),
        worst_point=found.worst_point,
        confidence=1.0,
        points=len(cells),
        largest=found.largest,
        seed=seed,
    )
