"""The tunable numbers of the refinement, by stage.

Where no origin is stated, a number was chosen by trial. Kinks are numbers of planar maps; errors are in units
of the tolerance or of the goal where they are said to be parts or times of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..ridge import settings as ridge
from ..split import settings as split

# (p, steps) of stages of finishing.
Stages = tuple[tuple[float, int], ...]
# From this p on, a stage that is further than this above the tolerance ends it: there is no hope.
Hopeless = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Points:
    """How many points measure and fit a flow (`search`): more cost time, fewer miss its pieces."""

    # A refined flow in the plane has about kinks^2 / 2 pieces: so many points for each, up to so many points,
    # and for each kink; at least. With less than one for a piece, least squares fits the points and not what
    # is between them.
    per_piece: int = 2
    most_for_pieces: int = 60_000
    per_kink: int = 40
    least: int = 2048
    # So many dense points for each piece, and for each kink; at least and at most.
    dense_per_piece: int = 4
    dense_per_kink: int = 200
    least_dense: int = 8192
    most_dense: int = 100_000
    # Points that tell how far the images used in training are off.
    probes: int = 128
    # A search finds errors so many times those at the samples that were fitted.
    doubt: float = 1.2


@dataclass(frozen=True)
class KinkCounts:
    """How many kinks to fit next (`kink_counts`); an excess is an error in units of the one wanted."""

    # The excess falls with kinks^-order: until two fits tell, and between which it is believed.
    order: float = 1.6
    order_range: tuple[float, float] = (1.0, 2.2)
    # The excess aimed at: below 1 as fits are noisy.
    aim: float = 0.93
    # Growth from a fit that fell short, at least and at most, as a factor.
    least_growth: float = 1.1
    most_growth: float = 6.0
    # Good enough is an excess from here to 1, or kinks so few times those of a fit that fell short.
    close: float = 0.8
    next: float = 1.15
    # With many kinks a fit takes minutes: better a few kinks too many than one fit more.
    close_of_many: float = 0.6
    most_growth_of_many: float = 2.0
    # Fits in all.
    most_rungs: int = 8


@dataclass(frozen=True)
class Growing:
    """Growth after a finish that missed (`construction`), and new planar maps (`growth`)."""

    # Kinks ~ error^-0.8, at least and at most so many times as many. Too many can be taken out again.
    exponent: float = 0.8
    least: float = 1.05
    most: float = 3.5
    # Random candidates for new planar maps: more find better ones, at a price that is linear in them.
    candidates: int = 600
    # New directions start at this part of their first-order optimum: they are chosen one by one.
    caution: float = 0.5
    # States and adjoints at all places, and all candidates' effects, must fit in memory: so many float64
    # numbers are 0.2 gigabytes. Points at most, and in spite of that at least.
    most_numbers: int = 24_000_000
    most_points: int = 6000
    least_points: int = 500


@dataclass(frozen=True)
class Shrinking:
    """Kinks taken out while what is left is within the tolerance (`construction`, `pruning`)."""

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
class LeastSquares:
    """Levenberg-Marquardt for p-norms (`least_squares`)."""

    # The damping: the first, the factor from one tried to the next, and between which it stays.
    damping: float = 1e-2
    damping_factor: float = 3.0
    damping_range: tuple[float, float] = (1e-9, 1e8)
    # A run ends after this many steps in a row that gain less than this part of the norm.
    patience: int = 4
    least_gain: float = 1e-3
    # Points of the Gauss-Newton matrix: so many rows per parameter, the heaviest first, at least and at most.
    # Fewer make each step faster and worse. For p > 2 no more than make up this part of the norm.
    rows_per_parameter: int = 4
    least_rows: int = 4096
    most_rows: int = 40_000
    covered: float = 0.9999
    # The matrix of the mean square is renewed after this many steps, and carries a little of its diagonal.
    renewed: int = 5
    diagonal: float = 1e-4
    # Where a step leaves more than this of the objective, so many steps more are made with its matrix.
    slow: float = 0.7
    descent: int = 20
    # Armijo's condition; step lengths that are tried (`quasi_newton`).
    decrease: float = 1e-4
    lengths: tuple[float, ...] = (1.0, 0.4, 0.16, 0.064)
    # Differences of gradients that fail this part of |s| |y| carry no usable curvature: rounding.
    least_curvature: float = 1e-12
    # A p-th power beyond this would overflow soon (float64 ends at 1.8e308).
    largest: float = 1e200
    # Multiply-adds of a gradient for each point, planar map and coordinate: what threads are shared out by.
    sweeps: int = 7
    # A dense matrix of 6000^2 numbers takes 288 MB, and as much again for its factor (`normal_matrix`).
    most_dense_parameters: int = 6000
    # Rows of the Jacobian held at once: about this many numbers in each of so many parts.
    chunk_numbers: int = 4_000_000
    at_once: int = 4
    # Parameters that hardly change the function are damped as if they did to this part of the usual: without
    # it they run so far that the next step finds no way down (measured: half the steps were lost).
    floor: float = 0.05
    # Conjugate gradients end after so many steps, or with the residual reduced to this part.
    most_cg_steps: int = 60
    cg_reduction: float = 1e-2


@dataclass(frozen=True)
class Starts:
    """Starts and the choice among them (`starts`, `ridge_start`, `slices`): more cost time."""

    # Slices of so many kinks, or a scheme with so many steps.
    kinds: tuple[tuple[str, int], ...] = (
        *(("slices", 4), ("slices", 8), ("slices", 16), ("slices", 32), ("lie", 3), ("lie", 4)),
        *(("strang", 1), ("strang", 2), ("strang", 3), ("strang", 4)),
    )
    # Ridge maps per dimension, at least so many kinks for each; and how many such starts run.
    ridges: tuple[float, ...] = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
    kinks_per_ridge: int = 5
    ridge_starts: int = 4
    # More ridge maps are of no use where fewer are within this part of the goal.
    close: float = 0.3
    # Each start runs for a few steps, the best few for more, and those of them that are best for more again.
    steps: int = 4
    more_steps: int = 5
    last_steps: int = 10
    places: int = 5
    last_places: int = 2
    # The degrees at which families are fitted, one after the other, in so many steps each.
    degrees: tuple[int, ...] = (3, 5)
    family_steps: int = 30
    # With many kinks each step takes seconds: so many of the best smooth fits run, and so many of the kinds
    # that did well with fewer, and only the best goes on.
    few_starts: int = 2
    few_kinds: int = 2
    # Points of the trials, for each kink and at least.
    points_per_kink: int = 30
    least_points: int = 1024
    # A split construction may have this many kinks less than asked for, in parts; these parts of the density
    # that promises all of them are tried.
    slack: float = 0.1
    densities: tuple[float, ...] = (1.0, 0.95, 0.9)
    # Kinds that ended so far above the best with fewer kinks are not tried with more.
    worse: float = 1.2
    # Bins of a profile's range in which the density of kinks is told (`ridge_start`).
    bins: int = 24
    # Slices: points, candidates for each new planar map (fewer than in `Growing`: there are many slices), and
    # steps of least squares for each slice.
    slice_points: int = 1024
    slice_candidates: int = 200
    slice_steps: int = 15


@dataclass(frozen=True)
class Equalizing:
    """Errors made alike (`equalize`)."""

    # Rounds of new weights, and steps of least squares in each.
    rounds: int = 4
    steps: int = 4
    # So many points are a place.
    neighbours: int = 32
    # Weights below this part of their mean would leave places without points.
    least_weight: float = 0.02


@dataclass(frozen=True)
class Finishing:
    """The maximum error lowered (`finishing`)."""

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
class Families:
    """Families of planar maps: fitted, found by trial and finished (`families`)."""

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
    # Rows of the Jacobian held at once: about this many numbers.
    chunk_numbers: int = 4_000_000


@dataclass(frozen=True)
class HighDimension:
    """A coarser split construction, fitted (`high_dimension`)."""

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


@dataclass(frozen=True)
class Settings:
    """What the refinement trades: kinks for time."""

    # The maximum error that finishing reaches, in root mean squares of the fit before it (measured: 3 to 4).
    ratio: float = 3.7
    # The square of so many float64 numbers is two gigabytes.
    most_parameters: int = 16_384
    # Between which every kappa stays: how far one planar map may bend the state. Wider fits better, and gives
    # layers that are harder to invert.
    kappa_range: tuple[float, float] = (0.1, 10.0)
    # Kinks per dimension of the first fit.
    first_rung: int = 12
    # More kinks than this are many: each step of least squares takes seconds.
    many: int = 200
    # A fit that is this many times above the promise of the tolerance after the first steps is left there.
    # Others get more steps, few where there are many kinks: each costs seconds, and equalizing follows.
    first_steps: int = 12
    far: float = 2.0
    steps: int = 20
    steps_of_many: int = 6
    points: Points = Points()
    kink_counts: KinkCounts = KinkCounts()
    growing: Growing = Growing()
    shrinking: Shrinking = Shrinking()
    least_squares: LeastSquares = LeastSquares()
    starts: Starts = Starts()
    equalizing: Equalizing = Equalizing()
    finishing: Finishing = Finishing()
    families: Families = Families()
    high_dimension: HighDimension = HighDimension()
    # Of the smooth fits and the splittings that starts come from, and the flows in high dimension.
    ridge: ridge.Settings = ridge.DEFAULTS
    split: split.Settings = split.DEFAULTS


DEFAULTS = Settings()
