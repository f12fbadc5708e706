"""Rigorous certificates: a proved bound of the supremum error over the box.

The box is cut into patches, over which the exact flow is enclosed in Taylor models (`integrator`, `patches`),
and these into cells. On each cell, the network and the exact flow are both enclosed in affine forms with the
same symbols for the cell's points (`planar_forms` or `layer_forms`), so that what the two have in common
cancels in the difference. Cells with loose bounds are bisected.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from math import floor, isfinite, log10
from typing import TYPE_CHECKING

import numpy as np

from .. import __version__
from ..deadline import TimeIsUp, within
from ..enclosures.bisection import bound_cells, restore, tighten
from ..enclosures.checkpoint import Checkpoint
from ..enclosures.images import enclosure_of
from ..enclosures.integrator import integrator
from ..enclosures.monomials import monomials
from ..enclosures.patches import patches, require_true
from ..enclosures.tiling import Bisections
from ..enclosures.workers import workers
from ..errors import FieldError
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..sampling.search import absolute_errors
from ..target import FlowMap, Target
from ..validation import require_positive
from .agreement import Certain, certain_error, require_own_types, require_same_field, require_same_network
from .certificate import Finding
from .evaluation import evaluator
from .fingerprints import network_hash
from .sampled import certify_sampled

if TYPE_CHECKING:
    from os import PathLike

_FIRST_PATCHES = 64
# The degree of Taylor models in so many dimensions, and in more.
_DEGREES, _LEAST_DEGREE = {1: 5, 2: 4, 3: 3}, 2
# Digits after the first that a goal has.
_DIGITS = 4
# What remainders of the integration may add up to, as a part of the goal.
_REMAINDERS = 0.02
# What Taylor models may leave: a part of what the goal is above the error found, and of the goal at least.
_REST, _LEAST_REST = 0.4, 0.04
# Below this an error is that of the arithmetic.
_LEAST_ERROR = 1e-12
# Seconds after `max_seconds` in which the search and the first cells may still end, so that there is a bound.
_GRACE = 1.0


def certify_rigorous(
    flow: PlanarFlow | FeedforwardNetwork,
    target: Target,
    dtype: str = "float64",
    factor: float = 1.25,
    goal: float | None = None,
    max_cells: int = 1_000_000,
    max_seconds: float = float("inf"),
    executor: Executor | None = None,
    checkpoint: str | PathLike[str] | None = None,
    seed: int = 0,
) -> Finding:
    """Prove a number that |flow(x) - Phi(x)| exceeds nowhere in the box, up to the assumptions below.

    The bound holds for the network evaluated in `dtype`, with sums in any order and inputs rounded to it, and
    for the flow of the field with its numbers taken as they are in float64. It includes what underflows, also
    if all numbers below the smallest normal one are flushed to 0; and it is infinite if a number or a partial
    sum could overflow. The assumptions are that processor and compilers keep to IEEE 754 otherwise, and that
    library functions are accurate to 8 units in the last place.

    A proof is about data: the flow, the target and its field must be of vanillaflow's own types, no
    subclasses, and what they compute is compared with enclosures from their numbers at points that nobody
    could know before. So a bound is never below an error that was found.

    Fields may be RidgeFields, LayeredFields, equations, and fields that switch between such. Where functions
    have corners, as relu and abs, steps are short and of first order, and a proof takes minutes where others
    take seconds. The bound is infinite if some trajectory could not be enclosed, or time is up before all
    were.

    Parameters
    ----------
    flow
        The flow or network.
    target
        The exact flow.
    dtype
        The precision in which the network is evaluated.
    factor
        The bisection ends with a bound within `factor` times the largest error that a search finds.
    goal
        The bound with which the bisection ends, in place of that.
    max_cells
        The bisection ends after so many cells, too: what it has then is a bound all the same, only larger.
    max_seconds
        It ends after so many seconds, too. The time is kept within two seconds and a tenth.
    executor
        An executor for the parts of the work, on this machine or on others: any of `concurrent.futures`,
        or Dask's `Client.get_executor()`. By default this process does them, and a pool of others where
        there is work for many seconds. The result is the same with any executor, and if a worker dies.
    checkpoint
        A file from which a proof that was interrupted, or ended for lack of time, goes on if it is given
        again; it is written every half minute, and removed when the proof is complete. On resumption its
        cells must tile the box, and up to 65,536 of them, as many as time permits, are bounded again and must
        come out the same, and flows of some points be where it says.
    seed
        The seed of the search.

    Raises
    ------
    FieldError
        For other fields, and where calls and data disagree.
    ValueError
        For bad arguments.
    FileFormatError
        If the checkpoint does not hold on resumption, or is of another proof.
    ProofInterrupted
        On Ctrl-C, if there is a checkpoint, which it names.
    """
    if require_positive("factor", factor) <= 1:
        raise ValueError(f"factor must be above 1, got {factor:g}")
    if goal is not None:
        require_positive("goal", goal)
    if not max_seconds > 0:
        raise ValueError(f"max_seconds must be above 0, got {max_seconds!r}")
    deadline = time.time() + max_seconds + _GRACE

    def late() -> bool:
        return time.time() > deadline - _GRACE

    own = require_own_types(flow, target)
    exact = replace(integrator(own.field, own.duration, 0.0), deadline=deadline)
    evaluate, enclosure, fresh = evaluator(flow, dtype), enclosure_of(flow, dtype), np.random.default_rng()
    require_same_field(exact, own, fresh)
    require_same_network(enclosure, evaluate, target.domain, fresh)
    found, searched = _search(evaluate, own, seed, deadline)
    if not searched or not isfinite(found.largest):
        # No time to prove anything, or nothing to prove: there is a point where the error is infinite.
        return _certificate(found, np.full((1, target.dim), np.inf), found.largest, seed)
    error = max(found.bound, _LEAST_ERROR)
    goal = goal or _goal(factor, error)
    exact = replace(exact, tolerance=_REMAINDERS * goal)
    allowed = max(_REST * (goal - error), _LEAST_REST * goal)
    certain = certain_error(exact, own, evaluate, found.worst_point)
    known = monomials(target.dim, _DEGREES.get(target.dim, _LEAST_DEGREE))
    ends = target.domain.low.tobytes().hex() + target.domain.high.tobytes().hex()
    proof = f"{network_hash(flow, dtype)} {exact.identity} {ends} {dtype} {goal!r} {max_cells} {__version__}"
    with workers(executor, deadline) as those, Checkpoint(checkpoint, proof) as file:
        stored = file.read()
        if stored is not None and stored.stage == "cells":
            flows, cells, records = restore(enclosure, stored, known, target.domain, _FIRST_PATCHES, deadline)
            require_true(exact, flows, stored)
        else:
            records = Bisections(), Bisections()
            flows = patches(
                *(exact, known, target.domain, _FIRST_PATCHES, allowed, max_cells),
                *(late, those, file, stored, records[0]),
            )
            numbers = np.arange(len(flows))
            cells = bound_cells(enclosure, flows, numbers, flows.centers, flows.halves, those, deadline)
            if np.isnan(cells.bounds).any():
                file.keep()
                cells = replace(cells, bounds=np.where(np.isnan(cells.bounds), np.inf, cells.bounds))
        cells = tighten(enclosure, flows, cells, goal, max_cells, late, those, file, records, deadline)
        if late() and cells.largest.max() > goal:
            file.keep()
        largest = _consistent(float(cells.largest.max()), found, certain)
    return _certificate(found, cells.bounds, largest, seed)


def _goal(factor: float, error: float) -> float:
    """The error times the factor, rounded down to so many digits if that leaves it above the error.

    The last digits of a searched error are the machine's; proofs go on from checkpoints of other machines.
    """
    exact = factor * error
    unit = 10.0 ** (floor(log10(exact)) - _DIGITS)
    rounded = float(f"{floor(exact / unit) * unit:.{_DIGITS}e}")
    return rounded if error < rounded <= exact else exact


def _search(
    evaluate: Callable[[np.ndarray], np.ndarray], target: FlowMap, seed: int, deadline: float
) -> tuple[Finding, bool]:
    """What a search finds, and whether there was time for it; else what the error is at three points.

    Raises TimeIsUp, in words, if there was no time for these.
    """
    with within(deadline - time.time()):
        x = np.stack([target.domain.center, target.domain.low, target.domain.high])
        try:
            errors = absolute_errors(evaluate(x), target(x))
        except TimeIsUp:
            raise TimeIsUp(
                "time is up before the exact flow of three points was computed; allow more"
            ) from None
        try:
            return certify_sampled(evaluate, target, seed=seed), True
        except TimeIsUp:
            at, largest = x[errors.max(axis=1).argmax()], float(errors.max())
            return Finding("sampled", largest, errors.max(axis=0), at, 0.0, len(x), largest), False


def _consistent(bound: float, found: Finding, certain: Certain) -> float:
    """The largest error found, or what is certain of it where the target's solver is off by more than the
    bound is above it. Raises FieldError where the proof contradicts what was found."""
    if found.largest <= bound:
        return found.largest
    if certain.least <= bound:
        return max(certain.least, 0.0)
    point = ", ".join(f"{v:.6g}" for v in found.worst_point)
    raise FieldError(
        f"a bound of {bound:.6g} is proved from the data of the target and the network, and at the point "
        f"({point}) their calls have an error of {found.largest:.6g}: calls and data disagree"
    )


def _certificate(found: Finding, bounds: np.ndarray, largest: float, seed: int) -> Finding:
    return Finding(
        "rigorous",
        bound=float(bounds.max()),
        per_output=bounds.max(axis=0),
        worst_point=found.worst_point,
        confidence=1.0,
        points=len(bounds),
        largest=largest,
        seed=seed,
    )
