"""Rigorous certificates: a proved bound of the supremum error over the box.

The box is cut into patches, over which the exact flow is enclosed in Taylor models (`integrator`, `patches`),
and these into cells. On each cell, the network and the exact flow are both enclosed in affine forms with the
same symbols for the cell's points (`planar_forms` or `layer_forms`), so that what the two have in common
cancels in the difference. Cells with loose bounds are bisected.
"""

from __future__ import annotations

from concurrent.futures import Executor
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from ... import __version__
from ...network import FeedforwardNetwork
from ...planar import PlanarFlow
from ...target import FlowMap
from ...validation import require_positive
from ..certificate import Certificate
from ..evaluation import evaluated
from ..fingerprints import network_hash, system_hash
from ..sampled import certify_sampled
from .bisection import bounded, restored, tightened
from .checkpoint import Checkpoint
from .enclosures import enclosure_of
from .integrator import integrator
from .monomials import monomials
from .patches import patches
from .workers import workers

if TYPE_CHECKING:
    from os import PathLike

_FIRST_PATCHES = 64
# The degree of Taylor models in so many dimensions, and in more.
_DEGREES, _LEAST_DEGREE = {1: 5, 2: 4, 3: 3}, 2
# What remainders of the integration may add up to, as a part of the goal.
_REMAINDERS = 0.02
# What Taylor models may leave: a part of what the goal is above the error found, and of the goal at least.
_REST, _LEAST_REST = 0.4, 0.04
# Below this an error is that of the arithmetic.
_LEAST_ERROR = 1e-12


def certify_rigorous(
    flow: PlanarFlow | FeedforwardNetwork,
    target: FlowMap,
    dtype: str = "float64",
    factor: float = 1.25,
    goal: float | None = None,
    max_cells: int = 1_000_000,
    max_seconds: float = float("inf"),
    executor: Executor | None = None,
    checkpoint: str | PathLike[str] | None = None,
    seed: int = 0,
) -> Certificate:
    """A number that |flow(x) - Phi(x)| exceeds nowhere in the box, proved up to the assumptions below.

    The bisection ends with a bound within `goal`, by default `factor` times the largest error that a search
    finds, or after `max_cells` cells or `max_seconds`: what it has then is a bound all the same, only larger.
    It holds for the network evaluated in `dtype`, with sums in any order and inputs rounded to it, and for
    the flow of the field with its numbers taken as they are in float64. Assumed is that processor and
    compilers keep to IEEE 754, that nothing under- or overflows, and that library functions are accurate to 8
    units in the last place.

    `executor` does the parts of the work, on this machine or on others: any of `concurrent.futures`, or
    Dask's `Client.get_executor()`. By default this process does them, and a pool of others where there is
    work for many seconds. The result is the same, whoever does the work, and if a worker dies.

    A proof that is interrupted, or ends for lack of time, goes on from the file `checkpoint`, if it is given
    again; it is written every half minute, and removed when the proof is complete.

    Fields: RidgeFields, LayeredFields, equations, and fields that switch between such. Where functions have
    corners, as relu and abs, steps are short and of first order, and a proof takes minutes where others take
    seconds. Raises FieldError for others, ValueError for bad arguments. The bound is infinite if some
    trajectory could not be enclosed.
    """
    if require_positive("factor", factor) <= 1:
        raise ValueError(f"factor must be above 1, got {factor:g}")
    if goal is not None:
        require_positive("goal", goal)
    begun = perf_counter()
    found = certify_sampled(evaluated(flow, dtype), target, seed=seed)
    error = max(found.bound, _LEAST_ERROR)
    goal = goal or factor * error

    def late() -> bool:
        return perf_counter() - begun > max_seconds

    known = monomials(target.dim, _DEGREES.get(target.dim, _LEAST_DEGREE))
    allowed = max(_REST * (goal - error), _LEAST_REST * goal)
    exact = integrator(target.field, target.duration, _REMAINDERS * goal)
    enclosure = enclosure_of(flow, dtype)
    proof = f"{network_hash(flow, dtype)} {system_hash(target)} {dtype} {goal!r} {max_cells} {__version__}"
    with workers(executor) as those, Checkpoint(checkpoint, proof) as file:
        stored = file.stored("cells")
        if stored is not None:
            flows, cells = restored(stored, known)
        else:
            flows = patches(
                exact, known, target.domain, _FIRST_PATCHES, allowed, max_cells, late, those, file
            )
            numbers = np.arange(len(flows))
            cells = bounded(enclosure, flows, numbers, flows.centers, flows.halves, those)
        cells = tightened(enclosure, flows, cells, goal, max_cells, late, those, file)
        if late() and cells.largest.max() > goal:
            file.unfinished()
    return Certificate(
        "rigorous",
        bound=float(cells.largest.max()),
        per_output=cells.bounds.max(axis=0),
        worst_point=found.worst_point,
        confidence=1.0,
        points=len(cells),
        largest=found.largest,
        seed=seed,
    )
