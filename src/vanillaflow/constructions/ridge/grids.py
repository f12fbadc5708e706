"""Where the kinks of ridge maps go: on the marks of a grid along each, close together where it bends.

A profile f is off by |S f''| h^2 / 16 between kinks h apart, S being the sensitivity of the output to the
ridge map (`pieces`). On a grid, tables need no search at run time; a grid as fine as the sharpest bend needs
is mostly skipped elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from ...box import Box
from ...deadline import check
from ...planar.flow import PlanarFlow
from .maps import RidgeMaps
from .pieces import pieces_between
from .settings import Tables


class Grids:
    """The bends of smooth ridge maps, as the points x meet them."""

    def __init__(self, maps: RidgeMaps, x: Float[np.ndarray, "n d"]):
        self._maps = maps
        states = maps.states(x)
        self._bends: list[np.ndarray] = []
        self._ranges: list[tuple[float, float]] = []
        for r, S in enumerate(maps.sensitivities(states)):
            s = states[r] @ maps.w[r]
            margin = maps.settings.maps.margin * float(np.ptp(s)) + 1e-12
            low, high = float(s.min()) - margin, float(s.max()) + margin
            bend = np.abs(S @ maps.profile(r, s, 2)[:, :, None]).max(axis=(1, 2))
            self._ranges.append((low, high))
            self._bends.append(_largest_in_bins((s - low) / (high - low), bend, maps.settings.tables.bins))

    def sizes(self, off: float) -> list[int]:
        """The smallest tables in which every ridge map, with a kink at each mark, is off by that alone."""
        settings = self._maps.settings.tables
        return [
            next(
                (size for size in settings.sizes if size >= _buckets_for(bends, length, off)),
                settings.sizes[-1],
            )
            for bends, length in zip(self._bends, self._lengths)
        ]

    def flow(self, off: float, sizes: Sequence[int], domain: Box) -> PlanarFlow:
        """The flow with as few kinks as are off by that for each ridge map alone, as far as its table allows.

        off = 0 stands for kinks at all marks.
        """
        chosen = [
            _fewest_marks(bends, length, off, size, self._maps.settings.tables)
            for bends, length, size in zip(self._bends, self._lengths, sizes)
        ]
        places = [
            low + (high - low) * np.concatenate([[0], marks, [count]]) / count
            for (low, high), (marks, count) in zip(self._ranges, chosen)
        ]
        return pieces_between(self._maps, places, domain)

    @property
    def _lengths(self) -> list[float]:
        return [high - low for low, high in self._ranges]


def _buckets_for(bends: Float[np.ndarray, " bins"], length: float, off: float) -> int:
    """Equal pieces of the range that are off by no more where it bends most."""
    return max(2, int(np.ceil(length * np.sqrt(bends.max() / (16 * off)))))


def _fewest_marks(
    bends: Float[np.ndarray, " bins"], length: float, off: float, size: int, settings: Tables
) -> tuple[Int[np.ndarray, " _"], int]:
    """The fewest marks of a grid of at most that size, and how many buckets it has."""
    if off == 0:
        return np.arange(1, size), size
    least = min(_buckets_for(bends, length, off), size)
    check()
    tried = np.unique(np.linspace(least, size, settings.tried).astype(int)).tolist()
    return min(((marks_for(bends, length, n, off), n) for n in tried), key=lambda entry: entry[0].size)


def marks_for(
    bends: Float[np.ndarray, " bins"], length: float, buckets: int, off: float
) -> Int[np.ndarray, " _"]:
    """The fewest inner marks of a grid between which kinks are off by no more than `off`.

    bends : the largest |S f''| in equal parts of the range, which has this length. Between marks h apart a
    profile is off by bend h^2 / 16, except within a single bucket, at any price.
    """
    return _marks(bends, length / buckets, buckets, 16 * off)


@njit(cache=True)
def _marks(bends: np.ndarray, bucket: float, buckets: int, most: float) -> np.ndarray:
    """From each mark as many buckets as keep bend h^2 within `most`, but one at least."""
    marks = np.empty(buckets, dtype=np.int64)
    count, begin, largest = 0, 0, 0.0
    for k in range(buckets):
        first = k * bends.size // buckets
        last = max(-(-(k + 1) * bends.size // buckets), first + 1)
        here = bends[first:last].max()
        largest = max(largest, here)
        if k > begin and largest * (bucket * (k + 1 - begin)) ** 2 > most:
            marks[count] = k
            count, begin, largest = count + 1, k, here
    return marks[:count]


def _largest_in_bins(
    places: Float[np.ndarray, " n"], values: Float[np.ndarray, " n"], count: int
) -> np.ndarray:
    """The largest value in so many equal bins of [0, 1]; in empty ones that of the nearest."""
    largest = np.zeros(count)
    np.maximum.at(largest, np.clip((places * count).astype(int), 0, count - 1), values)
    filled = np.flatnonzero(largest)
    if not filled.size:
        return largest
    nearest = filled[np.abs(np.arange(count)[:, None] - filled).argmin(axis=1)]
    return largest[nearest]
