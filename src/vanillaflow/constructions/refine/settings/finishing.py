"""The tunable numbers of what follows a fit: its maximum error lowered, and kinks saved.

Where no origin is stated, a number was chosen by trial. Kinks are numbers of planar maps; errors are in units
of the tolerance or of the goal where they are said to be parts or times of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# (p, steps) of stages of finishing.
Stages = tuple[tuple[float, int], ...]
# From this p on, a stage that is further than this above the tolerance ends it: there is no hope.
Hopeless = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Finishing:
    """The maximum error lowered (`finishing`): more stages, steps and points save kinks, and cost time."""

    # Stages up to so many kinks, and for more, which converge later. Fewer steps for large p, as the vertices
    # of the kinks move with them.
    few: int = 32
    stages_of_few: Stages = (
        *((6.0, 6), (12.0, 6), (24.0, 4), (24.0, 4)),
        *[(48.0, 3)] * 4,
        *[(64.0, 3)] * 6,
        *[(96.0, 3)] * 8,
    )
    stages_of_many: Stages = (
        *((4.0, 10), (6.0, 10), (6.0, 10), (8.0, 10), (8.0, 10)),
        *[(12.0, 6)] * 4,
        *[(24.0, 6)] * 4,
        *[(48.0, 4)] * 4,
        *[(64.0, 3)] * 6,
        *[(96.0, 3)] * 8,
    )
    # Larger gives up later; that costs time where it was in vain.
    hopeless: Hopeless = ((8.0, 1.6), (12.0, 1.35), (24.0, 1.18), (48.0, 1.1), (64.0, 1.05))
    # Vertices that join the points at each stage: so many pieces for one, at least and at most.
    pieces_per_vertex: int = 6
    least_vertices: int = 4000
    most_vertices: int = 9000
    # The vertices of so many stages are kept.
    generations: int = 2
    # Climbs to large errors once the samples are within the tolerance.
    searches: int = 100
    # Points that agree to so many digits of the width are one.
    digits: int = 7
    # What is added to the seed for the searches that choose: none must be the one that certifies. The starts
    # of each.
    own_searches: tuple[int, ...] = (1000, 1010)
    starts: int = 48


@dataclass(frozen=True)
class Shrinking:
    """Kinks taken out while what is left is within the tolerance (`construction`, `pruning`).

    Many at once takes fewer finishes, and ends with more kinks.
    """

    # At once, as a part of all, of few and of many; halved where that was too many, down to the least.
    # Families are resampled, not pruned: what they leave is shrunk by little.
    part: float = 0.06
    part_of_many: float = 0.1
    part_of_families: float = 0.025
    least_part: float = 0.012
    # (kinks, times): how often that is tried with up to so many kinks: each time takes a minute where they
    # are many. Not for how long: the result must not depend on the clock.
    times: tuple[tuple[float, int], ...] = ((250, 4), (500, 2), (np.inf, 1))
    # Nor down to hardly more kinks than have been too few: so many times these.
    near: float = 1.07
    # Points of the Gauss-Newton matrix that tells which kinks cost least: at least, and rows per parameter.
    least_points: int = 2048
    rows_per_parameter: int = 4
    # Parts of each entry and of the largest entry of the diagonal that are added to it before the inverse.
    ridge: float = 1e-6
    part_of_largest: float = 1e-10
    # Adapting in full may overshoot; the best of these parts of it is taken.
    parts: tuple[float, ...] = (1.0, 0.5, 0.25, 0.0)


@dataclass(frozen=True)
class Families:
    """Families of planar maps: fitted, found by trial and finished (`families`). More trials save kinks."""

    # Families are judged by trial, for the kinks from here to there. With fewer kinks other ways are as good,
    # with more the trials take too long.
    fewest: int = 60
    most: int = 200
    # The points of trials, for each planar map.
    points_per_kink: int = 50
    # So much fewer planar maps at first than least squares promise, and then; halved where that was too many.
    fewer: float = 0.06
    # Where the first are too few: kinks ~ error^1/4, at least so much. A finish that was given up would have
    # ended with less than its error.
    exponent: float = 0.25
    least_growth: float = 1.02
    # Not down to hardly more than have been too few: these are below this part of what is enough.
    near: float = 0.975
    # The maximum of families falls late, so they are given up late.
    hopeless: Hopeless = ((12.0, 1.6), (24.0, 1.35), (48.0, 1.15), (64.0, 1.06))
    # A weak pair, this part of all planar maps, joins the fewest pairs that come this near to the goal alone,
    # in so many directions over half a turn. It is fitted at these degrees, in so many steps each.
    weak: float = 0.07
    enough: float = 10.0
    directions: int = 8
    weak_degrees: tuple[int, ...] = (1, 3, 5)
    weak_steps: int = 20
    # The points of the first trials, and how many known families these take.
    points: int = 2500
    known: int = 4
    # Trials are fitted at these p, one after the other, at this degree in so many steps.
    powers: tuple[float, ...] = (2.0, 4.0, 16.0)
    degree: int = 8
    steps: int = 12
    # How many of the best go on, and how many of those are finished.
    places: int = 8
    last_places: int = 2
    # Planar maps that move from one pair to another at once: this part of all, then half as many, down to
    # one; that is kept where it lowers the norm by this part.
    moved: float = 1 / 36
    least_move: int = 1
    move_gain: float = 3e-3
    # The p of the fits before each finish.
    last_powers: tuple[float, ...] = (8.0, 16.0, 32.0)
    # Levenberg-Marquardt: the first damping, the factor up and down, the least, and trials of a step.
    damping: float = 1e-2
    damping_factor: float = 4.0
    least_damping: float = 1e-9
    tries: int = 8
    # Coefficients that hardly change the function are damped as if they did to this part of the usual.
    floor: float = 1e-3
    # The matrix is made from the points that make up this part of the p-norm.
    covered: float = 0.99
    # A run ends with a step that gains less.
    least_gain: float = 1e-3


@dataclass(frozen=True)
class HighDimension:
    """A coarser split construction, fitted (`high_dimension`): kinks are saved for minutes."""

    # From this dimension on.
    least_dim: int = 10
    # Tolerances of the coarser constructions, in tolerances: each costs a fit if those before failed.
    coarser: tuple[float, ...] = (1.7, 1.5, 1.35, 1.2)
    # p, and how many iterations of L-BFGS. From p = 2 on: without it, or with the worst points that a search
    # finds among the samples, the errors elsewhere come out larger.
    norms: Stages = ((2.0, 40), (8.0, 60), (24.0, 60))
    # Pairs of differences that L-BFGS keeps.
    memory: int = 30
    # More than so many points never, and so many residuals for each number at least, or nothing is fitted.
    most_points: int = 4096
    residuals_per_number: int = 8
    # Points times the cost of the exact flow at one, as in sampling.search; and times multiply-adds of a
    # gradient, which are to take a minute at most.
    affordable: int = 2**27
    multiply_adds: int = 4 * 10**8
    # What is added to the seed for the points that judge: others than those of the split construction and of
    # the fit.
    judge: int = 3000
    # Points of a thread, at least.
    thread_points: int = 32
