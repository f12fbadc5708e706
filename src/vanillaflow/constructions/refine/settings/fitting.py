"""The tunable numbers of fits: least squares, its starts, and how many kinks.

Where no origin is stated, a number was chosen by trial. Kinks are numbers of planar maps; errors are in units
of the tolerance or of the goal where they are said to be parts or times of it.
"""

from __future__ import annotations

from dataclasses import dataclass


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
    """How many kinks to fit next (`kink_counts`): bolder takes fewer fits, and ends with more kinks.

    An excess is an error in units of the one wanted.
    """

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
    """Growth after a finish that missed (`construction`), and new planar maps (`growth`).

    Much growth takes fewer finishes, and ends with more kinks.
    """

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
class LeastSquares:
    """Levenberg-Marquardt for p-norms (`least_squares`): what a step gains is traded for its time."""

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
    """Errors made alike (`equalize`): more rounds and steps cost time, and leave finishing less to do."""

    # Rounds of new weights, and steps of least squares in each.
    rounds: int = 4
    steps: int = 4
    # So many points are a place.
    neighbours: int = 32
    # Weights below this part of their mean would leave places without points.
    least_weight: float = 0.02
