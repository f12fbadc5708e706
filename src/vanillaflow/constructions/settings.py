"""The tunable numbers that all constructions share: of attempts, of chains, of piecewise-linear functions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attempts:
    """Attempts at a tolerance (`attempts`)."""

    # The part of the tolerance that the first attempt aims at: (from this dimension on, part). The more
    # dimensions, the further a search may come beyond the points that a construction was measured on. Smaller
    # costs kinks, larger costs attempts. Chosen by trial.
    aims: tuple[tuple[int, float], ...] = ((8, 0.88), (3, 0.94), (1, 0.97))
    # Attempts in all; each costs a construction and a search.
    tries: int = 4
    # The factor by which the aim falls after a first miss, at least so much after others: those by as much as
    # the error came out worse, times `bit`. Smaller costs kinks, larger attempts. Heuristic.
    stricter: float = 0.93
    bit: float = 0.97
    # Before anything is constructed, the exact flow is solved twice at so many points, and must agree to this
    # part of the tolerance. More points cost seconds where the solver is slow. Heuristic.
    resolved_points: int = 16
    resolved_part: float = 0.1
    # Points at which a last flow is fitted or measured when time is up: few take no time. Chosen by trial.
    few_points: int = 512
    # Seconds beyond the limit in which a last flow is measured at few points.
    last_seconds: float = 0.5


@dataclass(frozen=True)
class Chains:
    """How errors grow from one time to the next (`increments`)."""

    # Points of the box, and corners at most, where that is measured: more find a larger growth. By trial.
    points: int = 256
    # Points, and points of the boundary, whose images bound the image of a box.
    image_points: int = 4096
    # Finite differences, in parts of the box's width: smaller sees more noise, larger more curvature.
    step: float = 1e-4

    @property
    def noise(self) -> float:
        """What the differences are known to: the solver's 1e-10 by that step."""
        return 1e-10 / self.step


@dataclass(frozen=True)
class PiecewiseLinears:
    """Piecewise-linear functions with the fewest kinks (`piecewise_linear`). All chosen by trial."""

    # Points at which a function is sampled once, for its curvature: fewer miss sharp bends.
    points: int = 513
    # Rounds that move vertices from pieces with small errors to those with large ones.
    levelling_rounds: int = 4
    # This part of the largest error of a piece is added to each: pieces without error do not become endless.
    least_error: float = 1e-3
    # Sweeps over the values at the vertices: one is the optimum for convex functions, inflections need more.
    balancing_sweeps: int = 8
    # Points at which the deviation is measured, for each piece: fewer miss its peaks, more cost time.
    points_per_piece: int = 32


ATTEMPTS = Attempts()
CHAINS = Chains()
PIECEWISE_LINEARS = PiecewiseLinears()
