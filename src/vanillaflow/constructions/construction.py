"""Construction: what every way to make a flow has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from time import perf_counter

import numpy as np
from jaxtyping import Float

from ..choices import EFFORTS
from ..planar.flow import PlanarFlow
from ..target import Target

# Whether time is up.
Stop = Callable[[], bool]
# Called with a line of text as stages complete.
Report = Callable[[str], None]
# The stages of a compilation, as in Provenance: (stage, kinks, error).
Path = tuple[tuple[str, int, float], ...]


def never() -> bool:
    """Stop: there is no limit."""
    return False


def quiet(line: str) -> None:
    """A Report that drops the line."""


@dataclass(frozen=True)
class Limits:
    """What a construction may take: planar maps, and seconds from when these limits were set.

    Attributes
    ----------
    max_kinks
        The largest number of planar maps.
    max_seconds
        The largest time.
    seed
        The seed of all samples, so that the same limits give the same flow as long as time is no limit.
    effort
        What may be spent on fewer planar maps after the first success: one of EFFORTS, or seconds in all.
    begun
        When the limits were set, on the clock of `time.perf_counter`.
    """

    max_kinks: int = 20_000
    max_seconds: float = inf
    seed: int = 0
    effort: str | float = EFFORTS[0]
    begun: float = field(default_factory=perf_counter)

    @property
    def seconds_left(self) -> float:
        return self.begun + self.max_seconds - perf_counter()

    def late(self) -> bool:
        """Whether the time is over."""
        return self.seconds_left < 0


@dataclass(frozen=True, eq=False)
class Constructed:
    """A flow, a line on how it was made, and the stages of its construction before that."""

    flow: PlanarFlow
    how: str
    before: Path = ()


class Construction(ABC):
    """A way to make flows for one target.

    It is made once for a target and asked for flows within one tolerance after the other, each stricter than
    the one before: what depends on the target alone, and what was found before, is kept in between. To add
    one, write such a class in a module of this folder and its line in `registry`.

    Parameters
    ----------
    target
        The flow to approximate.
    limits
        The planar maps, the time and the seed.
    report
        A function that takes a line of text as stages complete.
    """

    def __init__(self, target: Target, limits: Limits, report: Report = quiet):
        self.target, self.limits, self.report = target, limits, report

    @abstractmethod
    def within(self, tolerance: float) -> Constructed:
        """Return a flow whose largest error, as far as the construction looks, is within `tolerance`.

        Raises
        ------
        ToleranceNotReached
            If the limits do not allow it; with the best flow if there is one.
        CompilationInterrupted
            If Ctrl-C arrives when there is a flow already; with the best one.
        """

    def smaller(self, tolerance: float, flow: PlanarFlow) -> Constructed | None:
        """Return a flow with fewer planar maps than this one, which is within the tolerance, if it can.

        Only the anytime construction does: the others end with the fewest that they find.

        Raises
        ------
        ToleranceNotReached
            If it finds none.
        """
        return None

    def learn(self, x: Float[np.ndarray, "n d"]) -> None:  # noqa: B027
        """Take account of the points x, at which flows made before had their largest errors.

        Most constructions ignore them, since they search for such points themselves.
        """
