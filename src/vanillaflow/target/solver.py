"""The solver of exact flows: DOP853 on batches of points, with steps that a mesh in time limits.

Trajectories of an autonomous field take steps of their own (`own_steps`), others take theirs together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.integrate import DOP853

from ..deadline import check
from ..errors import FlowLeavesDomain, FlowNotResolved
from ..fields.in_time import values_at
from .own_steps import LostRows, OwnSteps, TooManySteps
from .time_mesh import TimeMesh, interior

# A trajectory this many box sizes away is taken to have blown up.
_BLOW_UP = 1e6
# Beyond so many steps, besides those that the mesh asks for, the field is stiff.
_MAX_STEPS = 20_000
# The smallest tolerance that DOP853 can work with, in units of the state.
_LEAST_TOLERANCE = 3e-14


@dataclass(frozen=True, eq=False)
class Solver:
    """A solver of y' = v(t, y) for many points at once.

    Attributes
    ----------
    field
        The right-hand side v, called as v(t, (n, d)).
    mesh
        Where v jumps, and how long a step may be.
    rtol
        The relative tolerance for every single point.
    size
        The size of each coordinate, of which `rtol` is the absolute tolerance.
    duration
        That of the whole flow, for messages.
    """

    field: Callable[[float, np.ndarray], Any]
    mesh: TimeMesh
    rtol: float
    size: Float[np.ndarray, " d"]
    duration: float

    def solve(self, x: Float[np.ndarray, "n d"], t0: float, t1: float) -> Float[np.ndarray, "n d"]:
        """The states at t1 of the trajectories that are at the rows of x at t0.

        Raises
        ------
        FlowLeavesDomain
            Where there is none.
        FlowNotResolved
            Where the solver takes too many steps.
        FieldError
            If the field fails.
        """
        for start, end in self.mesh.spans(t0, t1):
            x = self._end(x, start, end)
        return x

    def _end(self, x: np.ndarray, t0: float, t1: float) -> np.ndarray:
        if len(x) == 0:
            return x.copy()
        if getattr(self.field, "autonomous", False):
            return self._end_of_each(x, t0, t1)
        try:
            [(_, y)] = deque(self._steps(x, t0, t1), maxlen=1)
            return y.reshape(x.shape)
        except _Lost as lost:
            if len(x) == 1:
                raise FlowLeavesDomain(x[0], lost.time, self.duration, lost.reason) from None
            size = np.nan_to_num(np.abs(lost.state.reshape(x.shape)), nan=np.inf).max(axis=1)
        # Alone, the point that was lost shows its own time of loss. If it survives, look at the others.
        worst = np.argmax(size)
        alone = np.empty_like(x)
        for i in np.argsort(np.arange(len(x)) != worst, kind="stable"):
            alone[i] = self._end(x[i : i + 1], t0, t1)[0]
        return alone

    def _end_of_each(self, x: np.ndarray, t0: float, t1: float) -> np.ndarray:
        check()

        def rate(y: np.ndarray) -> np.ndarray:
            check()
            return values_at(self.field, t0, y)

        self._require_defined(x, rate(x), t0)
        farthest = _BLOW_UP * (1.0 + np.max(self.size))
        longest = float(self.mesh.longest.min())
        solver = OwnSteps(rate, self.rtol, self.size, longest, farthest, _MAX_STEPS + len(self.mesh.starts))
        try:
            return solver.end(x, t0, t1)
        except LostRows as lost:
            worst = np.argmax(np.nan_to_num(np.abs(lost.states), nan=np.inf).max(axis=1))
            reason = "blows up or cannot be continued"
            raise FlowLeavesDomain(
                x[lost.rows[worst]], float(lost.times[worst]), self.duration, reason
            ) from None
        except TooManySteps as stiff:
            raise self._not_resolved(stiff.time) from None

    def _require_defined(self, x: np.ndarray, rates: np.ndarray, t: float) -> None:
        undefined = ~np.isfinite(rates).all(axis=1)
        if undefined.any():
            raise FlowLeavesDomain(x[np.argmax(undefined)], t, self.duration, "meets an undefined field")

    def _not_resolved(self, time: float) -> FlowNotResolved:
        return FlowNotResolved(
            f"the exact flow takes more than {_MAX_STEPS} steps of an explicit solver, {time:.3g} of "
            f"{self.duration:g} with the last of them: the field is stiff, or not smooth to ten digits, as "
            "one computed in float32",
            time,
        )

    def _steps(self, x: np.ndarray, t0: float, t1: float) -> Iterator[tuple[float, np.ndarray]]:
        """The times and states (n d,) after each step within a span without jumps."""
        rate = self._rate(x.shape, t0, t1)
        self._require_defined(x, rate(t0, x.ravel()).reshape(x.shape), t0)
        # scipy bounds the root mean square of the local error over the batch; dividing by sqrt(n d) bounds
        # it for every point.
        tolerance = max(self.rtol / np.sqrt(x.size), _LEAST_TOLERANCE)
        farthest = _BLOW_UP * (1.0 + np.max(self.size))
        atol = np.tile(tolerance * self.size, len(x))
        with np.errstate(all="ignore"):  # Spans may be as short as 1e-300.
            solver = DOP853(rate, t0, x.ravel(), t1, rtol=tolerance, atol=atol)
        for _ in range(_MAX_STEPS + len(self.mesh.starts)):
            solver.max_step = max(self.mesh.longest_step(solver.t), 16 * np.spacing(abs(solver.t)))
            with np.errstate(all="ignore"):  # The norm of an error may underflow.
                solver.step()
            if solver.status == "failed" or not np.max(np.abs(solver.y)) < farthest:
                raise _Lost(solver, "blows up or cannot be continued")
            yield solver.t, solver.y
            if solver.status == "finished":
                return
        raise self._not_resolved(float(solver.t))

    def _rate(
        self, shape: tuple[int, int], t0: float, t1: float
    ) -> Callable[[float, np.ndarray], np.ndarray]:
        first, last = interior(t0, t1)

        def rate(t: float, y: np.ndarray) -> np.ndarray:
            check()
            return values_at(self.field, min(max(t, first), last), y.reshape(shape)).ravel()

        return rate


class _Lost(Exception):
    """The solver cannot go on: some point of the batch has no trajectory."""

    def __init__(self, solver: DOP853, reason: str):
        self.time, self.state, self.reason = float(solver.t), solver.y, reason
