"""FlowMap: the target of a compilation, the exact flow over a box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..errors import FieldError, FlowLeavesDomain, FlowNotResolved
from ..fields.callable_field import from_callable, require_field, times_of_jumps
from ..fields.ridge import RidgeField, is_ridge_sum, ridge_segments
from ..validation import require_points, require_positive
from .base import Target
from .mesh_search import is_searched, time_mesh
from .solver import Solver
from .time_mesh import TimeMesh

if TYPE_CHECKING:
    from .samples import SampledFlow

# Points solved together. One adaptive step size serves the whole batch, so a batch is kept moderate.
_BATCH = 2048
# In high dimension so few that the stages of a step stay in the cache.
_LEAST_BATCH, _NUMBERS = 8, 2**15
# The second solve takes steps of at most this part of the duration, a number without small factors so that
# its stages are at other times than those of the first; and this part of the tolerance.
_STEPS, _STRICTER = 251, 10
# Corners, points of faces and points of the inside, so many of each, at which the field is looked at for what
# it does in time; and so many of their trajectories, each at so many places.
_LOOKED_AT, _SEED, _FOLLOWED, _PLACES = 8, 0x7131, 4, 4
# Two solves may differ by so many times the solver's tolerance: what errors of single steps add up to.
_TOLERANCES = 100


@runtime_checkable
class Field(Protocol):
    """What a FlowMap needs of a field: its dimension, and its values at time t on the rows of x."""

    @property
    def dim(self) -> int: ...

    def __call__(self, t: float, x: np.ndarray) -> np.ndarray: ...


class FlowMap(Target):
    """The map x -> Phi(x) = y(duration), for the solution y of y' = v(t, y), y(0) = x.

    Before it is solved, a field that depends on time is examined for what it does in it (see `mesh_search`):
    jumps and pulses that last for a ten-thousandth of the duration or longer are met by the solver.

    Parameters
    ----------
    field
        A RidgeField, PiecewiseField, or anything with `dim` and `(t, (n, d)) -> (n, d)`; or a function, which
        is read by `from_callable`. A field that is not of vanillaflow's own making is tried on the box first.
    duration
        How long the flow is followed, positive.
    domain
        The box of starting points.
    name
        What reports call the system.
    rtol
        The relative tolerance of the solver, DOP853, for every single point; relative to the size of the box
        where a coordinate is near zero.
    variables
        The names of the d coordinates, for reports and plots, if they have any.
    jumps
        Times at which the field may jump or have a corner, besides those that it knows itself.
    max_step
        The longest step, in time, of a solver that meets all that the field does; by default it is found by
        evaluating the field.

    Raises
    ------
    FieldError
        If dimensions disagree, or as `from_callable` does.
    ValueError
        For a bad duration.
    FlowLeavesDomain
        When called, at a point whose trajectory does not exist up to `duration`.
    FlowNotResolved
        For a field that changes too fast in time.
    """

    knows_trajectories = True

    def __init__(
        self,
        field: Field | Callable[..., Any],
        duration: float,
        domain: Box,
        name: str | None = None,
        rtol: float = 1e-10,
        variables: Sequence[str] = (),
        *,
        jumps: Sequence[float] = (),
        max_step: float | None = None,
    ):
        if not callable(field):
            raise FieldError(f"a field must be callable as field(t, x), got {type(field).__name__}")
        if not isinstance(domain, Box):
            raise FieldError(f"domain must be a Box, got {type(domain).__name__}")
        if not hasattr(field, "dim"):
            field = from_callable(field, domain.dim, domain=domain)
        if field.dim != domain.dim:
            raise FieldError(f"the field has dimension {field.dim} but the box has dimension {domain.dim}")
        if type(field).__module__.partition(".")[0] != __package__.partition(".")[0]:
            require_field(field, domain.dim, f"the field {type(field).__name__}", domain)
        self.field: Any = field
        self.duration = require_positive("duration", duration)
        self.domain = domain
        self.name = name or "unnamed"
        self.rtol = require_positive("rtol", rtol)
        self.variables = tuple(variables)
        self.jumps = times_of_jumps(jumps)
        self.max_step = None if max_step is None else require_positive("max_step", max_step)
        # The longest duration of this flow and those it is copied from, and the meshes of all of them.
        self._whole = self.duration
        self._meshes: dict[float, TimeMesh] = {}
        if self.variables and len(self.variables) != domain.dim:
            raise FieldError(f"variables has {len(self.variables)} names for {domain.dim} coordinates")

    @staticmethod
    def from_samples(
        x: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n d"],
        domain: Box | None = None,
        duration: float = 1.0,
        smoothing: float = 0.0,
        name: str | None = None,
    ) -> SampledFlow:
        """The target of a flow that is known only by points x and their images y.

        `domain`, `duration`, `smoothing` and `name` are as for `target.samples.SampledFlow`, which also
        states what is raised and what is warned of.
        """
        from .samples import SampledFlow

        return SampledFlow(x, y, domain, duration, smoothing, name)

    def coarser(self, rtol: float) -> FlowMap:
        return self._with(rtol=max(self.rtol, rtol))

    def finer(self, factor: float) -> FlowMap:
        return self._with(rtol=self.rtol / factor)

    def until(self, time: float) -> FlowMap:
        """The flow of the same field over the same box, for another duration, `time`."""
        return self._with(duration=require_positive("duration", time), _whole=max(time, self._whole))

    def _with(self, **changed: Any) -> FlowMap:
        other = copy(self)
        other.__dict__.update(changed)
        return other

    @property
    def mesh(self) -> TimeMesh:
        """What the field does in time, during `duration` and perhaps longer; found once for all copies."""
        if self._whole not in self._meshes:
            self._meshes[self._whole] = self._find_mesh()
        return self._meshes[self._whole]

    def _find_mesh(self) -> TimeMesh:
        box = self.domain
        parts = (box.corners()[:_LOOKED_AT], box.boundary(_LOOKED_AT, _SEED), box.sample(_LOOKED_AT, _SEED))
        x = np.concatenate(parts)
        known = (self._size, self._whole, self.jumps, self.max_step)
        mesh = time_mesh(self.field, x, *known)
        if not is_searched(self.field, self.max_step):
            return mesh
        # A field may rest in the box and push where trajectories have got to.
        solver, states = self._solver(mesh), [x[:: len(x) // _FOLLOWED]]
        ends = np.linspace(0.0, self._whole, _PLACES + 1)
        try:
            for since, until in pairwise(ends):
                states.append(solver.solve(states[-1], float(since), float(until)))
        except FlowLeavesDomain:
            pass  # Who asks for the flow of these points will be told.
        return mesh.merge(time_mesh(self.field, np.concatenate(states), *known))

    @property
    def is_ridge_sum(self) -> bool:
        return is_ridge_sum(self.field)

    def ridge_segments(self) -> list[tuple[RidgeField, float]]:
        return ridge_segments(self.field, self.duration)

    @property
    def reference(self) -> str:
        return (
            f"the ODE solver DOP853 at a relative tolerance of {self.rtol:g}, checked by a second solve with "
            f"steps of at most 1/{_STEPS} of the duration"
        )

    @property
    def held(self) -> int:
        return int(getattr(self.field, "held", 0))

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        x = require_points(x, self.dim)
        return self._solve(self._solver(self.mesh), x, 0.0, self.duration)

    def trajectory(
        self, x: Float[np.ndarray, "n d"], times: np.ndarray | Sequence[float]
    ) -> Float[np.ndarray, "m n d"]:
        solver = self._solver(self.mesh)
        states, now, y = [], 0.0, require_points(x, self.dim)
        for t in np.asarray(times, dtype=np.float64):
            if t > now:
                y = self._solve(solver, y, now, float(t))
                now = float(t)
            states.append(y)
        return np.stack(states)

    def require_resolved(
        self, x: Float[np.ndarray, "n d"], allowed: float | Float[np.ndarray, " d"] = 0.0
    ) -> None:
        """Solve from the rows of x a second time, with other, limited steps, and compare.

        Raises
        ------
        FlowNotResolved
            Unless each coordinate agrees to `allowed`, or to a hundred times the solver's own tolerance if
            that is more. The message names the time from which on the two differ.
        """
        first, second = self._solver(self.mesh), self._second_solver

        def resolved(t: float) -> bool:
            y = first.solve(x, 0.0, t)
            most = np.maximum(allowed, _TOLERANCES * self.rtol * (self._size + np.abs(y)))
            return bool(np.all(np.abs(second.solve(x, 0.0, t) - y) <= most))

        since, until = 0.0, float(self.duration)
        if resolved(until):
            return
        while until - since > self.duration / _STEPS:
            middle = (since + until) / 2
            since, until = (middle, until) if resolved(middle) else (since, middle)
        raise FlowNotResolved(
            f"the solver does not see what the field does between the times {since:.6g} and {until:.6g}: a "
            f"second solve with steps of at most {self.duration / _STEPS:.3g} gives other states there; give "
            "FlowMap the times in jumps, or in max_step the longest step that "
            "resolves what happens",
            since,
        )

    @property
    def _second_solver(self) -> Solver:
        mesh = self.mesh.with_limit(self.duration / _STEPS)
        return replace(self._solver(mesh), rtol=self.rtol / _STRICTER)

    @property
    def _size(self) -> Float[np.ndarray, " d"]:
        """The size of each coordinate of the box."""
        return np.maximum(np.abs(self.domain.low), np.abs(self.domain.high))

    def _solver(self, mesh: TimeMesh) -> Solver:
        return Solver(self.field, mesh, self.rtol, self._size, self.duration)

    def _solve(self, solver: Solver, x: np.ndarray, t0: float, t1: float) -> np.ndarray:
        size = min(_BATCH, max(_LEAST_BATCH, _NUMBERS // self.dim))
        batches = [solver.solve(x[i : i + size], t0, t1) for i in range(0, len(x), size)]
        return np.concatenate(batches) if batches else x.copy()
