"""compile(): from a FlowMap and a tolerance to a PlanarFlow. The only place that knows all the stages."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from .certificates import Certificate, certify
from .errors import ToleranceNotReached
from .paper import paper_construction
from .planar import PlanarFlow
from .provenance import Provenance
from .refine import refine_construction
from .split import split_construction
from .target import FlowMap
from .validation import require_positive

METHODS = ("split", "refine", "paper")
# A construction is measured on one set of points and certified on others; aim a little below the tolerance.
_AIM = (0.97, 0.9, 0.8, 0.65)

Report = Callable[[str], None]
Path = tuple[tuple[str, int, float], ...]
# (target, tolerance, most kinks, seed) -> the flow, a line on how it was made, the stages before it.
Construction = Callable[[FlowMap, float, int, int], tuple[PlanarFlow, str, Path]]


def compile(
    target: FlowMap,
    tol: float,
    method: str = "split",
    *,
    max_kinks: int = 20_000,
    max_seconds: float = float("inf"),
    seed: int = 0,
    report: Report = lambda line: None,
) -> PlanarFlow:
    """Compile `target` to a PlanarFlow whose sampled supremum error over the box is at most `tol`.

    Parameters
    ----------
    target : the flow to compile. Its field must be a RidgeField or PiecewiseField, except for "refine".
    tol : the largest allowed error, max norm, over the whole box (in the units of the state).
    method : "split", exact flows of the ridge pieces made piecewise linear, scheme and steps and kinks
        chosen for the fewest kinks; "refine", a coarse construction fitted to the flow, with far fewer
        kinks, for small dimensions so far; or "paper", the literal construction of arXiv:2209.10909, a
        baseline.
    max_kinks : give up beyond this many planar maps.
    max_seconds : "refine" gives up after about this long; the others take no notice.
    seed : seeds every sample; the same arguments give the same flow.
    report : called with a line of text as stages complete.

    Raises ToleranceNotReached, with the best flow and its error, rather than return short of `tol`;
    FlowLeavesDomain where the flow does not exist; ValueError for bad arguments.
    """
    require_positive("tol", tol)
    require_positive("max_kinks", max_kinks)
    if max_seconds != float("inf"):
        require_positive("max_seconds", max_seconds)
    construct = _construction(method, max_seconds, report)
    start = perf_counter()
    flow, path, certificate = _within(construct, target, tol, max_kinks, seed, report)
    flow = flow.with_provenance(
        Provenance(
            system=target.name,
            duration=target.duration,
            method=method,
            tolerance=tol,
            error=certificate.bound,
            error_method=certificate.method,
            seconds=perf_counter() - start,
            path=path,
        )
    )
    if certificate.bound > tol:
        raise ToleranceNotReached(
            f"the best flow found has error {certificate.bound:.3g}, above the tolerance {tol:g}",
            flow,
            certificate.bound,
        )
    return flow


def _construction(method: str, max_seconds: float, report: Report) -> Construction:
    if method == "refine":
        deadline = perf_counter() + max_seconds

        def refined(
            target: FlowMap, tolerance: float, max_kinks: int, seed: int
        ) -> tuple[PlanarFlow, str, Path]:
            left = deadline - perf_counter()
            flow, path = refine_construction(target, tolerance, max_kinks, seed, left, report)
            tried = ", ".join(f"{kinks} kinks {error:.1e}" for _, kinks, error in path)
            return flow, f"refined: {tried}", path

        return refined
    direct = {"split": split_construction, "paper": paper_construction}
    if method not in direct:
        raise ValueError(f"unknown method {method!r}; known are {', '.join(METHODS)}")
    return lambda *arguments: (*direct[method](*arguments), ())


def _within(
    construct: Construction, target: FlowMap, tol: float, max_kinks: int, seed: int, report: Report
) -> tuple[PlanarFlow, Path, Certificate]:
    """The first construction that is certified within `tol`, or the best of those tried, and its path."""
    tried: list[tuple[PlanarFlow, Path, Certificate]] = []
    for aim in _AIM:
        flow, how, path = construct(target, aim * tol, max_kinks, seed)
        report(f"constructed {flow.kinks} kinks ({how})")
        certificate = certify(flow, target, method="sampled", seed=seed + 1)
        report(f"searched for the worst point: {certificate}")
        tried.append((flow, (*path, (how, flow.kinks, certificate.bound)), certificate))
        if certificate.bound <= tol:
            break
    return min(tried, key=lambda item: item[2].bound)
