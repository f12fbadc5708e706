"""Split plans: a scheme with a number of steps, traced over the box, to be built with any number of kinks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from ...planar.assembly import assemble
from ...planar.flow import PlanarFlow
from ...target import Target
from .schemes import Scheme
from .settings import DEFAULTS, Settings
from .shared_curves import SharedCurve, shared_curves
from .sub_flows import Part, SubFlow


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """A scheme with a number of steps: its sub-flows, the curves to approximate, its splitting error.

    ranges : for each sub-flow the least and the largest argument of its pieces that the box reaches.
    window : among how many sub-flows of one piece the kinks are dealt out; see `shared_curves`.
    """

    scheme: Scheme
    steps: int
    sub_flows: list[SubFlow]
    ranges: list[Float[np.ndarray, "2 _"]]
    splitting_error: float
    window: int = 1
    settings: Settings = DEFAULTS

    @cached_property
    def curves(self) -> list[SharedCurve]:
        """The displacements to approximate."""
        return shared_curves(self.sub_flows, self.ranges, self.window, self.settings)

    @cached_property
    def exists(self) -> bool:
        """Whether the sub-flows do, on the whole of their ranges."""
        return all(np.all(np.isfinite(shared.curve.value)) for shared in self.curves)

    @cached_property
    def _pieces(self) -> Int[np.ndarray, " c"]:
        """How many pieces share each curve: a kink on it is so many planar maps."""
        return np.array([len(shared.pieces) for shared in self.curves], dtype=np.int64)

    @cached_property
    def _corners(self) -> Int[np.ndarray, " c"]:
        return np.array([shared.curve.corners.size for shared in self.curves], dtype=np.int64)

    @cached_property
    def _loads(self) -> Float[np.ndarray, "c d"]:
        """Curve j with m kinks moves coordinate i by at most loads[j, i] / m^2 too much: (total / (4 m))^2
        is its error, and the directions a tell what becomes of it."""
        rows = [
            np.abs(shared.field.a[list(shared.pieces)]).sum(axis=0) * shared.curve.total**2 / 16
            for shared in self.curves
        ]
        return np.array(rows) if rows else np.zeros((0, 1))

    @cached_property
    def _shares(self) -> Float[np.ndarray, " c"]:
        """Kinks of each curve at density 1.

        Minimizing sum m_j subject to sum c_j / m_j^2 fixed gives m_j ~ c_j^(1/3).
        """
        return np.cbrt(self._loads.max(axis=1, initial=0.0))

    @property
    def curved(self) -> bool:
        """Whether kinks are needed beyond those on corners."""
        return bool(np.any(self._shares))

    def counts(self, density: float) -> Int[np.ndarray, " c"]:
        """Kinks of each curve: one on each corner, and those that resolve its curvature."""
        return self._corners + np.floor(density * self._shares + 0.5).astype(np.int64)

    def kinks(self, density: float) -> int:
        """The number of planar maps."""
        return int(self._pieces @ self.counts(density))

    def kinks_for(self, tolerance: float) -> float:
        """The number of planar maps at which the loads add up to what the splitting error leaves."""
        room = tolerance - self.splitting_error
        if room <= 0:
            return np.inf
        shares = np.where(self._shares > 0, self._shares, 1.0)
        at_density_one = float(np.max(shares**-2.0 @ self._loads, initial=0.0))
        return float(self._pieces @ (np.sqrt(at_density_one / room) * self._shares + self._corners))

    def density(self, kinks: float) -> float:
        """A density with about that many kinks in all, and no more unless corners alone are more."""
        spread = float(self._pieces @ self._shares)
        left = kinks - float(self._pieces @ self._corners)
        if spread == 0 or left <= 0:
            return 0.0
        density = left / spread
        # The counts are rounded, up to half a kink on each curve.
        while self.kinks(density) > kinks:
            density *= self.settings.slightly
        return density

    def parts(self, density: float) -> list[list[Part]]:
        """The piecewise-linear displacements of each sub-flow, with `counts(density)` kinks on the curves."""
        parts: list[list[Part]] = [[] for _ in self.sub_flows]
        for shared, count in zip(self.curves, self.counts(density).tolist()):
            for number, function in zip(shared.flows, shared.deal(count)):
                parts[number].append((shared.pieces, function))
        return parts

    def image(self, density: float, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """What the flow that `build` makes does to the rows of x."""
        for flow, parts in zip(self.sub_flows, self.parts(density)):
            x = flow.image(x, parts)
        return x

    def build(self, density: float, target: Target) -> PlanarFlow:
        """The PlanarFlow with `counts(density)` kinks on the curves."""
        maps = (flow.maps(parts) for flow, parts in zip(self.sub_flows, self.parts(density)))
        return assemble(maps, target.dim, target.domain)


def plan(
    scheme: Scheme,
    steps: int,
    flows: list[SubFlow],
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "n d"],
    settings: Settings = DEFAULTS,
) -> SplitPlan:
    """Trace the points x, whose exact images are y, through the exact sub-flows.

    The splitting error is infinite where a sub-flow does not exist for the whole of its time.
    """
    ranges = []
    for flow in flows:
        ranges.append(flow.ranges(x))
        x = flow(x)
        if not np.all(np.isfinite(x)):
            return SplitPlan(scheme, steps, flows, [], np.inf, settings=settings)
    error = float(np.max(np.abs(x - y)))
    found = SplitPlan(scheme, steps, flows, ranges, error, settings=settings)
    return found if found.exists else replace(found, splitting_error=np.inf)
