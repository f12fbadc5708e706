"""The search for the mesh in time on which a field is resolved.

An adaptive solver sees a field at the stages of its steps only. While the field rests, steps grow, and a push
that is shorter than they are leaves no trace: the solver, and everybody who trusts it, is wrong in silence.
So the field is looked at beforehand, at a few points and many times of the duration. A stretch of time is
*resolved* if from every other value the ones between are interpolated well enough; the longest such stretches
of a dyadic subdivision are the cells of the mesh, and where not even the shortest is resolved, the field is
bisected: to its last digit if it jumps, until it is resolved if it only changes fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ..errors import FieldError, FlowNotResolved
from ..fields.in_time import values_in_time
from .time_mesh import TimeMesh, interior

# Values in time for a whole duration, and the least for a part of it between two jumps. What lasts for a
# ten-thousandth of the duration is met by at least one of them.
CELLS, _LEAST_CELLS = 2**14, 2**5
# Values are interpolated from so many neighbours: a polynomial of degree 7, whose error falls with the
# length of a cell about as that of DOP853's steps.
_NEIGHBOURS = 8
# What a cell may leave unseen: so much of the size of the box and of the distance that the field covers. A
# tenth of it reaches the solver's accuracy; a smaller part would shorten steps that are accurate already.
_UNSEEN = 1e-9
# A step may be so many times as long as the cells it crosses: DOP853's stages are at most 0.27 of a step
# apart, so that every cell has one.
_CELLS_PER_STEP = 4.0
# Where the field changes fast, a cell is short enough once a straight line through its ends is within this
# part of the change nearby: the solver has seen the change then, and controls its own error.
_STEEP = 0.1
# The defect of a straight line falls to a quarter on half a cell where the field is smooth, at a corner to
# half as a rule.
_SMOOTH = 0.3
# A change is a jump if bisection leaves this part of it, down to two neighbouring numbers.
_LASTING = 0.1
_BISECTIONS, _DEPTH = 64, 12
# Times at which the field is asked again.
_ASKED_AGAIN = 16
# Cells that may stay unresolved before the field is said to be too fast.
_MOST_UNRESOLVED = CELLS // 8


def is_searched(field: Any, max_step: float | None) -> bool:
    """Whether the mesh has to be searched for: the field depends on time, and nobody says how fast."""
    steps = (max_step, getattr(field, "max_step", None))
    return steps == (None, None) and not getattr(field, "autonomous", False)


def time_mesh(
    field: Any,
    x: Float[np.ndarray, "n d"],
    size: Float[np.ndarray, " d"],
    duration: float,
    jumps: tuple[float, ...] = (),
    max_step: float | None = None,
) -> TimeMesh:
    """The mesh of a field over a duration, as far as it is to be seen at the rows of x.

    `size` is that of the coordinates. The field may say itself that it has `times` or `jumps`, switches that
    are known besides the `jumps` given here, or a `max_step`, the longest step, which takes the place of the
    search, and whether it is `autonomous`, that is, does not depend on time.

    Raises FlowNotResolved where the field changes faster than can be followed.
    """
    known = [*jumps, *(float(t) for name in ("times", "jumps") for t in getattr(field, name, ()))]
    switches = np.array(sorted({t for t in known if 0 < t < duration}))
    if not is_searched(field, max_step):
        steps = [step for step in (max_step, getattr(field, "max_step", None)) if step is not None]
        return TimeMesh.uniform(switches, min(steps, default=np.inf))
    cells: list[tuple[float, float]] = []
    for start, end in TimeMesh.uniform(switches).spans(0.0, duration):
        found, part = _Search(field, x, size, start, end, duration).mesh()
        switches = np.append(switches, found)
        cells += part
    starts, longest_steps = (np.array(column) for column in zip(*cells))
    starts[0] = 0.0
    first = np.append(True, np.diff(longest_steps) != 0)
    return TimeMesh(np.sort(switches), starts[first], longest_steps[first])


class _Search:
    """The search for the cells and jumps of one span between known jumps."""

    def __init__(self, field: Any, x: np.ndarray, size: np.ndarray, t0: float, t1: float, duration: float):
        self.field, self.x, self.t0, self.t1 = field, x, t0, t1
        self.interior = interior(t0, t1)
        share = CELLS * (t1 - t0) / duration
        self.cells = max(_LEAST_CELLS, 2 ** int(np.ceil(np.log2(share))) if share > 1 else 1)
        self.times = np.linspace(t0, t1, self.cells + 1)
        values = self._values(self.times)
        self._require_no_memory(values)
        # A point at which the field is undefined at some time is of no use; the solver will say so.
        self.seen = np.flatnonzero(np.isfinite(values).all(axis=(0, 2)))
        # (n, d): a defect times the length of its cell is compared with this. Each point has its own, as some
        # may be where no trajectory is at that time, and the field absurd.
        travel = duration * np.median(np.abs(values), axis=0)
        self.unseen = _UNSEEN * (size + travel)
        self.values = values

    def mesh(self) -> tuple[list[float], list[tuple[float, float]]]:
        """The jumps, and the cells as (start, longest step)."""
        h = (self.t1 - self.t0) / self.cells
        if not self.seen.size:
            return [], [(self.t0, _CELLS_PER_STEP * h)]
        levels = self._levels(self.values[:, self.seen] / self.unseen[self.seen], h)
        followed = np.count_nonzero(levels == 0, axis=0) <= _MOST_UNRESOLVED
        if not followed.any():
            first = float(self.times[2 * np.argmin(levels.max(axis=1))])
            fast = np.count_nonzero(levels == 0, axis=0).min()
            raise FlowNotResolved(
                f"the field changes too fast in time to be followed, first near {first:.6g} and in {fast} of "
                f"{len(levels)} parts of the duration that were looked at; give max_step, the longest step "
                "that resolves it, or take a shorter duration",
                first,
            )
        self.seen = self.seen[followed]
        values = (self.values[:, self.seen] / self.unseen[self.seen]).reshape(len(self.values), -1)
        jumps: list[float] = []
        cells: list[tuple[float, float]] = []
        for k, size in enumerate(levels[:, followed].min(axis=1).tolist()):
            if size:
                cells.append((float(self.times[2 * k]), _CELLS_PER_STEP * size * h))
                continue
            near = values[max(2 * k - 2, 0) : 2 * k + 5]
            change = _size(near.max(axis=0) - near.min(axis=0))
            for i in (2 * k, 2 * k + 1):
                ends = (float(self.times[i]), float(self.times[i + 1]))
                found, parts = self._bisect(*ends, values[i], values[i + 1], change)
                jumps += found
                cells += parts
        return jumps, cells

    def _levels(self, values: Float[np.ndarray, "m n d"], h: float) -> Int[np.ndarray, "cells n"]:
        """For each of the shortest cells and each point, the length of the longest cell around it on which
        the field is resolved, in units of h; 0 if there is none."""
        level = np.zeros((self.cells // 2, values.shape[1]), dtype=int)
        resolved = np.ones(level.shape, dtype=bool)
        spacing, span = 2, 1
        while self.cells // spacing >= _NEIGHBOURS:
            own = _defects(values[::spacing], values[spacing // 2 :: spacing]) * (spacing * h) <= 1
            # Only where the whole cell and everything below it is.
            whole = own & resolved.reshape(-1, span, level.shape[1]).all(axis=1)
            resolved = np.repeat(whole, span, axis=0)
            level[resolved] = spacing
            spacing, span = 2 * spacing, 2 * span
        return level

    def _require_no_memory(self, values: Float[np.ndarray, "m n d"]) -> None:
        """Raise FieldError unless the field says the same when it is asked again, latest times first."""
        again = np.linspace(len(values) - 1, 0, _ASKED_AGAIN).astype(int)
        for i in again:
            if not np.allclose(self._values(self.times[i : i + 1])[0], values[i], rtol=1e-9, equal_nan=True):
                raise FieldError(
                    f"the field has another value at time {self.times[i]:.6g} when it is asked again after "
                    "later times; a vector field does not remember its calls"
                )

    def _value(self, t: float) -> np.ndarray:
        return (self._values(np.array([t]))[0, self.seen] / self.unseen[self.seen]).ravel()

    def _values(self, times: np.ndarray) -> np.ndarray:
        return values_in_time(self.field, np.clip(times, *self.interior), self.x)

    def _bisect(
        self, a: float, b: float, va: np.ndarray, vb: np.ndarray, change: float, depth: int = _DEPTH
    ) -> tuple[list[float], list[tuple[float, float]]]:
        """Jumps and cells between the times a and b, where the field has the values va and vb, and changes by
        `change` in the neighbourhood."""
        jump = self._jump(a, b, va, vb) if depth else None
        if jump is None:
            return [], list(self._steep(a, b, va, vb, change, _DEPTH))
        before, after, v_before, v_after = jump
        earlier = self._bisect(a, before, va, v_before, change, depth - 1) if a < before else ([], [])
        later = self._bisect(after, b, v_after, vb, change, depth - 1) if after < b else ([], [])
        return [*earlier[0], after, *later[0]], earlier[1] + later[1]

    def _jump(
        self, a: float, b: float, va: np.ndarray, vb: np.ndarray
    ) -> tuple[float, float, np.ndarray, np.ndarray] | None:
        """The two neighbouring times between which the field jumps, with its values there, if it does."""
        change = _size(vb - va)
        if change * (b - a) <= 1:
            return None
        for _ in range(_BISECTIONS):
            middle = 0.5 * (a + b)
            if not a < middle < b:
                break
            value = self._value(middle)
            if _size(value - va) >= _size(vb - value):
                b, vb = middle, value
            else:
                a, va = middle, value
            if _size(vb - va) < _LASTING * change:
                return None
        return a, b, va, vb

    def _steep(
        self,
        a: float,
        b: float,
        va: np.ndarray,
        vb: np.ndarray,
        change: float,
        depth: int,
        before: float = 0.0,
    ) -> Iterator[tuple[float, float]]:
        """Cells on which the field is a straight line in time, as far as it is to be seen: half as long ones,
        while the defect, which was `before` on a cell twice as long, is large or falls no faster than at a
        corner."""
        middle = 0.5 * (a + b)
        value = self._value(middle)
        defect = _size(value - 0.5 * (va + vb))
        seen = defect <= _STEEP * change and defect <= _SMOOTH * before
        if depth == 0 or defect * (b - a) <= 1 or seen:
            yield a, b - a
            return
        yield from self._steep(a, middle, va, value, change, depth - 1, defect)
        yield from self._steep(middle, b, value, vb, change, depth - 1, defect)


def _size(values: np.ndarray) -> float:
    return float(np.abs(values).max())


def _defects(
    nodes: Float[np.ndarray, "k n d"], between: Float[np.ndarray, "m n d"]
) -> Float[np.ndarray, "m n"]:
    """How far the values between neighbouring nodes are from the polynomials through the nearest nodes."""
    cells, half = len(nodes) - 1, _NEIGHBOURS // 2 - 1
    predicted = np.empty(between.shape)
    inner = predicted[half : cells - half]
    inner[:] = 0.0
    for j, weight in enumerate(_WEIGHTS[half]):
        inner += weight * nodes[j : j + len(inner)]
    # At the ends polynomials through the first and the last nodes.
    predicted[:half] = np.tensordot(_WEIGHTS[:half], nodes[:_NEIGHBOURS], 1)
    predicted[cells - half :] = np.tensordot(_WEIGHTS[-half:], nodes[-_NEIGHBOURS:], 1)
    predicted -= between
    return np.abs(predicted, out=predicted).max(axis=2)


def _interpolation_weights() -> np.ndarray:
    """(7, 8): row p gives the value at p + 1/2 of the polynomial through the values at 0, 1, .., 7."""
    nodes = np.arange(_NEIGHBOURS)
    powers = np.vander(nodes / _NEIGHBOURS, increasing=True)
    at = np.vander((nodes[:-1] + 0.5) / _NEIGHBOURS, _NEIGHBOURS, increasing=True)
    return np.linalg.solve(powers.T, at.T).T


_WEIGHTS = _interpolation_weights()
