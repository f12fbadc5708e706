"""compile(): from a FlowMap and a tolerance to a PlanarFlow. The only place that knows all the stages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import overload

from .choices import EFFORTS, did_you_mean
from .constructions.attempts import best_attempt
from .constructions.chain import FlowChain
from .constructions.construction import Limits, Report, quiet
from .constructions.increments import compile_chain
from .constructions.one_slope.construction import OneSlope
from .constructions.registry import construction
from .deadline import within
from .planar.flow import PlanarFlow
from .provenance import Provenance
from .target import Target
from .validation import require_fraction, require_positive

# The exact flow is computed to so much of the tolerance, in units of the state.
_FINER = 1e-5
# Stages that look at the clock end at max_seconds; the rest is cut short after so many times that, and so
# many seconds. It leaves time for the last flow's error.
_LATEST, _GRACE = 1.05, 0.5
# The default method, and that with the fewest kinks.
_DEFAULT, _SMALLEST = "anytime", "refine"


@overload
def compile(
    target: Target,
    tol: float,
    method: str = ...,
    *,
    times: None = None,
    slope: float | None = ...,
    effort: str | float = ...,
    max_kinks: int = ...,
    max_seconds: float = ...,
    seed: int = ...,
    report: Report = ...,
) -> PlanarFlow: ...


@overload
def compile(
    target: Target,
    tol: float,
    method: str = ...,
    *,
    times: Sequence[float],
    slope: float | None = ...,
    effort: str | float = ...,
    max_kinks: int = ...,
    max_seconds: float = ...,
    seed: int = ...,
    report: Report = ...,
) -> FlowChain: ...


def compile(
    target: Target,
    tol: float,
    method: str = "anytime",
    *,
    times: Sequence[float] | None = None,
    slope: float | None = None,
    effort: str | float = "normal",
    max_kinks: int = 20_000,
    max_seconds: float = float("inf"),
    seed: int = 0,
    report: Report = quiet,
) -> PlanarFlow | FlowChain:
    """Compile `target` to a PlanarFlow whose sampled supremum error over the box is at most `tol`.

    Parameters
    ----------
    target
        The flow to compile. For "split" and "paper" its field must be a RidgeField or PiecewiseField.
    tol
        The largest allowed error, max norm, over the whole box (in the units of the state).
    method
        "anytime", the first flow within the tolerance that one of the others finds, in seconds for most
        systems of up to ten dimensions, then a smaller one, as `effort` says;
        "refine", planar maps fitted to the flow, with the fewest kinks, in seconds to minutes for small
        dimensions; "ridge", few smooth ridge maps x + f(w.x) fitted to the flow and made piecewise linear, in
        seconds, with several times as many kinks, and the fastest to evaluate; "split", exact flows of the
        ridge pieces made piecewise linear, scheme and steps and kinks chosen for the fewest kinks; or
        "paper", the literal construction of arXiv:2209.10909, a baseline.
    times
        Increasing times within (0, target.duration]. With them the result is a FlowChain: the flow to each of
        them, each within `tol`, made of increments that the later ones share. They take the default method or
        "refine", which makes the increments, and no slope.
    slope
        A number in (0, 1), for a flow of the paper's strict class: `to_network(slope=slope)` then has this
        slope in every layer. It takes many times as many kinks, unless "split" finds nothing but shears; the
        default method is "refine" here, which needs the fewest.
    effort
        What "anytime" spends on fewer kinks once it is within the tolerance. "fast": nothing; "normal": some
        seconds, where kinks are so few that refinement takes no longer; "small": all that refinement takes,
        minutes for hundreds of kinks, which mostly halves them; or a number of seconds, after which it ends
        with the smallest flow that there is.
    max_kinks
        The largest number of planar maps.
    max_seconds
        The time after which the compilation gives up, in seconds. "refine" and "ridge" then finish what they
        have; all stages end within a tenth and a second more. Not counted are the kernels that numba compiles
        where it has not done so on this machine before.
    seed
        The seed of every sample; the same arguments give the same flow.
    report
        A function that takes a line of text as stages complete.

    Raises
    ------
    ToleranceNotReached
        If the flow does not reach `tol`; with the best flow and its error.
    CompilationInterrupted
        On Ctrl-C once there is a flow, with the same; it is a KeyboardInterrupt.
    FlowLeavesDomain
        Where the exact flow does not exist.
    ValueError
        For bad arguments.
    """
    require_positive("tol", tol)
    require_positive("max_kinks", max_kinks)
    if max_seconds != float("inf"):
        require_positive("max_seconds", max_seconds)
    limits = Limits(max_kinks, max_seconds, seed, _require_effort(effort))
    with within(_LATEST * max_seconds + _GRACE):
        if times is not None:
            if method not in (_DEFAULT, _SMALLEST) or slope is not None:
                raise ValueError(f'several times take method="{_SMALLEST}" and no slope')
            each = partial(compile, method=_SMALLEST, seed=seed, report=report)
            return compile_chain(target, tol, times, each, limits, report)
        if slope is not None and method == _DEFAULT:
            # Each kink takes many layers: the fewest are worth waiting for.
            method = _SMALLEST
        make = construction(method)(target.coarser(_FINER * tol), limits, report)
        if slope is not None:
            make = OneSlope(make, require_fraction("slope", slope))
        outcome = best_attempt(make, tol)
    best = outcome.best
    provenance = Provenance(
        system=target.name,
        duration=target.duration,
        method=method,
        tolerance=tol,
        error=best.error,
        error_method="sampled",
        seconds=perf_counter() - limits.begun,
        path=best.path,
    )
    return outcome.flow_within(tol, provenance)


def _require_effort(effort: str | float) -> str | float:
    """One of EFFORTS, or positive seconds; raises ValueError for another."""
    if not isinstance(effort, str):
        return require_positive("effort, in seconds,", effort)
    if effort not in EFFORTS:
        hint = did_you_mean(effort, EFFORTS)
        raise ValueError(f"unknown effort {effort!r}; known are {', '.join(EFFORTS)} and seconds{hint}")
    return effort
