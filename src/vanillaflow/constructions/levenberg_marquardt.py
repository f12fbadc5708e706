"""Levenberg-Marquardt: damped Gauss-Newton steps, each judged by the norm that it is to lower.

There is one loop and three parametrizations: planar maps (`refine.least_squares`), families of planar maps
(`refine.families`) and smooth ridge maps (`ridge.fit`). Each says what a step with some damping leads to, and
how the damping is found: by `first_improvement`, or by a search of its own where a matrix costs much more
than the steps that it serves for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol, TypeVar, runtime_checkable

from ..deadline import check
from .construction import Stop


@runtime_checkable
class State(Protocol):
    """Parameters with the norm of what they leave; whatever else the next step needs."""

    @property
    def norm(self) -> float: ...


S = TypeVar("S", bound=State)
# Where a step from a state leads, None where no damping lowers the norm; and the damping to go on with.
Step = Callable[[S, float], tuple[S | None, float]]


def lower_norm(
    start: S,
    step: Step[S],
    damping: float,
    steps: int,
    stop: Stop,
    least_gain: float,
    patience: int = 1,
    goal: float = 0.0,
) -> tuple[S, float]:
    """The state after up to so many steps, and the damping of the last.

    It ends early at the goal, at a norm that is not finite, where no damping lowers the norm, when `stop`
    says so, and after `patience` steps in a row that gain less than the part `least_gain`.
    """
    here, idle = start, 0
    for _ in range(steps):
        if idle == patience or not goal < here.norm < inf or stop():
            break
        check()
        found, damping = step(here, damping)
        if found is None:
            break
        idle = idle + 1 if found.norm > (1 - least_gain) * here.norm else 0
        here = found
    return here, damping


def first_improvement(
    here: S,
    tried: Callable[[float], S | None],
    damping: float,
    factor: float,
    tries: int,
    trials: Sequence[float] = (1.0,),
) -> tuple[S | None, float]:
    """The best state of the first trials that lower the norm, and its damping; dampings rise until then.

    tried : the state after a step with that damping, None where there is none.
    trials : the dampings that are tried together, in units of the present one, the largest last.
    """
    for _ in range(tries):
        check()
        values = [damping * part for part in trials]
        states = [tried(value) for value in values]
        norms = [inf if state is None else state.norm for state in states]
        best = norms.index(min(norms))
        if norms[best] < here.norm:
            return states[best], values[best]
        damping *= factor ** len(values)
    return None, damping
