"""The tunable numbers of the one-slope class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...planar.shears import LEAST_COSINE


@dataclass(frozen=True)
class Settings:
    """What one slope trades: kinks for searches. Where no origin is stated, a number was chosen by trial."""

    # The part of the tolerance that the construction gets. Derived in `construction`: the kinks of the two
    # errors together are fewest near a half.
    share: float = 0.5
    # What a flow of shears leaves to the one slope, for its rounding, as a part of the tolerance.
    rounding: float = 1e-3
    # How far from 1 rounding takes the kappas of shears.
    shear: float = 1e-9
    # The two errors rarely add up: the second is enlarged by this factor while their measured sum allows it,
    # at so many distances at most. Each takes a search for the worst point.
    enlargement: float = 1.6
    tries: int = 6
    # What is added to the seed for the search that chooses: it must not be the one that certifies.
    own_search: int = 2000
    # The least cosine of the angle between w and a of a kink: a little above what the lowering would take
    # apart, by more than rounding can undo. Larger shares a motion across w among more kinks.
    cosine: float = 1.05 * LEAST_COSINE
    # How far beyond the sampled range of nu a staircase follows, as a part of it; from there it goes on
    # linearly. Wider costs kinks, narrower leaves points of the box beyond it.
    margin: float = 0.02
    # Breaks of one line closer than this part of its range are one break: above rounding, far below kinks.
    resolution: float = 1e-10
    # Motions across a line that move no image by more than this part of the tolerance are left out.
    negligible: float = 1e-6
    # What the distance may be on the search points, and where a search from the worst of other points leads,
    # as parts of the tolerance: neither finds the very worst point. Larger saves kinks, and fails more often.
    aim: float = 0.93
    accepted: float = 0.95
    # Search points; fewer where they would have more coordinates than that in all, but not below the least.
    points: int = 2048
    coordinates: int = 2**15
    least_points: int = 64
    # The factor by which the sum of errors falls while it is too large, and within which it is then found.
    smaller: float = 0.7
    close: float = 1.03
    # More kinks than about so many are not built: memory, and seconds for each attempt.
    most_kinks: int = 200_000
    # Exponents this close to a whole number are that number: rounding of products of slopes, of logarithms.
    whole: float = 1e-11

    @property
    def tangent(self) -> float:
        """That of the largest angle between w and a of a kink, from `cosine`."""
        return float(np.sqrt(1 / self.cosine**2 - 1))


DEFAULTS = Settings()
