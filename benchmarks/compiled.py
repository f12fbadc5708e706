"""One cell of `depth` for a method of `vanillaflow.compile`: the network, or why there is none."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import numpy as np

import vanillaflow as vf
from vanillaflow.certificates.sampled import certify_sampled
from vanillaflow.network.precision import in_precision
from vanillaflow.planar.flow import PlanarFlow

# A network that is too large to build has as many layers per planar map as a coarser one of this size.
_PROBE_KINKS = 4000
# A method that keeps the time limit itself is given this much longer before it is stopped from outside.
_GRACE = 1.5


class OutOfTime(Exception):
    """The time of a cell is over."""


@dataclass(frozen=True)
class Limits:
    """What one compilation may take, and its seed."""

    seconds: float
    kinks: int
    seed: int


@dataclass(frozen=True)
class Outcome:
    """The fields of a Row that a compilation decides."""

    seconds: float
    reached: bool = False
    estimated: bool = False
    error: float | None = None
    kinks: int | None = None
    depth: int | None = None
    width: int | None = None
    parameters: int | None = None
    condition: float | None = None
    rounding: float | None = None
    remark: str = ""
    path: tuple[tuple[str, int, float], ...] = ()


def measure(target: vf.FlowMap, tolerance: float, method: str, limits: Limits, judge_seed: int) -> Outcome:
    """Compile and judge the network at points of `judge_seed`. The seconds are the compilation's alone."""
    start = perf_counter()
    try:
        with time_limit(limits.seconds * (_GRACE if _keeps_time(method) else 1.0)):
            flow = _compile(target, tolerance, method, limits)
    except OutOfTime:
        return Outcome(perf_counter() - start, remark=f"nothing within {limits.seconds:g} s")
    except vf.ToleranceNotReached as failure:
        return _failed(failure, perf_counter() - start, target, tolerance, method, limits, judge_seed)
    return _judged(flow, perf_counter() - start, target, tolerance, judge_seed)


def _compile(target: vf.FlowMap, tolerance: float, method: str, limits: Limits) -> PlanarFlow:
    time = {"max_seconds": limits.seconds} if _keeps_time(method) else {}
    return vf.compile(target, tol=tolerance, method=method, max_kinks=limits.kinks, seed=limits.seed, **time)


def _keeps_time(method: str) -> bool:
    """Whether `compile` has a time limit, which the constructions ignore."""
    return method in ("refine", "ridge")


def _judged(
    flow: PlanarFlow, seconds: float, target: vf.FlowMap, tolerance: float, judge_seed: int
) -> Outcome:
    """The network's own error counts, not its PlanarFlow's: rounding in thousands of layers would show."""
    network = flow.to_network()
    error = certify_sampled(network, target, seed=judge_seed).bound
    rounding = certify_sampled(in_precision(network, "float32"), flow, seed=judge_seed).bound
    return Outcome(
        seconds,
        reached=error <= tolerance,
        error=error,
        kinks=flow.kinks,
        depth=network.depth,
        width=network.width,
        parameters=network.parameters - network.slopes.size,
        condition=float(network.condition_numbers().max()),
        rounding=rounding,
        remark="" if error <= tolerance else "the judge finds a worse point",
        path=flow.provenance.path if flow.provenance else (),
    )


def _failed(
    failure: vf.ToleranceNotReached,
    seconds: float,
    target: vf.FlowMap,
    tolerance: float,
    method: str,
    limits: Limits,
    judge_seed: int,
) -> Outcome:
    """The size that it would take, where the method knows it; else the best network found, if any."""
    if failure.needed is not None:
        layers = _layers_per_kink(failure.flow, target, tolerance, method, limits)
        depth, d = round(failure.needed * layers), target.dim
        return Outcome(
            seconds,
            estimated=True,
            kinks=round(failure.needed),
            depth=depth,
            width=d,
            parameters=(depth + 1) * (d * d + d),
            remark=f"extrapolated, above the limit of {limits.kinks:,} kinks",
        )
    if failure.flow is None:
        return Outcome(seconds, remark=str(failure))
    best = _judged(failure.flow, seconds, target, tolerance, judge_seed)
    limit = f"{limits.seconds:g} s" if seconds >= 0.9 * limits.seconds else f"{limits.kinks:,} kinks"
    return Outcome(**(vars(best) | {"reached": False, "remark": f"stopped short, limits {limit}"}))


def _layers_per_kink(
    flow: PlanarFlow | None, target: vf.FlowMap, tolerance: float, method: str, limits: Limits
) -> float:
    """Layers for each planar map of `flow` or, without one, of the finest construction small enough."""
    probe = Limits(limits.seconds, _PROBE_KINKS, limits.seed)
    needed = np.inf
    while flow is None:
        tolerance *= 2
        try:
            flow = _compile(target, tolerance, method, probe)
        except vf.ToleranceNotReached as failure:
            if failure.needed is None or failure.needed >= needed:
                raise  # A looser tolerance does not help any more.
            needed = failure.needed
    return flow.to_network().depth / flow.kinks


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the body after `seconds` (in the main thread, where there are Unix signals).

    Again every second from then on: compiled extensions may swallow an exception that meets them.
    """

    def stop(signum, frame):
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
