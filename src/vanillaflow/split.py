"""The split construction: exact sub-flows of ridge pieces, each made piecewise linear.

Two errors add up. The splitting error falls with the order and the number of steps; the piecewise-linear
error falls as 1/m^2 with m kinks per sub-flow and hardly depends on the steps. Both are measured on the
target, and the pair with the fewest kinks is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from .assembly import AffineMap, RidgeMap, assemble
from .certificates.sampled import search_points
from .errors import ToleranceNotReached
from .fields.ridge import RidgeField, ridge_segments
from .piecewise import Curve
from .planar import PlanarFlow
from .splitting import AFFINE, SCHEMES, Scheme, sequence
from .target import FlowMap

_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
# How far beyond the sampled range of w.x + b a sub-flow is approximated; from there it goes on linearly.
_MARGIN = 0.02
# How many of the most promising (scheme, steps) pairs are built and measured.
_BUILT = 3
_SAMPLES = 1024
_COORDINATES = 2**14


@lru_cache(maxsize=64)
def _affine_flow(field: RidgeField, tau: float) -> tuple[np.ndarray, np.ndarray]:
    """field.affine_flow(tau), remembered: one scheme asks for the same few times step after step."""
    return field.affine_flow(tau)


@dataclass(frozen=True, eq=False)
class SubFlow:
    """The flow of one piece of `field` for time `tau` (negative in some schemes)."""

    field: RidgeField
    piece: int
    tau: float

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """The exact flow at the rows of x."""
        if self.piece == AFFINE:
            M, m = _affine_flow(self.field, self.tau)
            return x @ M.T + m
        return self.field.ridge_flow(self.piece, self.tau, x)


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """A scheme with a number of steps: its sub-flows, the curves to approximate, its splitting error.

    `curves` has, for each ridge sub-flow, the Curve of its displacement over the range that the box reaches
    (None for affine ones); `weights` how much one unit of that curve's error moves the state.
    """

    scheme: Scheme
    steps: int
    sub_flows: list[SubFlow]
    curves: list[Curve | None]
    weights: Float[np.ndarray, " subflows"]
    splitting_error: float

    def kinks(self, density: float) -> np.ndarray:
        """Kinks of each sub-flow, one on each corner of its curve and those that resolve its curvature.

        Minimizing sum m_j subject to sum c_j / m_j^2 fixed gives m_j ~ c_j^(1/3).
        """
        return self.corners + np.floor(density * np.cbrt(self.weights) + 0.5).astype(np.int64)

    @property
    def corners(self) -> np.ndarray:
        """How many corners the curve of each sub-flow has."""
        return np.array([curve.corners.size if curve else 0 for curve in self.curves], dtype=np.int64)

    def predicted_kinks(self, tolerance: float) -> float:
        """sum m_j at which sum c_j / m_j^2 is what the splitting error leaves of the tolerance."""
        room = tolerance - self.splitting_error
        if room <= 0:
            return np.inf
        return float(np.sum(np.cbrt(self.weights)) ** 1.5 / np.sqrt(room) + self.corners.sum())

    def density(self, kinks: float) -> float:
        """A density with about that many kinks in all."""
        spread = float(np.sum(np.cbrt(self.weights)))
        return max(kinks - float(self.corners.sum()), 0.0) / spread if spread > 0 else 0.0

    def build(self, density: float, target: FlowMap) -> PlanarFlow:
        """The PlanarFlow with `kinks(density)` kinks on each sub-flow."""
        counts = self.kinks(density)
        maps = (planar_maps(s, c, int(k)) for s, c, k in zip(self.sub_flows, self.curves, counts))
        return assemble(maps, target.dim, target.domain)


def sub_flows(field: object, duration: float, scheme: Scheme, steps: int) -> Iterator[SubFlow]:
    """The sub-flows of a scheme with `steps` steps over the duration, shared out over the field's segments.

    Raises FieldError unless the field is a RidgeField or PiecewiseField.
    """
    for segment, length in ridge_segments(field, duration):
        pieces = list(range(segment.ridges))
        if np.any(segment.A) or np.any(segment.c):
            pieces.insert(0, AFFINE)
        share = max(1, round(steps * length / duration))
        for piece, fraction in sequence(scheme, pieces, share):
            yield SubFlow(segment, piece, fraction * length)


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
    curves: list[Curve | None] = []
    weights = np.zeros(len(flows))
    for i, flow in enumerate(flows):
        if flow.piece == AFFINE:
            curves.append(None)
        else:
            curve = _displacement_curve(flow, x)
            if not np.all(np.isfinite(curve.value)):
                return SplitPlan(scheme, steps, flows, curves, weights, np.inf)
            curves.append(curve)
            weights[i] = np.max(np.abs(flow.field.a[flow.piece])) * curve.total**2 / 16
        x = flow(x)
    error = np.max(np.abs(x - y))
    return SplitPlan(scheme, steps, flows, curves, weights, float(error) if np.isfinite(error) else np.inf)


def _displacement_curve(flow: SubFlow, x: np.ndarray) -> Curve:
    """The displacement of a ridge sub-flow over the range of its argument on the points x."""
    field, k = flow.field, flow.piece
    nu = x @ field.w[k] + field.b[k]
    low, high = float(nu.min()), float(nu.max())
    margin = max(_MARGIN * (high - low), 1e-9 * (1 + abs(low) + abs(high)))
    # Where g has a kink at c, h has one at c and one where the flow reaches c.
    breaks = np.array(field.profiles[k].breaks)
    corners = np.concatenate([breaks, field.profiles[k].flow(breaks, -float(field.mu[k]) * flow.tau)])
    return Curve(
        lambda z: field.ridge_displacement(k, flow.tau, z),
        low - margin,
        high + margin,
        sorted(set(corners[np.isfinite(corners)].tolist())),
    )


def planar_maps(flow: SubFlow, curve: Curve | None, kinks: int) -> AffineMap | RidgeMap:
    """The sub-flow with its displacement made piecewise linear with `kinks` kinks.

    With D piecewise linear of slopes s_0..s_m and breaks nu_j, the map x + a D(nu) is the affine map
    x + a (s_0 nu + intercept) followed, in ascending order, by kinks. Before kink j the argument at nu_j has
    come to nu_j + mu D(nu_j) and its slope in nu is 1 + mu s_{j-1}; so kink j is a planar map at that
    threshold, with direction a (s_j - s_{j-1}) / (1 + mu s_{j-1}).
    """
    field, k = flow.field, flow.piece
    if curve is None:
        return AffineMap(*_affine_flow(field, flow.tau))
    D = curve.approximate(kinks)
    mu, b = float(field.mu[k]), float(field.b[k])
    stretch = 1 + mu * D.slopes
    if np.min(stretch) <= 0:
        # The exact h is increasing; its chords are too. Only the balancing of a coarse fit can break that.
        raise ToleranceNotReached(f"a sub-flow of ridge {k} is too steep for {kinks} kinks")
    return RidgeMap(
        field.a[k],
        field.w[k],
        slope=float(D.slopes[0]),
        offset=float(D.slopes[0] * b + D.intercept),
        beta=np.diff(D.slopes) / stretch[:-1],
        t=D.breaks + mu * D.at_breaks - b,
    )


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
    for name in schemes:
        fewest = min((p.predicted_kinks(tolerance) for p in plans), default=np.inf)
        plans += _plans(target, SCHEMES[name], tolerance, min(fewest, max_kinks), x, y)
    plans.sort(key=lambda p: p.predicted_kinks(tolerance))
    if not plans:
        flow, error = _one_step(target, max_kinks, x, y)
        raise ToleranceNotReached(
            f"no splitting scheme of up to {_STEPS[-1]} steps and {max_kinks} sub-flows comes close enough "
            "to the flow; the field's ridge pieces are too strong for a box and a duration of this size",
            flow,
            error,
        )
    best: tuple[PlanarFlow, SplitPlan] | None = None
    for candidate in plans[:_BUILT]:
        flow = _fewest_kinks(candidate, target, tolerance, max_kinks, x, y)
        if flow is not None and (best is None or flow.kinks < best[0].kinks):
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
        if sum(flow.piece != AFFINE for flow in flows) > fewest:
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
    if not np.any(candidate.weights):
        exact = candidate.build(0.0, target)
        return exact if exact.kinks <= max_kinks else None

    def attempt(density: float) -> PlanarFlow | None:
        try:
            flow = candidate.build(density, target)
        except ToleranceNotReached:
            return None
        return flow if np.max(np.abs(flow(x) - y)) <= tolerance else None

    # Worst-case addition of errors overestimates, so the predicted density is an upper end most times.
    # One that leaves hardly any room for the piecewise-linear error asks for more kinks than can be built.
    high = candidate.density(min(candidate.predicted_kinks(tolerance), max_kinks))
    best = attempt(high)
    while best is None:
        high *= 1.5
        if high == 0 or candidate.kinks(high).sum() > max_kinks:
            return None
        best = attempt(high)
    low = high / 4
    while high > 1.02 * low and candidate.kinks(high).sum() > candidate.kinks(low).sum():
        middle = np.sqrt(low * high)
        flow = attempt(middle)
        if flow is None:
            low = middle
        else:
            high, best = middle, flow
    return best if best.kinks <= max_kinks else None


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
