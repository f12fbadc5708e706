"""Descent with one Gauss-Newton matrix for many steps (L-BFGS preconditioned by its damped inverse).

With hundreds of kinks the matrix costs as much as dozens of gradients, and near a minimum it hardly changes.
So it is kept for a while: each step is -B g, with B the inverse of the damped matrix, corrected by the
differences of the gradients so far (the two-loop recursion, Nocedal and Wright, Numerical Optimization,
Algorithm 7.4). That also brings in the curvature which Gauss-Newton leaves out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..parameters import Parameters
from .normal_matrix import Inverse


@dataclass(frozen=True, eq=False)
class Point:
    """Parameters, the objective there, and its residual."""

    parameters: Parameters
    value: float
    residual: Float[np.ndarray, "n d"]


def descend(
    first: Point,
    then: Point,
    at: Callable[[Parameters], Point],
    gradient: Callable[[Point], Float[np.ndarray, " P"]],
    inverse: Inverse,
    steps: int,
    stop: Callable[[], bool],
) -> Point:
    """At most `steps` steps on from `then`, which one step from `first` has reached; never uphill."""
    here, slope = then, gradient(then)
    pairs = _pair([], first, then, slope - gradient(first))
    for _ in range(steps):
        if stop():
            break
        direction = -_product(pairs, inverse, slope)
        following = _line_search(here, at, direction, float(slope @ direction))
        if following is None:
            break
        before, slope = slope, gradient(following)
        pairs = _pair(pairs, here, following, slope - before)
        here = following
    return here


_Pair = tuple[np.ndarray, np.ndarray]


def _pair(pairs: list[_Pair], first: Point, then: Point, change: np.ndarray) -> list[_Pair]:
    """The pairs (s, y) of steps and changes of the gradient, with this one if it shows convexity."""
    step = then.parameters.pack() - first.parameters.pack()
    part = then.parameters.settings.least_squares.least_curvature
    least = part * float(np.linalg.norm(step) * np.linalg.norm(change))
    return [*pairs, (step, change)] if float(step @ change) > least else pairs


def _product(pairs: list[_Pair], inverse: Inverse, g: np.ndarray) -> Float[np.ndarray, " P"]:
    """B g by the two-loop recursion."""
    q, parts = g.copy(), []
    for s, y in reversed(pairs):
        parts.append(float(s @ q) / float(s @ y))
        q -= parts[-1] * y
    q = inverse(q)
    for (s, y), part in zip(pairs, reversed(parts)):
        q += (part - float(y @ q) / float(s @ y)) * s
    return q


def _line_search(
    here: Point, at: Callable[[Parameters], Point], direction: np.ndarray, slope: float
) -> Point | None:
    settings = here.parameters.settings.least_squares
    if not np.all(np.isfinite(direction)) or not slope < 0:
        return None
    for length in settings.lengths:
        tried = at(here.parameters.move(length * direction))
        if tried.value < here.value + settings.decrease * length * slope:
            return tried
    return None
