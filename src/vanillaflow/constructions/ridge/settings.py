"""The tunable numbers of the ridge construction, by stage.

Where no origin is stated, a number was chosen by trial.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Maps:
    """Smooth ridge maps (`maps`)."""

    # Equidistant places of a range at which bends are told.
    nodes: int = 65
    # The states may leave the range of a profile by this part of it, on each side.
    margin: float = 0.02


@dataclass(frozen=True)
class Fitting:
    """Least squares from random directions (`fit`): more or longer runs find better minima."""

    # The degree of profiles: higher costs numbers for each map, lower costs maps. `finishing` may raise it.
    degree: int = 8
    # Points: at least so many, and so many rows for each number.
    least_points: int = 2000
    rows_per_number: int = 15
    # Sines that tell them are stretched by this factor and cut, so that a quarter of each coordinate's are on
    # the boundary: 1 - 2 arcsin(1 / 1.08) / pi = 0.246.
    stretch: float = 1.08
    # Runs from as many sets of directions, and their steps; how many of the best go on, and their steps.
    runs: int = 8
    short: int = 10
    places: int = 2
    long: int = 40
    # Levenberg-Marquardt: the first damping, the factor up and down, the least, and trials of a step.
    damping: float = 1e-5
    damping_factor: float = 4.0
    least_damping: float = 1e-9
    tries: int = 8
    # Parts of the largest entry of the diagonal that are added to it, for p = 2; of the diagonal itself that
    # are added to the matrix that measures steps, for p > 2. Both keep the damped matrix positive.
    least_diagonal: float = 1e-6
    part_of_diagonal: float = 0.01
    # A run ends with a step that gains less, as a part of the norm.
    least_gain: float = 3e-3
    patience: int = 2
    # Points that tell how much a step changes the map.
    everywhere: int = 8000


@dataclass(frozen=True)
class Growing:
    """More maps (`growth`)."""

    # Random places, and random directions at each, of which the best is taken; and its range's margin.
    places: int = 4
    directions: int = 16
    margin: float = 0.05
    # What is added to nearly singular sensitivities, as a part of their mean square.
    regularization: float = 1e-4
    # The smallest singular value of the fit of a profile, as a part of the largest.
    conditioning: float = 1e-8
    # Parts of the new profile that are tried, until one lowers the norm; none is the last.
    parts: tuple[float, ...] = (1.0, 0.5, 0.25, 0.0)
    # The part of the norm that ranges which fit may cost.
    loss: float = 0.01
    # Steps of least squares in all numbers after that.
    steps: int = 25


@dataclass(frozen=True)
class Homotopy:
    """The duration in parts (`homotopy`)."""

    points: int = 4096
    # Equidistant times, and how far the fit may be from the goal at the one that it goes on to.
    times: int = 16
    far: float = 10.0
    # What is close enough before the end, in units of the goal.
    loose: float = 2.0
    # Where the maximum error falls short, one map is added, and so many for each that there is.
    growth: float = 0.1
    # The p-norm that these lower.
    power: float = 8.0
    # Steps of least squares at a new time before maps are added.
    steps: int = 15


@dataclass(frozen=True)
class Objectives:
    """What fits lower (`objective`)."""

    # For p > 2 the matrix is made from the points that make up this part of the p-norm: fewer are faster.
    covered: float = 0.99
    # Points whose derivatives are held at once: fewer where these would be more numbers than 32 megabytes
    # hold. Products of such matrices take half a second, after which the clock is looked at.
    chunk: int = 2000
    numbers: int = 2**22
    # The least slope of a ridge map along its direction that is not held to fold over.
    least_slope: float = 0.05
    fold: float = 0.1
    # Pieces in units of what typical bends need (measured: less costs more ridge maps, more larger tables).
    more_pieces: float = 1.3


@dataclass(frozen=True)
class Finishing:
    """The maximum error lowered (`finishing`): kinks and maps saved for time."""

    # Points for each number of the fit, at least and at most.
    points_per_number: int = 8
    least_points: int = 4096
    most_points: int = 20_000
    # The p-norms before the first search and after each, and the steps with each.
    power: float = 8.0
    last_power: float = 16.0
    steps: int = 5
    # Rounds of search, and the searches of a round.
    rounds: int = 6
    searches: int = 100
    # The rounds end when so many in a row have not lowered the error by this factor.
    misses: int = 2
    gain: float = 0.97
    # The maximum error that is expected, in root mean squares of the fit before it (measured: 1.6 to 3.1).
    ratio: float = 1.6
    # A maximum of more root mean squares is large at few places: maps are added in a p-norm. Of fewer, it is
    # large everywhere: the root mean square is lowered, to between these parts of it.
    peaked: float = 4.0
    least: float = 0.5
    most: float = 0.9
    # The damping begins anew with each p.
    damping: float = 1e-2


@dataclass(frozen=True)
class Tables:
    """Grids of kinks (`grids`, `pieces`)."""

    # Buckets of a range: tables fill whole registers.
    sizes: tuple[int, ...] = (32, 64, 128, 256, 512, 1024, 2048, 4096)
    # Bends are known in so many parts of a range.
    bins: int = 64
    # Grids of so many sizes are tried: more find fewer kinks.
    tried: int = 16
    # Where w.x would fold over in some piece, or nearly, its slope is kept at this part of the usual one.
    least_slope: float = 0.01


@dataclass(frozen=True)
class Settings:
    """What the ridge construction trades: ridge maps for kinks, and both for time."""

    # The part of the tolerance that smooth maps aim at: the rest is the kinks'. Less costs ridge maps, more
    # costs kinks.
    aim: float = 0.6
    # The part of the tolerance that is enough when finishing ends: more maps would cost more than more kinks.
    enough: float = 0.85
    # More maps are no longer tried when so many times in a row they have not lowered the error.
    misses: int = 10
    # The square of so many float64 numbers is an eighth of a gigabyte.
    most_numbers: int = 4096
    # Least squares ends at this part of the tolerance.
    close: float = 0.05
    # Points at which flows are measured, and when time is short; the rounds of its search then.
    points: int = 8192
    few_points: int = 512
    few_rounds: int = 3
    # What each ridge map may be off alone: tried from so many tolerances down, by one factor for the tables
    # and by another for the kinks; further down than this part it is not for want of kinks.
    coarsest: float = 4.0
    coarser: float = 0.7
    finer: float = 0.9
    finest: float = 1e-3
    # Seconds beyond the limit in which the maps that there are become a flow.
    last_seconds: float = 0.5
    # What is added to the seed for the search that chooses, which is not that which certifies; its starts.
    search: int = 1000
    starts: int = 48
    maps: Maps = Maps()
    fitting: Fitting = Fitting()
    growing: Growing = Growing()
    homotopy: Homotopy = Homotopy()
    objective: Objectives = Objectives()
    finishing: Finishing = Finishing()
    tables: Tables = Tables()


DEFAULTS = Settings()
