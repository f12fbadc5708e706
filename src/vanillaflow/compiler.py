"""compile(): from a FlowMap and a tolerance to a PlanarFlow. The only place that knows all the stages."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import overload

import numpy as np
from jaxtyping import Float

from .attempts import Outcome, best_attempt
from .chain import FlowChain
from .choices import METHODS as METHODS
from .choices import did_you_mean
from .construction import Construction, Path, Report
from .deadline import TimeIsUp, within
from .errors import CompilationInterrupted, ToleranceNotReached
from .increments import compiled_chain
from .paper import paper_construction
from .planar import PlanarFlow
from .provenance import Provenance
from .refine import refine_construction
from .ridge import RidgeSearch
from .split import SplitSearch
from .strict import strict_construction
from .target import FlowMap
from .validation import require_fraction, require_positive

# Stages that look at the clock end at max_seconds; the rest is cut short after so many times that, and so
# many seconds. It leaves time for the last flow's error.
_LATEST, _GRACE = 1.05, 0.5


@overload
def compile(
    target: FlowMap,
    tol: float,
    method: str = ...,
    *,
    times: None = None,
    slope: float | None = ...,
    max_kinks: int = ...,
    max_seconds: float = ...,
    seed: int = ...,
    report: Report = ...,
) -> PlanarFlow: ...


@overload
def compile(
    target: FlowMap,
    tol: float,
    method: str = ...,
    *,
    times: Sequence[float],
    slope: float | None = ...,
    max_kinks: int = ...,
    max_seconds: float = ...,
    seed: int = ...,
    report: Report = ...,
) -> FlowChain: ...


def compile(
    target: FlowMap,
    tol: float,
    method: str = "refine",
    *,
    times: Sequence[float] | None = None,
    slope: float | None = None,
    max_kinks: int = 20_000,
    max_seconds: float = float("inf"),
    seed: int = 0,
    report: Report = lambda line: None,
) -> PlanarFlow | FlowChain:
    """Compile `target` to a PlanarFlow whose sampled supremum error over the box is at most `tol`.

    Parameters
    ----------
    target : the flow to compile. For "split" and "paper" its field must be a RidgeField or PiecewiseField.
    tol : the largest allowed error, max norm, over the whole box (in the units of the state).
    method : "refine", planar maps fitted to the flow, with the fewest kinks, in seconds to minutes for small
        dimensions; "ridge", few smooth ridge maps x + f(w.x) fitted to the flow and made piecewise linear,
        in seconds, with several times as many kinks, and the fastest to evaluate; "split", exact flows of the
        ridge pieces made piecewise linear, scheme and steps and kinks chosen for the fewest kinks; or
        "paper", the literal construction of arXiv:2209.10909, a baseline.
    times : with increasing times within (0, target.duration], a FlowChain: the flow to each of them, each
        within `tol`, made of increments that the later ones share. Takes method="refine", and no slope.
    slope : with a number in (0, 1), a flow of the paper's strict class: `to_network(slope=slope)` then has
        this slope in every layer. Takes many times as many kinks, unless "split" finds nothing but shears.
    max_kinks : give up beyond this many planar maps.
    max_seconds : give up after about this long. "refine" and "ridge" then finish what they have; all stages
        end within a tenth and a second more. Not counted are the kernels that numba compiles where it has
        not done so on this machine before.
    seed : seeds every sample; the same arguments give the same flow.
    report : called with a line of text as stages complete.

    Raises ToleranceNotReached, with the best flow and its error, rather than return short of `tol`;
    CompilationInterrupted, a KeyboardInterrupt, with the same, on Ctrl-C once there is a flow;
    FlowLeavesDomain where the flow does not exist; ValueError for bad arguments.
    """
    require_positive("tol", tol)
    require_positive("max_kinks", max_kinks)
    if max_seconds != float("inf"):
        require_positive("max_seconds", max_seconds)
    if times is not None:
        if method != "refine" or slope is not None:
            raise ValueError('several times take method="refine" and no slope')

        def one(part: FlowMap, tolerance: float, kinks: int, seconds: float) -> PlanarFlow:
            return compile(part, tolerance, max_kinks=kinks, max_seconds=seconds, seed=seed, report=report)

        try:
            with within(_LATEST * max_seconds + _GRACE):
                return compiled_chain(target, tol, times, one, max_kinks, max_seconds, report)
        except TimeIsUp as late:
            raise ToleranceNotReached(f"the tolerance {tol:g} is out of reach: {late}") from None
    start = perf_counter()
    construct = _construction(method, max_seconds, report)
    if slope is not None:
        construct = strict_construction(construct, require_fraction("slope", slope), report)
    with within(_LATEST * max_seconds + _GRACE):
        outcome = best_attempt(construct, target, tol, max_kinks, seed, report)
    best = outcome.best
    flow = best.flow.with_provenance(
        Provenance(
            system=target.name,
            duration=target.duration,
            method=method,
            tolerance=tol,
            error=best.error,
            error_method="sampled",
            seconds=perf_counter() - start,
            path=best.path,
        )
    )
    if outcome.interrupted:
        raise CompilationInterrupted(flow, best.error)
    if best.error > tol or not outcome.certified:
        raise _out_of_tolerance(flow, tol, outcome)
    return flow


def _construction(method: str, max_seconds: float, report: Report) -> Construction:
    """The construction by that name, for one target: it goes on from what it found before."""
    known = {
        "refine": lambda: _refined(max_seconds, report),
        "ridge": lambda: _of_ridges(max_seconds, report),
        "split": _split,
        "paper": _paper,
    }
    if method not in known:
        raise ValueError(
            f"unknown method {method!r}; known are {', '.join(METHODS)}" + did_you_mean(method, METHODS)
        )
    return known[method]()


def _refined(max_seconds: float, report: Report) -> Construction:
    deadline = perf_counter() + max_seconds
    # What was certified above the tolerance is mostly so by little.
    last: PlanarFlow | None = None
    reached = 0.0

    def refined(
        target: FlowMap, tolerance: float, max_kinks: int, seed: int, worst: Float[np.ndarray, "h d"]
    ) -> tuple[PlanarFlow, str, Path]:
        nonlocal last, reached
        left = deadline - perf_counter()
        start = last if tolerance < reached else None
        last, path = refine_construction(target, tolerance, max_kinks, seed, left, report, start)
        reached = tolerance
        tried = ", ".join(f"{kinks} kinks {error:.1e}" for _, kinks, error in path)
        return last, f"refined: {tried}", path

    return refined


def _of_ridges(max_seconds: float, report: Report) -> Construction:
    deadline = perf_counter() + max_seconds
    search: RidgeSearch | None = None

    def of_ridges(
        target: FlowMap, tolerance: float, max_kinks: int, seed: int, worst: Float[np.ndarray, "h d"]
    ) -> tuple[PlanarFlow, str, Path]:
        nonlocal search
        search = search or RidgeSearch(target, seed, deadline - perf_counter(), report)
        return *search.flow_within(tolerance, max_kinks), ()

    return of_ridges


def _split() -> Construction:
    search: SplitSearch | None = None
    learned = 0

    def split(
        target: FlowMap, tolerance: float, max_kinks: int, seed: int, worst: Float[np.ndarray, "h d"]
    ) -> tuple[PlanarFlow, str, Path]:
        nonlocal search, learned
        search = search or SplitSearch(target, seed)
        if len(worst) > learned:
            search.learn(worst[learned:])
            learned = len(worst)
        return *search.fewest_kinks(tolerance, max_kinks), ()

    return split


def _paper() -> Construction:
    return lambda target, tolerance, max_kinks, seed, _: (
        *paper_construction(target, tolerance, max_kinks, seed),
        (),
    )


def _out_of_tolerance(flow: PlanarFlow, tol: float, outcome: Outcome) -> ToleranceNotReached:
    error = outcome.best.error
    message = f"the best flow found has error {error:.4g}, above the tolerance {tol:g}"
    if error <= tol or not np.isfinite(error):
        message = "the best flow found was not compared with the exact flow at enough points"
    if outcome.refusal is None:
        return ToleranceNotReached(message, flow, outcome.best.error)
    return ToleranceNotReached(
        f"{message}: {outcome.refusal}", flow, outcome.best.error, outcome.refusal.needed
    )
