"""The tunable numbers of the refinement, by stage.

Where no origin is stated, a number was chosen by trial. Kinks are numbers of planar maps; errors are in units
of the tolerance or of the goal where they are said to be parts or times of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...ridge.settings import Settings as Ridge
from ...split.settings import Settings as Split
from .finishing import Families, Finishing, HighDimension, Shrinking
from .finishing import Hopeless as Hopeless
from .fitting import Equalizing, Growing, KinkCounts, LeastSquares, Points, Starts


@dataclass(frozen=True)
class Settings:
    """What the refinement trades: kinks for time."""

    # The maximum error that finishing reaches, in root mean squares of the fit before it (measured: 3 to 4).
    ratio: float = 3.7
    # The square of so many float64 numbers is two gigabytes.
    most_parameters: int = 16_384
    # Between which every kappa stays. Wider leaves a fit more freedom, and layers that are harder to invert.
    kappa_range: tuple[float, float] = (0.1, 10.0)
    # Kinks per dimension of the first fit: far from those wanted takes more fits.
    first_rung: int = 12
    # More kinks than this are many: each step of least squares takes seconds.
    many: int = 200
    # A fit that is this many times above the promise of the tolerance after the first steps is left there.
    # Others get more steps, few where there are many kinks: each costs seconds, and equalizing follows.
    first_steps: int = 12
    far: float = 2.0
    steps: int = 20
    steps_of_many: int = 6
    points: Points = field(default_factory=Points)
    kink_counts: KinkCounts = field(default_factory=KinkCounts)
    growing: Growing = field(default_factory=Growing)
    shrinking: Shrinking = field(default_factory=Shrinking)
    least_squares: LeastSquares = field(default_factory=LeastSquares)
    starts: Starts = field(default_factory=Starts)
    equalizing: Equalizing = field(default_factory=Equalizing)
    finishing: Finishing = field(default_factory=Finishing)
    families: Families = field(default_factory=Families)
    high_dimension: HighDimension = field(default_factory=HighDimension)
    # Of the smooth fits and the splittings that starts come from, and the flows in high dimension.
    ridge: Ridge = field(default_factory=Ridge)
    split: Split = field(default_factory=Split)


DEFAULTS = Settings()
