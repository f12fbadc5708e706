"""Box: an axis-parallel box of starting points, and the ways to sample it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import qmc

from .validation import real_array, require_finite, require_points

MAX_CORNERS = 4096
# From this dimension on, points with a pattern are among those that are searched.
_MANY = 8


@dataclass(frozen=True, eq=False)
class Box:
    """The set { x in R^d : low <= x <= high }, with low < high in every coordinate.

    Parameters
    ----------
    low, high : (d,) arrays
        The bounds.

    Raises
    ------
    ValueError
        If the bounds differ in shape, are not finite, or leave the box empty.
    """

    low: Float[np.ndarray, " d"]
    high: Float[np.ndarray, " d"]

    def __init__(self, low, high):
        low, high = require_finite("Box low", low), require_finite("Box high", high)
        if low.ndim != 1 or low.shape != high.shape or low.size == 0:
            raise ValueError(
                f"Box needs two vectors of one length, got shapes {low.shape} for low and {high.shape} "
                "for high"
            )
        bad = np.flatnonzero(low >= high)
        if bad.size:
            i = int(bad[0])
            raise ValueError(
                f"Box is empty or inverted in coordinate {i}: low {low[i]:g} must be below high {high[i]:g}"
            )
        for name, value in (("low", low), ("high", high)):
            value = np.array(
                value, order="C"
            )  # A copy: the caller's array may change, or be a view with strides.
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    @property
    def dim(self) -> int:
        return self.low.size

    @property
    def center(self) -> Float[np.ndarray, " d"]:
        return (self.low + self.high) / 2

    @property
    def width(self) -> Float[np.ndarray, " d"]:
        return self.high - self.low

    def contains(self, x: Float[np.ndarray, "n d"]) -> np.ndarray:
        """Which rows of `x` lie in the box, as an (n,) boolean array."""
        x = require_points(x, self.dim)
        return np.all((x >= self.low) & (x <= self.high), axis=1)

    def clip(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """The points of the box nearest to the rows of x."""
        return np.clip(real_array("points", x), self.low, self.high)

    def from_unit(self, u: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """The images of the rows of u under the affine map of the unit cube onto the box."""
        return self.low + u * self.width

    def sample(self, n: int, seed: int = 0) -> Float[np.ndarray, "n d"]:
        """n points of low discrepancy (scrambled Sobol, by `seed`)."""
        sobol = qmc.Sobol(self.dim, scramble=True, rng=np.random.default_rng(seed))
        return self.from_unit(sobol.random_base2(max(int(n - 1).bit_length(), 0))[:n])

    def uniform(self, n: int, seed: int = 0) -> Float[np.ndarray, "n d"]:
        """n independent points, uniform over the box, drawn by `seed`."""
        return self.from_unit(np.random.default_rng(seed).random((n, self.dim)))

    def corners(self, seed: int = 0) -> Float[np.ndarray, "n d"]:
        """All 2^d corners, or MAX_CORNERS random ones, drawn by `seed`, where there are more."""
        if 2**self.dim <= MAX_CORNERS:
            bits = (np.arange(2**self.dim)[:, None] >> np.arange(self.dim)) & 1
        else:
            bits = np.random.default_rng(seed).integers(0, 2, (MAX_CORNERS, self.dim))
        return self.from_unit(bits.astype(np.float64))

    def boundary(self, n: int, seed: int = 0) -> Float[np.ndarray, "n d"]:
        """n points spread evenly over the faces: low-discrepancy points, a share of them pushed to each.

        The faces do not take turns: every fourth point of a Sobol sequence is in the same part of the box.
        `seed` scrambles the sequence.
        """
        x = self.sample(n, seed)
        rows, faces = np.arange(n), np.arange(n) * 2 * self.dim // n
        axis = faces // 2
        x[rows, axis] = np.where(faces % 2 == 0, self.low[axis], self.high[axis])
        return x

    def patterns(self, n: int, seed: int = 0) -> Float[np.ndarray, "n d"]:
        """n points whose neighbouring coordinates are alike: at one place in its range, or at one end of it.

        In many dimensions independent coordinates average out, and points such as (1, 1, .., 1) never come
        up: half of the points have few runs of equal values, half few runs of ends; some are a single run.
        `seed` draws the runs.
        """
        rng = np.random.default_rng(seed)
        # From one run to as many as coordinates, each order of magnitude as likely.
        changes = np.exp(rng.uniform(np.log(1 / self.dim), 0, (n, 1)))
        run = np.cumsum(rng.random((n, self.dim)) < changes, axis=1, dtype=np.int64)
        values = rng.random((n, self.dim + 1))
        values[: n // 2] = np.round(values[: n // 2])
        return self.clip(self.from_unit(np.take_along_axis(values, run, axis=1)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Box)
            and np.array_equal(self.low, other.low)
            and np.array_equal(self.high, other.high)
        )

    def __hash__(self) -> int:
        return hash((tuple(self.low), tuple(self.high)))

    def __repr__(self) -> str:
        return f"Box({self.low.tolist()}, {self.high.tolist()})"


def search_points(domain: Box, points: int, seed: int) -> Float[np.ndarray, "n d"]:
    """Interior points, half as many on the faces, and the corners, or `points` of them if there are more.

    In many dimensions half as many with a pattern, too, which independent coordinates do not have.
    """
    corners = domain.corners(seed)
    if len(corners) > points:
        corners = np.random.default_rng(seed).permutation(corners)[:points]
    faces = domain.boundary(max(points // 2, 1), seed + 1)
    found = [domain.sample(points, seed), faces, corners]
    if domain.dim >= _MANY:
        found.append(domain.patterns(max(points // 2, 1), seed + 2))
    return np.concatenate(found)
