"""The anytime construction: the first flow within the tolerance, then a smaller one for what `effort` allows.

Smooth ridge maps (`ridge`) come within a tolerance soonest. Where they do not, the field's own pieces do if
it is a sum of ridges (`split`), with many kinks; at last there is refinement (`refine`), which takes longest.
It also needs the fewest kinks: so it follows each success, for as long as the effort says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from ..errors import ToleranceNotReached
from ..planar.flow import PlanarFlow
from ..target import Target
from .construction import Constructed, Construction, Limits, Report, quiet
from .refine.construction import Refine
from .refine.high_dimension import is_high_dimensional
from .ridge.construction import Ridge
from .split.construction import Split


@dataclass(frozen=True)
class Settings:
    """What the anytime construction gives each method."""

    # Ridge maps are given up after this part of the time, and after so many seconds: what takes them longer
    # mostly takes them very long (of the battery, nothing between 60 and 120 s).
    part: float = 0.6
    most_seconds: float = 120.0
    # Normal effort refines flows with at most so many numbers w. In the plane, 30 kinks take 1 to 4 s, and 46
    # (brusselator at 1e-2) 8 s.
    few: int = 60


DEFAULTS = Settings()


class Anytime(Construction):
    """Ridge maps, then the field's own pieces, then refinement; and refinement after the first success."""

    def __init__(
        self, target: Target, limits: Limits, report: Report = quiet, *, settings: Settings = DEFAULTS
    ):
        super().__init__(target, limits, report)
        self.settings = settings
        soon = replace(limits, max_seconds=min(settings.part * limits.max_seconds, settings.most_seconds))
        self._ways: list[tuple[str, Construction]] = [("refine", Refine(target, limits, report))]
        if not is_high_dimensional(target):
            if target.is_ridge_sum:
                self._ways.insert(0, ("split", Split(target, limits, report)))
            self._ways.insert(0, ("ridge", Ridge(target, soon, report)))

    def within(self, tolerance: float) -> Constructed:
        """The flow of the first method that comes within `tolerance`; raises as Construction.within does.

        A method that does not is not asked again.
        """
        best, needed = None, None
        while True:
            name, way = self._ways[0]
            try:
                made = way.within(tolerance)
                return replace(made, how=f"{name}: {made.how}")
            except ToleranceNotReached as refusal:
                if refusal.flow is not None and refusal.error <= tolerance:
                    # Its time was over, but it is there.
                    return Constructed(refusal.flow, f"{name}: the closest in its time")
                best = refusal if best is None or refusal.error < best.error else best
                needed = refusal.needed or needed
                if len(self._ways) == 1 or self.limits.late():
                    said = str(best) + (f"; it takes about {needed:.2g} kinks" if needed else "")
                    raise ToleranceNotReached(said, best.flow, best.error, needed) from None
                self.report(f"{refusal}; next comes {self._ways[1][0]}")
                del self._ways[0]

    def smaller(self, tolerance: float, flow: PlanarFlow) -> Constructed | None:
        """What refinement makes of it, if the effort allows for that and that is not where it comes from."""
        effort = self.limits.effort
        many = flow.kinks * flow.dim > self.settings.few
        if self._ways[0][0] == "refine" or effort == "fast" or (effort == "normal" and many):
            return None
        made = self._refine.within(tolerance)
        return replace(made, how=f"refine: {made.how}")

    @cached_property
    def _refine(self) -> Refine:
        limits = self.limits
        if not isinstance(limits.effort, str):
            limits = replace(limits, max_seconds=min(limits.effort, limits.max_seconds))
        return Refine(self.target, limits, self.report)

    def learn(self, x: Float[np.ndarray, "n d"]) -> None:
        """Hand the points on."""
        for _, way in self._ways:
            way.learn(x)
        self._refine.learn(x)
