"""The mesh in time on which a field is resolved: where it jumps, and how long a step of a solver may be."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class TimeMesh:
    """Where a field jumps during [0, duration], and for how long a step may go on elsewhere.

    Attributes
    ----------
    jumps
        Increasing times within (0, duration) at which solvers must stop and start again.
    starts
        Where the cells begin, the first at 0.
    longest
        The longest step through each cell; infinite if there is no limit.
    """

    jumps: Float[np.ndarray, " j"]
    starts: Float[np.ndarray, " m"]
    longest: Float[np.ndarray, " m"]

    @classmethod
    def uniform(cls, jumps: np.ndarray, longest: float = np.inf) -> TimeMesh:
        """Steps of at most `longest` everywhere."""
        return cls(jumps, np.zeros(1), np.full(1, longest))

    def spans(self, t0: float, t1: float) -> list[tuple[float, float]]:
        """[t0, t1], cut at the jumps."""
        inside = self.jumps[(self.jumps > t0) & (self.jumps < t1)].tolist()
        return list(pairwise([t0, *inside, t1]))

    def longest_step(self, t: float) -> float:
        """How far a step from time t may go: through each cell ahead by no more than that cell allows."""
        k = max(int(np.searchsorted(self.starts, t, side="right")) - 1, 0)
        ends = self._earliest_end[k + 1] - t if k + 1 < len(self.starts) else np.inf
        return float(min(self.longest[k], ends))

    def merge(self, other: TimeMesh) -> TimeMesh:
        """What both ask for: the jumps of both, and the shorter of the two longest steps everywhere."""
        starts = np.union1d(self.starts, other.starts)
        rows = [np.searchsorted(mesh.starts, starts, side="right") - 1 for mesh in (self, other)]
        longest = np.minimum(self.longest[rows[0]], other.longest[rows[1]])
        return TimeMesh(np.union1d(self.jumps, other.jumps), starts, longest)

    def with_limit(self, longest: float) -> TimeMesh:
        """The same mesh with steps of at most `longest`."""
        return TimeMesh(self.jumps, self.starts, np.minimum(self.longest, longest))

    def __post_init__(self) -> None:
        ends = np.minimum.accumulate((self.starts + self.longest)[::-1])[::-1]
        object.__setattr__(self, "_earliest_end", ends)

    _earliest_end = np.zeros(0)


def interior(t0: float, t1: float) -> tuple[float, float]:
    """The first and last time at which to ask a field that may jump at t0 and t1.

    They lie some units of rounding inside, so that it does not matter whether the field has its value at a
    jump from before or from after. The start, time 0, is no jump.
    """
    margin = min(8 * float(np.spacing(max(abs(t0), abs(t1)))), (t1 - t0) / 4)
    return (t0 + margin if t0 > 0 else t0), t1 - margin
