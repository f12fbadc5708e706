"""compile(): from a FlowMap and a tolerance to a PlanarFlow. The only place that knows all the stages."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from .certificates import Certificate, certify
from .errors import ToleranceNotReached
from .paper import paper_construction
from .planar import PlanarFlow
from .provenance import Provenance
from .split import split_construction
from .target import FlowMap
from .validation import require_positive

METHODS = ("split", "paper")
# A construction is measured on one set of points and certified on others; aim a little below the tolerance.
_AIM = (0.97, 0.9, 0.8, 0.65)

Report = Callable[[str], None]
# (target, tolerance, most kinks, seed) -> the flow, and a line on how it was made.
Construction = Callable[[FlowMap, float, int, int], tuple[PlanarFlow, str]]


def compile(
    target: FlowMap,
    tol: float,
    method: str = "split",
    *,
    max_kinks: int = 20_000,
    seed: int = 0,
    report: Report = lambda line: None,
) -> PlanarFlow:
    """Compile `target` to a PlanarFlow whose sampled supremum error over the box is at most `tol`.

    Parameters
    ----------
    target : the flow to compile. Its field must be a RidgeField or PiecewiseField.
    tol : the largest allowed error, max norm, over the whole box (in the units of the state).
    method : "split", exact flows of the ridge pieces made piecewise linear, scheme and steps and kinks
        chosen for the fewest kinks; or "paper", the literal construction of arXiv:2209.10909, a baseline.
    max_kinks : give up beyond this many planar maps.
    seed : seeds every sample; the same arguments give the same flow.
    report : called with a line of text as stages complete.

    Raises ToleranceNotReached, with the best flow and its error, rather than return short of `tol`;
    FlowLeavesDomain where the flow does not exist; ValueError for bad arguments.
    """
    construct = _construction(method)
    require_positive("tol", tol)
    require_positive("max_kinks", max_kinks)
    start = perf_counter()
    flow, how, certificate = _within(construct, target, tol, max_kinks, seed, report)
    flow = flow.with_provenance(
        Provenance(
            system=target.name,
            duration=target.duration,
            method=method,
            tolerance=tol,
            error=certificate.bound,
            error_method=certificate.method,
            seconds=perf_counter() - start,
            path=((how, flow.kinks, certificate.bound),),
        )
    )
    if certificate.bound > tol:
        raise ToleranceNotReached(
            f"the best flow found has error {certificate.bound:.3g}, above the tolerance {tol:g}",
            flow,
            certificate.bound,
        )
    return flow


def _construction(method: str) -> Construction:
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; known are {', '.join(METHODS)}")
    return {"split": split_construction, "paper": paper_construction}[method]


def _within(
    construct: Construction, target: FlowMap, tol: float, max_kinks: int, seed: int, report: Report
) -> tuple[PlanarFlow, str, Certificate]:
    """The first construction that is certified within `tol`, or the best of those tried."""
    tried: list[tuple[PlanarFlow, str, Certificate]] = []
    for aim in _AIM:
        flow, how = construct(target, aim * tol, max_kinks, seed)
        report(f"constructed {flow.kinks} kinks ({how})")
        certificate = certify(flow, target, method="sampled", seed=seed + 1)
        report(f"searched for the worst point: {certificate}")
        tried.append((flow, how, certificate))
        if certificate.bound <= tol:
            break
    return min(tried, key=lambda item: item[2].bound)
