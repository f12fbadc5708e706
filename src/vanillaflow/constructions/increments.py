"""Increments: what is compiled for each of several times, when the flow to one goes on from the one before.

Let F be the compiled flow to one time. The increment I to the next time t is to make I(F(x)) the exact flow
Phi_t(x) for all x of the box, so its target is Phi_t after the inverse of F, on the image of the box under F.
Part of the error of F is mended on the way; the rest grows with the flow, so that earlier times need smaller
errors than the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..deadline import TimeIsUp
from ..errors import CompilationInterrupted, ToleranceNotReached
from ..planar.flow import PlanarFlow, concatenate
from ..planar.zonotope import image_box
from ..target import Target
from ..validation import require_finite
from .chain import FlowChain
from .construction import Limits, Report
from .settings import CHAINS


@runtime_checkable
class Compile(Protocol):
    """compile(), for one of the targets."""

    def __call__(self, target: Target, tol: float, *, max_kinks: int, max_seconds: float) -> PlanarFlow: ...


def compile_chain(
    target: Target,
    tol: float,
    times: Sequence[float],
    compile_one: Compile,
    limits: Limits,
    report: Report,
) -> FlowChain:
    """The chain whose flow to each of the times is within `tol` of the exact flow.

    Raises ValueError for times that do not increase within (0, target.duration], or a target that is known by
    samples only; what `compile_one` raises, with the flow from time 0 in place of the increment.
    """
    ends = _require_times(times, target)
    flows: list[PlanarFlow] = []
    increments: list[PlanarFlow] = []
    try:
        aims = tolerances(target, ends, tol)
    except TimeIsUp as late:
        raise ToleranceNotReached(f"the tolerance {tol:g} is out of reach: {late}") from None
    for time, aim in zip(ends, aims):
        before = flows[-1] if flows else PlanarFlow.identity(target.dim, target.domain)
        part = target.until(time)
        if flows:
            part = Increment(target, before, ends[len(flows) - 1], time)
            before_box = image_box(before)
        report(f"to time {time:g}, within {aim:.2g}")
        try:
            left = max(limits.seconds_left, 1e-3)
            most = max(limits.max_kinks - before.kinks, 1)
            increment = compile_one(part, aim, max_kinks=most, max_seconds=left)
        except (ToleranceNotReached, CompilationInterrupted) as stopped:
            if stopped.flow is not None:
                stopped.flow = _compose(before, stopped.flow, target)
            stopped.add_note(f"on the way to time {time:g}, the {len(flows) + 1}. of {len(ends)}")
            raise
        made = increment.provenance and replace(increment.provenance, duration=time, tolerance=tol)
        flows.append(_compose(before, increment, target).with_provenance(made))
        increments.append(replace(increment, domain=before_box) if increments else flows[0])
    return FlowChain(tuple(ends), tuple(flows), tuple(increments))


def _compose(before: PlanarFlow, increment: PlanarFlow, target: Target) -> PlanarFlow:
    """The increment after the flow before it, on the target's box."""
    return replace(concatenate([before, increment]), domain=target.domain)


def _require_times(times: Sequence[float], target: Target) -> list[float]:
    ends = require_finite("times", times)
    if ends.ndim != 1 or ends.size == 0:
        raise ValueError(f"times must be a sequence of numbers, got {times!r}")
    if np.any(np.diff(ends, prepend=0.0) <= 0) or ends[-1] > target.duration:
        raise ValueError(
            f"times must increase from above 0 to at most the duration {target.duration:g}, got {times!r}"
        )
    target.until(ends[-1])
    return [float(time) for time in ends]


class CarriedBox(Box):
    """The image of a box under a PlanarFlow, sampled as the box is; `low` and `high` bound a sample of it."""

    def __init__(self, flow: PlanarFlow, domain: Box, points: int = CHAINS.image_points):
        x = np.concatenate([domain.sample(points), domain.boundary(points), domain.corners()])
        y = flow(x)
        super().__init__(y.min(axis=0), y.max(axis=0))
        object.__setattr__(self, "flow", flow)
        object.__setattr__(self, "box", domain)

    flow: PlanarFlow
    box: Box

    def contains(self, x: Float[np.ndarray, "n d"]) -> np.ndarray:
        return self.box.contains(self.flow.inverse(x))

    def clip(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """The images of the points of the box that are nearest to the preimages."""
        return self.flow(self.box.clip(self.flow.inverse(x)))

    def from_unit(self, u: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        return self.flow(self.box.from_unit(u))

    def boundary(self, n: int, seed: int = 0) -> Float[np.ndarray, "n d"]:
        return self.flow(self.box.boundary(n, seed))


class Increment(Target):
    """y -> Phi_t(F^-1(y)) on the image of the box under F, the compiled flow to `since`."""

    def __init__(self, target: Target, compiled: PlanarFlow, since: float, time: float):
        self._target, self._compiled, self._time = target, compiled, time
        self._since = since
        self.duration = time - since
        self.domain = CarriedBox(compiled, target.domain)
        self.name = target.name
        self.rtol = target.rtol

    # It is short: fits start from the whole of it, not from slices.
    knows_trajectories = False

    @property
    def reference(self) -> str:
        return self._target.reference

    @property
    def held(self) -> int:
        return self._target.held

    def coarser(self, rtol: float) -> Increment:
        return Increment(self._target.coarser(rtol), self._compiled, self._since, self._time)

    def finer(self, factor: float) -> Increment:
        return Increment(self._target.finer(factor), self._compiled, self._since, self._time)

    def require_resolved(
        self, x: Float[np.ndarray, "n d"], allowed: float | Float[np.ndarray, " d"] = 0.0
    ) -> None:
        self._target.until(self._time).require_resolved(self._compiled.inverse(x), allowed)

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        return self._target.trajectory(self._compiled.inverse(x), [self._time])[0]

    def trajectory(
        self, x: Float[np.ndarray, "n d"], times: np.ndarray | Sequence[float]
    ) -> Float[np.ndarray, "m n d"]:
        """At time 0 the rows of x; then, exactly, the states of the trajectories to which these belong."""
        later = [self._since + float(t) for t in times if t > 0]
        states = self._target.trajectory(self._compiled.inverse(x), later)
        start = np.repeat(np.asarray(x, dtype=np.float64)[None], len(times) - len(later), axis=0)
        return np.concatenate([start, states]) if later else start


def tolerances(target: Target, times: Sequence[float], tol: float) -> list[float]:
    """The error to aim at for each time, so that the last is `tol` and each increment has its share.

    An error e at one time may be A e at the next, A the largest max norm of the flow's Jacobian between them.
    Of the tolerance at the next time, the k-th of all, k / (k + 1) is left to what came before.
    """
    aims = [tol]
    growth = _growth(target, times)
    for k in range(len(times) - 1, 0, -1):
        aims.insert(0, min(tol, k / (k + 1) * aims[0] / growth[k - 1]))
    return aims


def _growth(target: Target, times: Sequence[float]) -> list[float]:
    """The largest max norm of the Jacobian of the flow from each time to the next, over a sample."""
    x = np.concatenate([target.domain.sample(CHAINS.points), target.domain.corners()[: CHAINS.points]])
    step = CHAINS.step * target.domain.width
    moved = [x + step * unit for unit in np.eye(target.dim)]
    states = target.trajectory(np.concatenate([x, *moved]), times)
    base, *others = np.split(states, target.dim + 1, axis=1)
    # (m, n, output, input): the Jacobian of the flow from time 0.
    J = np.stack([(other - base) / step[i] for i, other in enumerate(others)], axis=-1)
    # From one time to the next it is then first^-1. What has decayed to nothing by the first time, up to the
    # noise of the differences, is not there to grow.
    between = [then @ np.linalg.pinv(first, rcond=CHAINS.noise) for first, then in pairwise(J)]
    return [float(np.abs(each).sum(axis=2).max()) for each in between]
