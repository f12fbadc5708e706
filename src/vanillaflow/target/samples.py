"""SampledFlow: the target of a compilation that is known by samples only, of a simulator or by measurement.

Between the samples it is their thin-plate spline, of all spline-like interpolants the one that bends least in
the plane. How far that is from the flow that made the samples, nobody can know; leaving out samples with all
that are near and predicting them (`left_out`) tells what to expect.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.interpolate import RBFInterpolator

from ..box import Box, search_points
from ..errors import UncoveredDomain
from ..text import point_text
from ..validation import require_finite, require_points, require_positive
from .base import Target
from .left_out import NEIGHBOURS, expected_errors, uncovered_part

_KERNEL = "thin_plate_spline"
# Beyond so many samples each value comes from the nearest ones only.
_MOST_SAMPLES = 3000
# Places of the box at which an error is expected, half as many on its faces, and corners: each costs a set of
# linear equations, and at 512 the largest was within 10 % of that at 256.
_PLACES = 256
# Places at which it is asked how far samples are, and the part of them from which on it is said that they are
# far; see `left_out.uncovered_part` for what evenly spread samples have.
_COVERAGE_PLACES, _MUCH = 4096, 0.1
# Not one that a user would take: with the seed of the samples, these would be among the places.
_SEED = 920_113
_BATCH = 8192
# The samples may stop this part of the width short of the box, where the spline is continued.
_MARGIN = 0.1


class SampledFlow(Target):
    """The map x -> Phi(x) between samples y_i = Phi(x_i), by a thin-plate spline.

    The error of a compilation is relative to the spline: that of the network to the flow may be larger by
    about `left_out_error`. There is no field: only the methods "refine" and "ridge" compile it.

    Parameters
    ----------
    x, y
        Points and their images, n >= 2 (d + 1) of them.
    domain
        The box to compile on; by default the smallest that holds the points x.
    duration
        The time between x and y, for the records.
    smoothing
        0 interpolates; measured images with noise call for more. The unit is that of SciPy's
        RBFInterpolator, with points scaled to a box of width 2.
    name
        What reports call the system.

    Attributes
    ----------
    left_out_error
        The largest error to expect in any coordinate anywhere in the box. It is found at places all over the
        box: the sample nearest to each is predicted without the samples that are nearer to it than it is to
        the place (`left_out.expected_errors`).
    left_out_rms
        The root mean square of the errors of those samples that were predicted for places spread evenly over
        the box: it contains their noise, and is mostly larger than that of the errors at the places.
    uncovered
        The part of the box, by volume, that is farther from every sample than 99 % of it would be from as
        many samples drawn at random, and than 5 % of its width. There the spline is a guess.
    farthest
        The place of the box that is the farthest from all samples.

    Raises
    ------
    ValueError
        For arrays that do not fit, points that coincide but have different images (without smoothing), points
        that lie in a hyperplane, or a domain that the points do not cover.

    Warns
    -----
    UncoveredDomain
        If more than a tenth of the box is not covered.
    """

    def __init__(
        self,
        x: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n d"],
        domain: Box | None = None,
        duration: float = 1.0,
        smoothing: float = 0.0,
        name: str | None = None,
    ):
        x, y = require_finite("samples x", x), require_finite("samples y", y)
        if x.ndim != 2 or x.shape != y.shape or x.shape[1] == 0:
            raise ValueError(f"samples x and y must have one shape (n, d), got {x.shape} and {y.shape}")
        n, d = x.shape
        if n < 2 * (d + 1):
            raise ValueError(f"{n} samples are too few in dimension {d}; at least {2 * (d + 1)} are needed")
        if not np.isfinite(smoothing) or smoothing < 0:
            raise ValueError(f"smoothing must be 0 or positive, got {smoothing!r}")
        self.domain = _require_cover(x, domain)
        self.duration = require_positive("duration", duration)
        self.name = name or "samples"
        self._smoothing = float(smoothing)
        scaled = self._scale(x)
        if np.linalg.matrix_rank(scaled - scaled.mean(axis=0), tol=1e-8 * np.sqrt(n)) < d:
            raise ValueError("the samples x lie in a hyperplane; a flow on a box needs points all over it")
        unique, first = np.unique(scaled, axis=0, return_index=True)
        if smoothing == 0 and len(unique) < n:
            twice = np.setdiff1d(np.arange(n), first)[0]
            same = np.flatnonzero((scaled == scaled[twice]).all(axis=1))
            if np.ptp(y[same], axis=0).any():
                raise ValueError(
                    f"the samples {same[0]} and {same[1]} have the same x and different y, as no flow has "
                    "them; if these are measurements with noise, pass smoothing"
                )
            scaled, y = scaled[first], y[first]
        self._spline = self._fit(scaled, y)
        self.left_out_error, self.left_out_rms = self._leave_out(scaled, y)
        places = self.domain.sample(_COVERAGE_PLACES, _SEED)
        at_random = self._scale(self.domain.uniform(len(scaled), _SEED))
        self.uncovered, far, farthest = uncovered_part(scaled, self._scale(places), at_random)
        self.farthest = places[farthest]
        if self.uncovered > _MUCH:
            warnings.warn(
                f"{100 * self.uncovered:.0f} % of the box, by volume, is farther than {50 * far:.0f} % of "
                f"its width from every sample, the farthest about {point_text(self.farthest)}: there the "
                "spline is a guess; take samples there, or pass a smaller domain",
                UncoveredDomain,
                stacklevel=3,
            )

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """The spline at the rows of x."""
        x = require_points(x, self.dim)
        scaled = self._scale(x)
        batches = [self._spline(scaled[i : i + _BATCH]) for i in range(0, len(x), _BATCH)]
        return np.concatenate(batches) if batches else x.copy()

    def trajectory(
        self, x: Float[np.ndarray, "n d"], times: np.ndarray | Sequence[float]
    ) -> Float[np.ndarray, "m n d"]:
        """The states at the times 0 and `duration` of the trajectories that start at the rows of x.

        Raises
        ------
        ValueError
            For any other time.
        """
        x = require_points(x, self.dim)
        known = {0.0: lambda: x, self.duration: lambda: self(x)}
        unknown = [float(t) for t in times if float(t) not in known]
        if unknown:
            raise ValueError(
                f"the state at time {unknown[0]:g} is not known: the samples say only where it ends"
            )
        return np.stack([known[float(t)]() for t in times])

    @property
    def reference(self) -> str:
        far = f", {100 * self.uncovered:.0f} % of the box being far from all of them"
        return "the spline through the samples" + (far if self.uncovered > _MUCH else "")

    def _scale(self, x: np.ndarray) -> np.ndarray:
        return 2 * (x - self.domain.low) / self.domain.width - 1

    def _fit(self, scaled: np.ndarray, y: np.ndarray) -> RBFInterpolator:
        neighbours = None if len(scaled) <= _MOST_SAMPLES else NEIGHBOURS
        return RBFInterpolator(scaled, y, neighbours, smoothing=self._smoothing, kernel=_KERNEL)

    def _leave_out(self, scaled: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        places = self._scale(search_points(self.domain, _PLACES, _SEED))
        local = self._spline.neighbors is not None
        carried, predicted = expected_errors(scaled, y, places, self._smoothing, local)
        # The first of the places are spread evenly over the box.
        return float(carried.max()), float(np.sqrt(np.mean(predicted[:_PLACES] ** 2)))

    def __repr__(self) -> str:
        far = f", uncovered={self.uncovered:.0%}" if self.uncovered > _MUCH else ""
        return f"SampledFlow({self.name}, dim={self.dim}, left_out_error={self.left_out_error:.3g}{far})"


def _require_cover(x: np.ndarray, domain: Box | None) -> Box:
    """The box, once the points x reach about as far in every coordinate."""
    low, high = x.min(axis=0), x.max(axis=0)
    if domain is None:
        if np.any(low == high):
            raise ValueError(f"all samples have the same coordinate {int(np.argmax(low == high))} of x")
        return Box(low, high)
    if domain.dim != x.shape[1]:
        raise ValueError(f"the samples have dimension {x.shape[1]} but the box has dimension {domain.dim}")
    short = np.maximum(low - domain.low, domain.high - high) > _MARGIN * domain.width
    if short.any():
        i = int(np.argmax(short))
        raise ValueError(
            f"the samples cover [{low[i]:g}, {high[i]:g}] of coordinate {i}, the box goes from "
            f"{domain.low[i]:g} to {domain.high[i]:g}: nothing is known there"
        )
    return domain
