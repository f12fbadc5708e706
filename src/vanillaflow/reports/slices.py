"""Slices: the planes through the box's centre that a report draws, with the exact flow and the error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np
from jaxtyping import Float, Int

from ..box import Box
from ..sampling.search import absolute_errors
from ..target import Target

# Points along a side, more in one dimension and fewer in many, and every how many of them there is a line of
# the grid.
_SIDE, _SIDE_OF_ONE, _SIDE_OF_MANY, _MANY = 129, 1025, 65, 8
_EVERY, _EVERY_OF_MANY = 8, 4
_LARGEST = 2**20
_PAIRS, _MOST_PAIRS = 3, 8


@dataclass(frozen=True, eq=False)
class Slice:
    """The part of the box in which the coordinates of `pair` vary and all others are at the centre.

    Of a box in one dimension it is the box itself, and `pair` is (0,).

    Attributes
    ----------
    side
        The number of points along a side; the slice has side^2 points (side in one dimension), the first
        coordinate of the pair running fastest.
    every
        The number of points from one line of the grid to the next.
    lines
        The indices of the points on the lines, line after line, `side` of them each.
    exact
        The exact flow at the points of the lines, in the pair's coordinates.
    error
        The error at every point of the slice, max norm over all coordinates.
    """

    pair: tuple[int, ...]
    side: int
    every: int
    lines: Int[np.ndarray, " m"]
    exact: Float[np.ndarray, "m k"]
    error: Float[np.ndarray, " n"]


def chosen_pairs(dim: int, pairs: Sequence[Sequence[int]] | None, variables: Sequence[str]) -> list[tuple]:
    """The pairs of coordinates to show: those given, or the first three.

    In more than three dimensions also the first coordinate with that of the second half, a position with its
    momentum, say. Raises ValueError for a pair that is none.
    """
    if dim == 1:
        return [(0,)]
    if pairs is None:
        chosen = list(islice(combinations(range(dim), 2), _PAIRS))
        extra = (0, dim // 2)
        return chosen if extra in chosen else [*chosen, extra]
    chosen = []
    for pair in pairs:
        wrong = len(pair) != 2 or any(i != int(i) or not 0 <= i < dim for i in pair) or pair[0] == pair[1]
        if wrong:
            raise ValueError(
                f"a pair is two different coordinates from 0 to {dim - 1} ({', '.join(variables[:8])}), "
                f"got {tuple(pair)}"
            )
        chosen.append((int(pair[0]), int(pair[1])))
    chosen = list(dict.fromkeys(chosen))
    if not 1 <= len(chosen) <= _MOST_PAIRS:
        raise ValueError(f"a report has slices in 1 to {_MOST_PAIRS} pairs, got {len(chosen)}")
    return chosen


def slice_points(box: Box, pair: tuple[int, ...], side: int) -> Float[np.ndarray, "n d"]:
    """The points of a slice: as the page makes them, too."""
    ticks = np.arange(side) / (side - 1)
    x = np.tile(box.center, (side ** len(pair), 1))
    for place, i in enumerate(pair):
        along = np.arange(len(x)) // side**place % side
        x[:, i] = box.low[i] + ticks[along] * box.width[i]
    return x


def measured_slice(flow: Callable[[np.ndarray], np.ndarray], target: Target, pair: tuple[int, ...]) -> Slice:
    """The slice with its exact images and errors, at as many points as the dimension lets one afford."""
    side, every = _resolution(target.dim)
    x = slice_points(target.domain, pair, side)
    exact = target(x)
    lines = _line_points(side, every, len(pair))
    return Slice(
        pair, side, every, lines, exact[lines][:, list(pair)], absolute_errors(flow(x), exact).max(axis=1)
    )


def _resolution(dim: int) -> tuple[int, int]:
    """Points along a side, and every how many of them there is a line."""
    if dim == 1:
        return _SIDE_OF_ONE, 1
    if dim <= _MANY:
        return _SIDE, _EVERY
    side, every = _SIDE_OF_MANY, _EVERY_OF_MANY
    while side**2 * dim > _LARGEST and every > 1:
        side, every = (side - 1) // 2 + 1, every // 2
    return side, every


def _line_points(side: int, every: int, coordinates: int) -> np.ndarray:
    """The lines along the first coordinate, then those along the second."""
    if coordinates == 1:
        return np.arange(side)
    index = np.arange(side * side).reshape(side, side)
    return np.concatenate([index[::every].ravel(), index[:, ::every].T.ravel()])
