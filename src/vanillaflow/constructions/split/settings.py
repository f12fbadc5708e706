"""The tunable numbers of the split construction."""

from __future__ import annotations

from dataclasses import dataclass

from ..settings import PIECEWISE_LINEARS, PiecewiseLinears


@dataclass(frozen=True)
class Settings:
    """What the split construction trades: kinks for the time to find plans with fewer of them.

    Where no origin is stated, a number was chosen by trial.
    """

    # Steps that are tried with each scheme. A ladder about sqrt(2) apart; more rungs cost traces.
    steps: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
    # How many of the most promising (scheme, steps) pairs are built and measured: each takes a bisection.
    built: int = 3
    # Points at which plans are measured. Fewer where points times d times d or the number of ridges, whatever
    # is more, would exceed `affordable`, a quarter of a gigabyte of float64 numbers; at least the fewest.
    samples: int = 1024
    affordable: int = 2**25
    fewest_samples: int = 32
    # The factor by which the search for the least density of kinks goes down before it bisects.
    widen: float = 4.0
    # Schemes of higher order take several times as many sub-flows a step, each with kinks on all of its
    # ridges: with more ridges than this they are not tried. Heuristic.
    many_ridges: int = 100
    # Among how many sub-flows kinks are dealt out: each window costs a bisection.
    windows: tuple[int, ...] = (16, 8, 4, 2, 1)
    # Predictions add worst cases up. Plans that promise so many times the kinks found are not built.
    hopeless: float = 4.0
    # The density of kinks is found to 2 %, or 10 % where there are so many kinks that each attempt takes
    # seconds; then only the most promising plans are built.
    close: float = 1.02
    close_to_many: float = 1.1
    many: int = 20_000
    # By this factor a density falls whose rounded counts are too many. Larger ends nearer to what is allowed.
    slightly: float = 0.99
    # A sub-flow is approximated on the sampled range of w.x + b and by this part of it beyond, rounded to
    # multiples of a power of two, 2^-(grain + 1) to 2^-grain of the range (1/64 to 1/32): so pieces that
    # reach nearly the same range have the same curve. From there it goes on linearly. Wider costs kinks;
    # narrower leaves points of the box beyond the range. Heuristic.
    margin: float = 0.01
    grain: int = 5
    # Pieces share a curve if none of their ranges is shorter than this part of the range of all. Lower makes
    # more layers shared, and more kinks where a piece does not need them. Heuristic.
    shared_range: float = 0.75
    # Matrices of affine sub-flows are kept to this condition number from this dimension on: lower inverts
    # better, and adds to the splitting error. Chosen by trial.
    most_condition: float = 40.0
    large: int = 32
    # Rounding of w.a relative to |w||a|, below which pieces commute: some hundred units of float64.
    commute: float = 1e-13
    # How the displacements become piecewise linear.
    curves: PiecewiseLinears = PIECEWISE_LINEARS


DEFAULTS = Settings()
