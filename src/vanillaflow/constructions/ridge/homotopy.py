"""Ridge maps for the whole duration, from those for less of it: homotopy in time.

Fitted to the end of a long flow at once, ridge maps end in poor minima: residuals are large, so are the maps
that lower them, and what comes out of them is wild where there are few points. What a flow does in a little
more time, on top of what has been fitted, is a small residual, which small maps take away (`growth`). So the
fit follows the flow: from each time it goes on to the latest one at which its maps, with another affine map
after them, are off by no more than a small factor; there maps are added until they are close enough.

Of a flow that is known at its end only, x + s (Phi(x) - x) stands for the state at the part s of the time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ...sampling.samples import Samples
from ...target import Target
from ..construction import Report, Stop
from .fit import RidgeFit, lower
from .growth import grow
from .maps import RidgeMaps, idle_maps
from .objective import Objective
from .samples import dense_towards_the_boundary
from .settings import Settings


class Homotopy:
    """The smooth ridge maps of one target, ever more of them and ever closer to it.

    Attributes
    ----------
    maps
        Ridge maps for the last time that was reached; no ridge maps, an affine map, at the start.
    """

    def __init__(self, target: Target, seed: int, settings: Settings):
        self._settings = settings.homotopy
        self._fitting = settings.fitting
        self._rng = np.random.default_rng([seed, 4])
        x = dense_towards_the_boundary(target.domain, self._settings.points, self._rng, self._fitting)
        self._x, self._images = x, list(_images(target, x, self._settings.times))
        self._reached = -1
        no_maps = np.zeros((0, target.dim))
        self.maps = idle_maps(x, no_maps, settings.fitting.degree, target.held, settings)

    def whole(self) -> RidgeFit:
        """The maps so far, with the affine map after them that is best for the whole duration."""
        return self._refit(self._settings.times - 1)

    def until(self, goal: float, most: int, stop: Stop, report: Report) -> RidgeFit:
        """Maps for the whole duration whose root mean square of error is below the goal, or all that may be.

        most : the largest number of ridge maps.
        """
        last = self._settings.times - 1
        while True:
            time, fit = self._next(goal)
            close = goal if time == last else self._settings.loose * goal
            while fit.norm > close and len(fit.maps.w) < most and not stop():
                fit = self._lower(
                    fit, time, close, stop, more=bool(self._reached == time or not len(fit.maps.w))
                )
                self._reached, self.maps = time, fit.maps
            self._reached, self.maps = time, fit.maps
            part = (time + 1) / (last + 1)
            report(f"{len(fit.maps.w)} smooth ridge maps to {part:.0%} of the duration: rms {fit.norm:.2e}")
            if time == last or fit.norm > close:
                return fit if time == last else self.whole()

    def more(self, fit: RidgeFit, met: Samples, stop: Stop) -> RidgeFit:
        """Maps for the whole duration, more of them than in the fit, which is such maps, too.

        met : points at which the fit has large errors, which are among those that are fitted.
        """
        last = self._settings.times - 1
        here = Samples(self._x, self._images[last])
        self._x, self._images[last] = np.concatenate([met.x, here.x]), np.concatenate([met.y, here.y])
        fit = replace(fit, norm=self.norm(fit.maps, last))
        for _ in range(1 + int(self._settings.growth * len(fit.maps.w))):
            fit = self._lower(fit, last, 0.0, stop, more=True, p=self._settings.power)
        self._x, self._images[last] = here.x, here.y
        return fit

    def _next(self, goal: float) -> tuple[int, RidgeFit]:
        """The latest time that the maps can go on to, and they with an affine map for it."""
        for time in range(self._settings.times - 1, self._reached + 1, -1):
            fit = self._refit(time)
            if fit.norm <= self._settings.far * goal:
                return time, fit
        time = min(self._reached + 1, self._settings.times - 1)
        return time, self._refit(time)

    def _lower(
        self, fit: RidgeFit, time: int, goal: float, stop: Stop, more: bool, p: float = 2.0
    ) -> RidgeFit:
        """The fit lowered, with one more map if it may have one; on as many points as its numbers take."""
        rows = self._fitting.rows_per_number * (fit.maps.count + (len(fit.maps.F.T) + 1))
        count = max(self._fitting.least_points, rows // self._x.shape[1])
        objective = Objective(Samples(self._x[:count], self._images[time][:count]))
        if more:
            found = grow(fit, objective, p, goal, self._rng, stop)
        else:
            found = lower(fit, objective, p, self._settings.steps, goal, stop)
        return replace(found, norm=self.norm(found.maps, time))

    def _refit(self, time: int) -> RidgeFit:
        """The maps with the affine map after them that is best for a time."""
        maps = with_best_affine(self.maps, self._x, self._images[time])
        return RidgeFit(maps, self.norm(maps, time), self._fitting.damping, self._x)

    def norm(self, maps: RidgeMaps, time: int = -1) -> float:
        objective = Objective(Samples(self._x, self._images[time]))
        return objective.norm(maps, objective.residual(maps), 2.0)


def with_best_affine(maps: RidgeMaps, x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n d"]) -> RidgeMaps:
    """The maps with the affine map of least squares after them; held coordinates stay."""
    states = maps.states(x)[-1]
    moving = x.shape[1] - maps.held
    rows = np.column_stack([states, np.ones(len(x))])
    found = np.linalg.lstsq(rows, y[:, :moving], rcond=None)[0].T
    M, m = maps.M.copy(), maps.m.copy()
    M[:moving], m[:moving] = found[:, :-1], found[:, -1]
    return replace(maps, M=M, m=m)


def _images(target: Target, x: Float[np.ndarray, "n d"], count: int) -> Float[np.ndarray, "m n d"]:
    """The states at so many equidistant times, the last of them the end."""
    parts = np.arange(1, count + 1) / count
    if target.knows_trajectories:
        return target.trajectory(x, target.duration * parts)
    return x + parts[:, None, None] * (target(x) - x)
