"""The split construction: exact sub-flows of ridge pieces, each made piecewise linear.

Two errors add up. The splitting error falls with the order and the number of steps; the piecewise-linear
error falls as 1/m^2 with m kinks per sub-flow and hardly depends on the steps. Both are measured on the
target, and the pair with the fewest kinks is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from .assembly import assemble
from .certificates.sampled import search_points
from .errors import ToleranceNotReached
from .fields.ridge import ridge_segments
from .planar import PlanarFlow
from .shared_curves import SharedCurve, shared_curves
from .splitting import SCHEMES, Scheme
from .sub_flows import Part, SubFlow, sub_flows
from .target import FlowMap

_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
# How many of the most promising (scheme, steps) pairs are built and measured.
_BUILT = 3
_SAMPLES = 1024
_COORDINATES = 2**15
_WIDEN = 4.0
# Schemes of higher order take several times as many sub-flows a step, each with kinks on all of its ridges:
# with more ridges than this they are not tried.
_MANY_RIDGES = 256
# Among how many sub-flows kinks are dealt out.
_WINDOWS = (16, 8, 4, 2, 1)
# Predictions add worst cases up. Plans that promise more than so many times the kinks found are not built.
_HOPELESS = 4.0
# The density of kinks is found to 2 %, or 10 % where there are so many that each attempt takes seconds; then
# only the most promising plans are built.
_CLOSE, _CLOSE_TO_MANY, _MANY = 1.02, 1.1, 20_000


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """A scheme with a number of steps: its sub-flows, the curves to approximate, its splitting error.

    ranges : for each sub-flow the least and the largest argument of its pieces that the box reaches.
    window : among how many sub-flows of one piece the kinks are dealt out; see `shared_curves`.
    """

    scheme: Scheme
    steps: int
    sub_flows: list[SubFlow]
    ranges: list[Float[np.ndarray, "2 _"]]
    splitting_error: float
    window: int = 1

    @cached_property
    def curves(self) -> list[SharedCurve]:
        """The displacements to approximate."""
        return shared_curves(self.sub_flows, self.ranges, self.window)

    @cached_property
    def exists(self) -> bool:
        """Whether the sub-flows do, on the whole of their ranges."""
        return all(np.all(np.isfinite(shared.curve.value)) for shared in self.curves)

    @cached_property
    def _pieces(self) -> Int[np.ndarray, " c"]:
        """How many pieces share each curve: a kink on it is so many planar maps."""
        return np.array([len(shared.pieces) for shared in self.curves], dtype=np.int64)

    @cached_property
    def _corners(self) -> Int[np.ndarray, " c"]:
        return np.array([shared.curve.corners.size for shared in self.curves], dtype=np.int64)

    @cached_property
    def _loads(self) -> Float[np.ndarray, "c d"]:
        """Curve j with m kinks moves coordinate i by at most loads[j, i] / m^2 too much: (total / (4 m))^2
        is its error, and the directions a tell what becomes of it."""
        rows = [
            np.abs(shared.field.a[list(shared.pieces)]).sum(axis=0) * shared.curve.total**2 / 16
            for shared in self.curves
        ]
        return np.array(rows) if rows else np.zeros((0, 1))

    @cached_property
    def _shares(self) -> Float[np.ndarray, " c"]:
        """Kinks of each curve at density 1.

        Minimizing sum m_j subject to sum c_j / m_j^2 fixed gives m_j ~ c_j^(1/3).
        """
        return np.cbrt(self._loads.max(axis=1, initial=0.0))

    @property
    def curved(self) -> bool:
        """Whether kinks are needed beyond those on corners."""
        return bool(np.any(self._shares))

    def counts(self, density: float) -> Int[np.ndarray, " c"]:
        """Kinks of each curve: one on each corner, and those that resolve its curvature."""
        return self._corners + np.floor(density * self._shares + 0.5).astype(np.int64)

    def kinks(self, density: float) -> int:
        """The number of planar maps."""
        return int(self._pieces @ self.counts(density))

    def predicted_kinks(self, tolerance: float) -> float:
        """The number of planar maps at which the loads add up to what the splitting error leaves."""
        room = tolerance - self.splitting_error
        if room <= 0:
            return np.inf
        shares = np.where(self._shares > 0, self._shares, 1.0)
        at_density_one = float(np.max(shares**-2.0 @ self._loads, initial=0.0))
        return float(self._pieces @ (np.sqrt(at_density_one / room) * self._shares + self._corners))

    def density(self, kinks: float) -> float:
        """A density with about that many kinks in all."""
        spread = float(self._pieces @ self._shares)
        return max(kinks - float(self._pieces @ self._corners), 0.0) / spread if spread > 0 else 0.0

    def parts(self, density: float) -> list[list[Part]]:
        """The piecewise-linear displacements of each sub-flow, with `counts(density)` kinks on the curves."""
        parts: list[list[Part]] = [[] for _ in self.sub_flows]
        for shared, count in zip(self.curves, self.counts(density).tolist()):
            for number, function in zip(shared.flows, shared.dealt(count)):
                parts[number].append((shared.pieces, function))
        return parts

    def image(self, density: float, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """What the flow that `build` makes does to the rows of x."""
        for flow, parts in zip(self.sub_flows, self.parts(density)):
            x = flow.image(x, parts)
        return x

    def build(self, density: float, target: FlowMap) -> PlanarFlow:
        """The PlanarFlow with `counts(density)` kinks on the curves."""
        maps = (flow.maps(parts) for flow, parts in zip(self.sub_flows, self.parts(density)))
        return assemble(maps, target.dim, target.domain)


def plan(
    target: FlowMap,
    scheme: Scheme,
    steps: int,
    flows: list[SubFlow],
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "n d"],
) -> SplitPlan:
    """Trace the points x, whose exact images are y, through the exact sub-flows.

    The splitting error is infinite where a sub-flow does not exist for the whole of its time.
    """
    ranges = []
    for flow in flows:
        ranges.append(flow.ranges(x))
        x = flow(x)
        if not np.all(np.isfinite(x)):
            return SplitPlan(scheme, steps, flows, [], np.inf)
    found = SplitPlan(scheme, steps, flows, ranges, float(np.max(np.abs(x - y))))
    return found if found.exists else replace(found, splitting_error=np.inf)


def split_construction(
    target: FlowMap,
    tolerance: float,
    max_kinks: int,
    seed: int = 0,
    schemes: tuple[str, ...] = tuple(SCHEMES),
) -> tuple[PlanarFlow, str]:
    """The split construction with the fewest kinks whose error on a search set is within `tolerance`.

    Returns it with a line that says which scheme and how many steps it uses. Raises ToleranceNotReached with
    the best flow if that takes more than `max_kinks`, or if no scheme can be used.
    """
    x = search_points(target.domain, min(_SAMPLES, _COORDINATES // target.dim), seed)
    y = target(x)
    plans: list[SplitPlan] = []
    ridges = max(field.ridges for field, _ in ridge_segments(target.field, target.duration))
    for name in schemes:
        if ridges > _MANY_RIDGES and SCHEMES[name].order > 2:
            continue
        fewest = min((p.predicted_kinks(tolerance) for p in plans), default=np.inf)
        plans += _plans(target, SCHEMES[name], tolerance, min(fewest, max_kinks), x, y)
    if not plans:
        flow, error = _one_step(target, max_kinks, x, y)
        raise ToleranceNotReached(
            f"no splitting scheme of up to {_STEPS[-1]} steps and {max_kinks} sub-flows comes close enough "
            "to the flow; the field's ridge pieces are too strong for a box and a duration of this size",
            flow,
            error,
        )
    best: tuple[PlanarFlow, SplitPlan] | None = None
    plans.sort(key=lambda p: p.predicted_kinks(tolerance))
    for candidate in _dealt(plans, tolerance):
        fewest = max_kinks if best is None else best[0].kinks - 1
        if best is not None and candidate.predicted_kinks(tolerance) > _HOPELESS * fewest:
            continue
        flow = _fewest_kinks(candidate, target, tolerance, fewest, x, y)
        if flow is not None:
            best = flow, candidate
    if best is None:
        needed = plans[0].predicted_kinks(tolerance)
        flow = plans[0].build(plans[0].density(max_kinks), target)
        raise ToleranceNotReached(
            f"the split construction needs about {needed:.0f} kinks, above the limit of {max_kinks}",
            flow,
            float(np.max(np.abs(flow(x) - y))),
            needed,
        )
    flow, chosen = best
    steps = f"{chosen.steps} step" + ("s" if chosen.steps > 1 else "")
    return flow, f"{chosen.scheme.name}, {steps}, splitting error {chosen.splitting_error:.1e}"


def _dealt(plans: list[SplitPlan], tolerance: float) -> Iterator[SplitPlan]:
    """The most promising of the plans, with kinks dealt out among more and fewer sub-flows."""
    promising = plans[: _BUILT if plans[0].predicted_kinks(tolerance) < _MANY else 1]
    for window in _WINDOWS:
        for candidate in promising:
            # A corner of the displacement must be where it is in every sub-flow.
            cornered = any(shared.curve.corners.size for shared in candidate.curves)
            if window == 1 or not cornered:
                yield replace(candidate, window=window)


def _plans(
    target: FlowMap, scheme: Scheme, tolerance: float, fewest: float, x: np.ndarray, y: np.ndarray
) -> list[SplitPlan]:
    """Plans of one scheme with more and more steps, until more steps no longer promise fewer kinks.

    A plan with more ridge sub-flows than `fewest`, the least number of kinks promised so far, would have less
    than one kink on each: it is not worth tracing.
    """
    found: list[SplitPlan] = []
    for steps in _STEPS:
        flows = list(sub_flows(target.field, target.duration, scheme, steps))
        if sum(len(flow.pieces) for flow in flows) > fewest:
            break
        candidate = plan(target, scheme, steps, flows, x, y)
        if candidate.splitting_error < tolerance:
            found.append(candidate)
        promises = [p.predicted_kinks(tolerance) for p in found]
        if len(found) > 1 and promises[-1] > promises[-2]:
            break
    return found


def _fewest_kinks(
    candidate: SplitPlan, target: FlowMap, tolerance: float, max_kinks: int, x: np.ndarray, y: np.ndarray
) -> PlanarFlow | None:
    """Bisect on the density of kinks, with the error measured each time; None if `max_kinks` do not do."""
    if not candidate.curved:
        return candidate.build(0.0, target) if candidate.kinks(0.0) <= max_kinks else None

    def suffices(density: float) -> bool:
        return bool(np.max(np.abs(candidate.image(density, x) - y)) <= tolerance)

    # Worst-case addition of errors overestimates, so the predicted density is an upper end most times.
    # One that leaves hardly any room for the piecewise-linear error asks for more kinks than can be built.
    high = candidate.density(min(candidate.predicted_kinks(tolerance), max_kinks))
    while not suffices(high):
        most = candidate.density(max_kinks)
        if high >= most or candidate.kinks(high) > max_kinks:
            return None
        high = min(2 * high, most)
    # In high dimension by far: the errors of many ridges rarely have one sign.
    low = high / _WIDEN
    while candidate.kinks(high) > candidate.kinks(low):
        if not suffices(low):
            break
        high, low = low, low / _WIDEN
    close = _CLOSE if candidate.kinks(high) < _MANY else _CLOSE_TO_MANY
    while high > close * low and candidate.kinks(high) > candidate.kinks(low):
        middle = np.sqrt(low * high)
        low, high = (low, middle) if suffices(middle) else (middle, high)
    if candidate.kinks(high) > max_kinks:
        return None
    try:
        return candidate.build(high, target)
    except ToleranceNotReached:
        return None


def _one_step(
    target: FlowMap, max_kinks: int, x: np.ndarray, y: np.ndarray
) -> tuple[PlanarFlow | None, float]:
    """A single Lie-Trotter step with at most `max_kinks` kinks and its error, to show with a refusal."""
    lie = SCHEMES["lie"]
    only = plan(target, lie, 1, list(sub_flows(target.field, target.duration, lie, 1)), x, y)
    if not np.isfinite(only.splitting_error):
        return None, np.inf
    try:
        flow = only.build(only.density(max_kinks), target)
    except ToleranceNotReached:
        return None, np.inf
    return (flow, float(np.max(np.abs(flow(x) - y)))) if flow.kinks <= max_kinks else (None, np.inf)
