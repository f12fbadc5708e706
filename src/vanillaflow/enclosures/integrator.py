"""A validated integrator: affine forms that hold the exact flow of every point of a cell.

Each step adds up the Taylor polynomial in time, of the trajectories through the present forms, and a
remainder: the next Taylor coefficient over a set that holds the trajectories throughout the step (Moore 1966;
Nedialkov, Jackson and Corliss 1999). Such a set is found by Picard's iteration: if X + [0, h] v(B) lies
within B, then all trajectories from X stay in B for the time h. What a step adds to r becomes new symbols, so
that later steps carry it along as they carry the points themselves, and do not wrap it into boxes. Where the
field has a corner on the way, the step is one of first order.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
from jaxtyping import Bool, Float

from ..fields.ridge import PiecewiseField
from ..files.checksum import checksum
from .field_programs import program_of
from .forms import ROUNDING, UP, Forms, intervals
from .monomials import Monomials
from .program import Program

# The order of a step's remainder; less where corners keep the steps short.
_ORDER, _ORDER_WITH_CORNERS = 9, 4
# Trials of a set around the trajectories: each takes the last one's image with such a margin.
_TRIALS, _MARGIN = 8, 0.1
_LEAST_STEPS, _MOST_HALVINGS = 2, 8
# How much shorter or longer than the last one a step may be, and the part of what seems possible.
_SHORTER, _LONGER, _CAUTION = 0.3, 3.0, 0.9
# So many symbols for each coordinate stand for what steps have added, then they are joined: each costs time.
_MOST_SYMBOLS = 8
# Less than any remainder that matters: what is divided by is not 0.
_TINY = 1e-300
# Steps may use up this part of the tolerance at least, however short they are: between two switches that are
# next to each other remainders are no smaller than what they are rounded by, and 2^10 such steps are nothing.
_LEAST_SHARE = 2.0**-20
# Cells that may be given up for the others' longer steps, as a part of all.
_FEW = 0.05


@dataclass(frozen=True, eq=False)
class Integrator:
    """The flow of a field for a duration; `tolerance` is what the remainders may add up to.

    After the `deadline`, in seconds as of `time.time()`, nothing more is found: that is the one clock which
    workers on other machines have, too.
    """

    pieces: tuple[tuple[float, float, Program], ...]
    tolerance: float
    deadline: float = np.inf

    def expired(self) -> bool:
        return time.time() > self.deadline

    @property
    def identity(self) -> str:
        """SHA-256, in hexadecimal, of the times and all operations with every digit of their numbers."""
        header: list[list[str]] = []
        arrays: dict[str, np.ndarray] = {}
        for number, (begin, end, program) in enumerate(self.pieces):
            header.append([repr(float(begin)), repr(float(end)), str(program.dim), str(program.result)])
            for place, operation in enumerate(program.operations):
                header.append([type(operation).__name__])
                for part in fields(cast(Any, operation)):
                    value = getattr(operation, part.name)
                    if isinstance(value, np.ndarray):
                        arrays[f"{number} {place} {part.name}"] = value
                    else:
                        header[-1].append(repr(value))
        return checksum({"pieces": header}, arrays)

    def points(self, x: Float[np.ndarray, "n d"]) -> tuple[Forms, Bool[np.ndarray, " n"]]:
        """Forms of where the rows of x are at the end, and for which of them they were found."""
        c = np.ascontiguousarray(x.T)
        return self(Forms(c, np.zeros((0, *c.shape)), np.zeros_like(c)))

    def __call__(
        self, x: Forms, monomials: Monomials | None = None, most_rest: float = np.inf
    ) -> tuple[Forms, Bool[np.ndarray, " n"]]:
        """Forms of the states at the end, in more symbols than x, and for which cells they were found.

        Where nothing was found a cell is too large, or holds points whose trajectories do not exist that
        long. The first symbols of x may be monomials: then a few cells that take shorter steps than all the
        others are given up, too, and those where more than `most_rest` is left besides the polynomials, as
        smaller cells do better.
        """
        found, kept = np.ones(x.c.shape[1], dtype=bool), len(x.g)
        duration = sum(end - begin for begin, end, _ in self.pieces)
        for begin, end, program in self.pieces:
            # There is always some cell at a corner, where steps are short, and smaller cells are there, too.
            few = 0.0 if monomials is None or program.cornered else _FEW
            t, h = begin, (end - begin) / _LEAST_STEPS
            least = max((end - begin) / 2**_MOST_HALVINGS, float(np.spacing(end)))
            while t < end:
                if self.expired():
                    found[:] = False
                    return _without(x, ~found), found
                h = end - t if t + 1.01 * h > end else h
                stepped, remainder, inside = _step(program, x, t, h, monomials)
                share = self.tolerance * max(h / duration, _LEAST_SHARE)
                with np.errstate(over="ignore"):
                    room = np.where(inside, share / np.maximum(remainder, _TINY), 0.0)
                within = room >= 1
                most = _longer(np.sort(room[found])[int(few * np.count_nonzero(found))], _order(program))
                if np.count_nonzero(found & ~within) > few * np.count_nonzero(found) and h > least:
                    h = max(h * most, least)
                    continue
                # At the shortest step, only cells that are not enclosed are given up.
                found &= within if h > least else inside
                if monomials is not None:
                    found &= (np.abs(stepped.g[len(monomials) :]).sum(axis=0) <= most_rest).all(axis=0)
                x = _without(stepped, ~found)
                x = _join(x, kept)
                if not found.any():
                    return x, found
                t = end if h == end - t else t + h
                h = max(h * most, least)
        return x, found


def integrator(field: Any, duration: float, tolerance: float) -> Integrator:
    """Raises FieldError for a field that has no program."""
    if type(field) is PiecewiseField:
        switches = [float(t) for t in field.times if t < duration]
        spans = zip([0.0, *switches], [*switches, duration], field.fields)
        return Integrator(tuple((b, e, program_of(piece)) for b, e, piece in spans), tolerance)
    return Integrator(((0.0, duration, program_of(field)),), tolerance)


def _order(program: Program) -> int:
    return _ORDER_WITH_CORNERS if program.cornered else _ORDER


def _longer(room: float, order: int) -> float:
    """How much longer a step may be where its remainder could be so many times larger.

    The remainder is of that order in h, and what it may be of order 1.
    """
    return float(np.clip(_CAUTION * room ** (1 / (order - 1)), _SHORTER, _LONGER))


def _join(x: Forms, kept: int) -> Forms:
    """The forms with the symbols behind the first `kept` made one for each coordinate, if they are many."""
    d = len(x.c)
    if len(x.g) - kept <= _MOST_SYMBOLS * d:
        return x
    box = np.zeros((d, *x.c.shape))
    box[np.arange(d), np.arange(d)] = np.abs(x.g[kept:]).sum(axis=0) * UP
    return Forms(x.c, np.concatenate([x.g[:kept], box]), x.r)


def _without(x: Forms, bad: Bool[np.ndarray, " n"]) -> Forms:
    """Finite numbers in the place of cells that were given up, so that they do no harm."""
    if not bad.any():
        return x
    return Forms(np.where(bad, 0.0, x.c), np.where(bad, 0.0, x.g), np.where(bad, 0.0, x.r))


def _step(
    program: Program, x: Forms, t: float, h: float, monomials: Monomials | None
) -> tuple[Forms, Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """The forms a time h later, the largest remainder in each cell, and whether it is enclosed."""
    order = _order(program)
    with np.errstate(all="ignore"):
        box, inside = _enclosure(program, x, t, h)
        n = x.c.shape[1]
        span = intervals(np.full((1, n), t), np.full((1, n), (t + h) * (1 + ROUNDING)))
        over = program.solution(box, span, order)
        now = Forms(np.full((1, n), t), np.zeros((len(x.g), 1, n)), np.zeros((1, n)))
        series = program.solution(x, now, order - 1, monomials)
        remainder = (np.abs(over.c[order]) + over.r[order]) * h**order * UP
        if program.cornered:
            # x(t + h) = x + h v + integral of (h - s) times the derivative of v along the trajectory, which
            # exists almost everywhere, as v is Lipschitz continuous.
            across = ~np.isfinite(remainder).all(axis=0)
            second = (np.abs(over.c[2]) + over.r[2]) * h**2 * UP
            remainder = np.where(across, second, remainder)
            series.cut(2, across)
        result = series.at(h)
    # Half of what the time is rounded by is in `span`; the other half moves the state.
    rounded = ROUNDING * (abs(t) + h) * (np.abs(series.c[1]) + series.spread[1] + series.r[1])
    r = (result.r + remainder + rounded) * UP
    fresh = np.zeros((len(r), *r.shape))
    fresh[np.arange(len(r)), np.arange(len(r))] = r
    inside &= np.isfinite(r).all(axis=0) & np.isfinite(result.c).all(axis=0)
    grown = Forms(result.c, np.concatenate([result.g, fresh]), np.zeros_like(r))
    return grown, remainder.max(axis=0), inside


def _enclosure(program: Program, x: Forms, t: float, h: float) -> tuple[Forms, Bool[np.ndarray, " n"]]:
    """Boxes that the trajectories from x do not leave between t and t + h; and where they were found."""
    n = x.c.shape[1]
    span = intervals(np.full((1, n), t), np.full((1, n), (t + h) * (1 + ROUNDING)))
    low, high = x.c - x.radius, x.c + x.radius
    low, high = low - ROUNDING * np.abs(low), high + ROUNDING * np.abs(high)
    box_low, box_high = low, high
    inside = np.zeros(n, dtype=bool)
    for _ in range(_TRIALS):
        v = program.slope(intervals(box_low, box_high), span)
        reach = h * UP * (1 + ROUNDING)
        new_low = low + np.minimum(reach * (v.c - v.r * UP), 0)
        new_high = high + np.maximum(reach * (v.c + v.r * UP), 0)
        new_low, new_high = new_low - ROUNDING * np.abs(new_low), new_high + ROUNDING * np.abs(new_high)
        inside = np.all((new_low >= box_low) & (new_high <= box_high), axis=0)
        if inside.all():
            break
        margin = _MARGIN * (new_high - new_low) + 1e-300
        box_low = np.where(inside, box_low, new_low - margin)
        box_high = np.where(inside, box_high, new_high + margin)
    return intervals(box_low, box_high), inside
