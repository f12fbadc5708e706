"""What a peer is: another way to compute the flow, with settings from fast to accurate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from math import inf
from typing import Any

import numpy as np
from jaxtyping import Float

import vanillaflow as vf

Points = Float[np.ndarray, "n d"]
Run = Callable[[Points], Points]

# Steps of the fixed-step methods.
STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256)
# rtol = atol of the adaptive methods, eight to a decade.
TOLERANCES = tuple(float(f"{10 ** (-i / 8):.3g}") for i in range(9 * 8 + 1))


@dataclass(frozen=True, eq=False)
class Problem:
    """A flow map over a box, and how its field is written by hand.

    `form` is "network" for x' = a^T tanh(w x + b) + c, of many hidden units; the others are the equations
    of one system each: "pendulum", "hopfield" and "allen_cahn". The arrays are those of its RidgeField.
    """

    name: str
    form: str
    target: vf.FlowMap

    @property
    def dim(self) -> int:
        return self.target.dim

    @property
    def duration(self) -> float:
        return self.target.duration

    @property
    def first_step(self) -> float:
        """What adaptive methods may try first, which saves their guess: all of the duration if it is stable.

        Explicit methods are stable up to about 2 or 3 over the fastest rate of the affine piece; the neural
        fields have none, and are not stiff.
        """
        fastest = np.abs(self.ridges.A).sum(axis=1).max()
        return min(self.duration, 2 / fastest) if fastest else self.duration

    @property
    def ridges(self) -> vf.RidgeField:
        return self.target.field


class Peer(ABC):
    """Another way to compute a flow.

    `ladder(problem)` are its settings, loosest first. `build(problem, setting)` prepares all that does not
    depend on the points and returns what is timed: a function from (n, d) float32 to (n, d), for any n. It
    may compile once more for every n it has not seen.
    """

    name: str
    packages: tuple[str, ...]

    @property
    def versions(self) -> dict[str, str]:
        return {package: version(package) for package in self.packages}

    @abstractmethod
    def ladder(self, problem: Problem) -> tuple[Any, ...]: ...

    @abstractmethod
    def build(self, problem: Problem, setting: Any) -> Run: ...


@dataclass(frozen=True)
class Missed:
    """That no setting meets the tolerance: the one of least error, and its error."""

    setting: Any
    error: float


@dataclass(frozen=True)
class Found:
    """The loosest setting that meets the tolerance."""

    setting: Any
    run: Run = field(repr=False)
    error: float


def maximum_error(run: Run, points: Points, truth: Points) -> float:
    """The largest difference in any coordinate at any point; infinity if the method fails."""
    try:
        y = run(points)
    except (RuntimeError, AssertionError, FloatingPointError) as failure:  # What solvers that give up raise.
        print(f"    ({type(failure).__name__}: {str(failure).splitlines()[0] if str(failure) else ''})")
        return inf
    error = float(np.max(np.abs(y - truth)))
    return error if np.isfinite(error) else inf


def loosest(peer: Peer, problem: Problem, tolerance: float, points: Points, truth: Points) -> Found | Missed:
    """The loosest setting of the ladder whose maximum error over `points` is at most `tolerance`.

    Settings are tried from the loosest on, since errors need not fall along the ladder: adaptive steps can be
    lucky at a loose tolerance.
    """
    best = Missed(None, inf)
    for setting in peer.ladder(problem):
        run = peer.build(problem, setting)
        error = maximum_error(run, points, truth)
        if error <= tolerance:
            return Found(setting, run, error)
        if error < best.error:
            best = Missed(setting, error)
    return best
