"""FlowMap: the target of a compilation, the exact flow over a box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy.integrate import DOP853

from .box import Box
from .errors import FieldError, FlowLeavesDomain
from .validation import require_positive

if TYPE_CHECKING:
    from .sampled_flow import SampledFlow

# Points solved together. One adaptive step size serves the whole batch, so a batch is kept moderate.
_BATCH = 2048
# In high dimension so few that the stages of a step stay in the cache.
_LEAST_BATCH, _NUMBERS = 8, 2**15
# A trajectory this many box sizes away is taken to have blown up.
_BLOW_UP = 1e6
_MAX_STEPS = 20_000


@runtime_checkable
class Field(Protocol):
    """What a FlowMap needs of a field: its dimension, and its values at time t on the rows of x."""

    @property
    def dim(self) -> int: ...

    def __call__(self, t: float, x: np.ndarray) -> np.ndarray: ...


class FlowMap:
    """x -> Phi(x), where the solution of y' = v(t, y), y(0) = x stands at time `duration`.

    Parameters
    ----------
    field : a RidgeField, PiecewiseField, or anything with `dim` and `(t, (n, d)) -> (n, d)`.
    duration : positive.
    domain : the Box of starting points.
    name : what reports call the system.
    rtol : relative tolerance of the solver, DOP853, for every single point.
    variables : names of the d coordinates, for reports and plots, if they have any.

    Raises FieldError if dimensions disagree; ValueError for a bad duration; FlowLeavesDomain, when called,
    at a point whose trajectory does not exist up to `duration`.
    """

    def __init__(
        self,
        field: Field | Callable[..., Any],
        duration: float,
        domain: Box,
        name: str | None = None,
        rtol: float = 1e-10,
        variables: Sequence[str] = (),
    ):
        if not callable(field):
            raise FieldError(f"a field must be callable as field(t, x), got {type(field).__name__}")
        if not isinstance(domain, Box):
            raise FieldError(f"domain must be a Box, got {type(domain).__name__}")
        dim = getattr(field, "dim", domain.dim)
        if dim != domain.dim:
            raise FieldError(f"the field has dimension {dim} but the box has dimension {domain.dim}")
        self.field: Any = field
        self.duration = require_positive("duration", duration)
        self.domain = domain
        self.name = name or "unnamed"
        self.rtol = require_positive("rtol", rtol)
        self.variables = tuple(variables)
        if self.variables and len(self.variables) != dim:
            raise FieldError(f"variables has {len(self.variables)} names for {dim} coordinates")

    @staticmethod
    def from_samples(
        x: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n d"],
        domain: Box | None = None,
        duration: float = 1.0,
        smoothing: float = 0.0,
        name: str | None = None,
    ) -> SampledFlow:
        """A flow that is known only by points x and their images y; see `sampled_flow.SampledFlow`."""
        from .sampled_flow import SampledFlow

        return SampledFlow(x, y, domain, duration, smoothing, name)

    def coarser(self, rtol: float) -> FlowMap:
        """The same flow, computed only to a relative tolerance of `rtol` if that is larger than its own."""
        return self._with(self.duration, max(self.rtol, rtol))

    def finer(self, factor: float) -> FlowMap:
        """The same flow, computed to a relative tolerance so many times smaller."""
        return self._with(self.duration, self.rtol / factor)

    def until(self, time: float) -> FlowMap:
        """The flow of the same field over the same box, for another duration."""
        return self._with(time, self.rtol)

    def _with(self, duration: float, rtol: float) -> FlowMap:
        return FlowMap(self.field, duration, self.domain, self.name, rtol, self.variables)

    @property
    def dim(self) -> int:
        return self.domain.dim

    @property
    def reference(self) -> str:
        """What computes the flow, in words: an error is relative to this."""
        return f"the ODE solver DOP853 at a relative tolerance of {self.rtol:g}"

    @property
    def held(self) -> int:
        """How many of the last coordinates are inputs, which the flow leaves as they are."""
        return int(getattr(self.field, "held", 0))

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Phi at the rows of x."""
        x = np.asarray(x, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ValueError(f"expected points of shape (n, {self.dim}), got {x.shape}")
        size = min(_BATCH, max(_LEAST_BATCH, _NUMBERS // self.dim))
        batches = [self._solve(x[i : i + size], 0.0, self.duration) for i in range(0, len(x), size)]
        return np.concatenate(batches) if batches else x.copy()

    def trajectory(
        self, x: Float[np.ndarray, "n d"], times: np.ndarray | Sequence[float]
    ) -> Float[np.ndarray, "m n d"]:
        """The states at increasing `times` (m,) within [0, duration], from the rows of x at time 0."""
        states, now, y = [], 0.0, np.asarray(x, dtype=np.float64)
        for t in np.asarray(times, dtype=np.float64):
            if t > now:
                y = np.concatenate(
                    [self._solve(y[i : i + _BATCH], now, float(t)) for i in range(0, len(y), _BATCH)]
                )
                now = float(t)
            states.append(y)
        return np.stack(states)

    def _solve(self, x: np.ndarray, t0: float, t1: float) -> np.ndarray:
        """The states at t1 of the trajectories that are at the rows of x at t0."""
        for start, end in self._smooth_spans(t0, t1):
            x = self._solve_smooth(x, start, end)
        return x

    def _smooth_spans(self, t0: float, t1: float) -> list[tuple[float, float]]:
        """[t0, t1] cut where a piecewise field switches, so that no solver step crosses a jump."""
        switches = [float(t) for t in getattr(self.field, "times", ()) if t0 < t < t1]
        ends = [t0, *switches, t1]
        return list(pairwise(ends))

    def _solve_smooth(self, x: np.ndarray, t0: float, t1: float) -> np.ndarray:
        n, d = x.shape
        if n == 0:
            return x.copy()
        # A switching field is not asked at the end of the span, where it jumps.
        last = float(np.nextafter(t1, t0)) if hasattr(self.field, "times") else t1

        def rate(t: float, y: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                v = np.asarray(self.field(min(t, last), y.reshape(n, d)), dtype=np.float64)
            if v.shape != (n, d):
                raise FieldError(f"the field returned shape {v.shape} for points of shape {(n, d)}")
            return v.ravel()

        if not np.all(np.isfinite(rate(t0, x.ravel()))):
            bad = ~np.isfinite(rate(t0, x.ravel()).reshape(n, d)).all(axis=1)
            raise FlowLeavesDomain(x[np.argmax(bad)], t0, self.duration, "meets an undefined field")
        # scipy bounds the root mean square of the local error over the batch; dividing by sqrt(n d) bounds
        # it for every point.
        tolerance = max(self.rtol / np.sqrt(n * d), 3e-14)
        scale = 1.0 + np.max(np.abs(x))
        solver = DOP853(rate, t0, x.ravel(), t1, rtol=tolerance, atol=tolerance * scale)
        for _ in range(_MAX_STEPS):
            solver.step()
            size = np.max(np.abs(solver.y))
            if solver.status == "failed" or not size < _BLOW_UP * scale:
                break
            if solver.status == "finished":
                return solver.y.reshape(n, d)
        worst = np.argmax(np.nan_to_num(np.abs(solver.y.reshape(n, d)), nan=np.inf).max(axis=1))
        if n > 1:
            # Alone, the point that was lost shows its own time of loss. If it survives, look at the others.
            y = np.empty_like(x)
            order = np.argsort(np.arange(n) != worst, kind="stable")
            for i in order:
                y[i] = self._solve_smooth(x[i : i + 1], t0, t1)[0]
            return y
        raise FlowLeavesDomain(x[0], float(solver.t), self.duration, "blows up or cannot be continued")
