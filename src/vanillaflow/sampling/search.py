"""The search for the worst point of a box: samples, vertices of the kinks, a climb from the worst of them.

There is one: certificates state what it finds, constructions aim at it, and fits learn from where it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import comb

import numpy as np
from jaxtyping import Float

from ..box import Box, search_points
from ..deadline import check
from ..planar.flow import PlanarFlow
from ..target import Target
from ..text import point_text
from .samples import Samples
from .vertices import vertices

_FIRST_RADIUS = 0.1
_SMALLEST_RADIUS = 1e-5
_COORDINATES = 2**17
_MOST_MOVES = 12
# A planar flow in the plane has about kinks^2 / 2 pieces, in three dimensions kinks^3 / 6, each with an error
# of its own: at least a point for every other one, up to so many.
_PIECES_PER_POINT, _MOST_POINTS, _PIECES_OF = 2, 65_536, 3
# Points that are moved to vertices; fewer where maps and dimensions are many.
_VERTICES, _VERTEX_COST = 4096, 10**8
# In higher dimension a piece is too large a part of the box, and has too many corners, to look for one.
_VERTICES_UP_TO = 16
# Points at which the exact flow can be afforded times d^2, or d times the number of ridges if they are more:
# a point costs as much as it has coordinates or ridges, and systems of many are mostly stiff besides.
_AFFORDABLE = 2**26
_LEAST_ROUNDS = 5
# Of a network whose kinks are not known, searches from other seeds come within 3 % of each other with these
# numbers, where they differed by up to 29 % with the defaults (pendulum, hopfield, lorenz, 20 to 292 kinks).
_THOROUGH_POINTS, _THOROUGH_STARTS, _THOROUGH_ROUNDS = 2**15, 48, 40
# A short climb: starts lie at least this far apart, in widths of the box, and begin with twice that; so many
# moves from each, so many times; kept are the points with more than this part of the best so far.
_APART = 0.01
_MOVES, _ROUNDS = 6, 8
_KEPT = 0.9
# Around each point that samples missed, so many join them, within this part of the width.
_NEAR_EACH, _NEAR = 50, 0.01


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found; `largest` is a lower bound of the supremum error.

    Attributes
    ----------
    largest
        The largest error, max norm.
    point
        Where that is.
    per_output
        The largest error of each output.
    points
        How many points were compared.
    """

    largest: float
    point: Float[np.ndarray, " d"]
    per_output: Float[np.ndarray, " d"]
    points: int

    def __str__(self) -> str:
        return f"error {self.largest:.3e} ({self.points} points), largest at {point_text(self.point)}"


def largest_error(
    flow: Callable[[np.ndarray], np.ndarray],
    target: Target | PlanarFlow,
    points: int | None = None,
    starts: int = 24,
    rounds: int = 20,
    seed: int = 0,
    each_output: bool = False,
) -> Found:
    """Search for the largest error |flow(x) - target(x)| over the target's box.

    Compared are interior points, half as many boundary points and the corners, and for a PlanarFlow also
    vertices of its kinks near the points of large error. From the worst points a climb leads to the local
    maxima of the error.

    Parameters
    ----------
    flow
        A function (n, d) -> (n, d).
    target
        The exact flow, or another PlanarFlow.
    points
        The number of interior points. By default 8192, fewer for d > 16, where a point costs more, and more
        for a PlanarFlow of more than 181 kinks in the plane or 46 beyond.
    starts
        The number of worst points to climb from (fewer for d > 100).
    rounds
        The number of rounds of the climb.
    seed
        The seed of everything random.
    each_output
        Whether to climb to the local maxima of the error of each output, from as many points each, instead.

    Raises
    ------
    ValueError
        If the target is a PlanarFlow without a domain.
    """
    domain = target.domain
    if domain is None:
        raise ValueError("a search for the largest error needs the domain to search; this target has none")
    x = search_points(domain, points or _default_points(flow, target), seed)
    residual = absolute_errors(flow(x), target(x))
    errors = residual.max(axis=1)
    if isinstance(flow, PlanarFlow) and flow.dim <= _VERTICES_UP_TO:
        count = min(_VERTICES, _VERTEX_COST // ((flow.kinks + 1) * flow.dim**2))
        corners = vertices(flow, x[np.argsort(-errors, kind="stable")[:count]], domain)
        at_corners = absolute_errors(flow(corners), target(corners))
        residual, x = np.concatenate([residual, at_corners]), np.concatenate([x, corners])
        errors = residual.max(axis=1)
    per_output, compared = residual.max(axis=0), len(x)
    point, largest = x[np.argmax(errors)].copy(), float(errors.max())
    # What is climbed: the max norm, or each output by itself.
    heights = residual if each_output else errors[:, None]
    moves = min(2 * target.dim + 2, _MOST_MOVES)
    affordable = affordable_points(target) // (moves * heights.shape[1])
    starts = max(1, min(starts, affordable // max(rounds, 1)))
    rounds = min(rounds, max(_LEAST_ROUNDS, affordable // starts))
    rows = [_spread_out(x, height, starts, 50, _FIRST_RADIUS / 4, domain) for height in heights.T]
    output = np.repeat(np.arange(len(rows)), [len(some) for some in rows])
    start = np.concatenate(rows)
    climb = _Climb(x[start], heights[start, output], output if each_output else None, _FIRST_RADIUS)
    rng = np.random.default_rng(seed)
    for tried, _, residual in climb.rounds(flow, target, rounds, moves, rng):
        per_output, compared = np.maximum(per_output, residual.max(axis=0)), compared + len(tried)
        errors = residual.max(axis=1)
        if errors.max() > largest:
            point, largest = tried[np.argmax(errors)], float(errors.max())
    return Found(largest, point, per_output, compared)


def large_errors(
    flow: Callable[[np.ndarray], np.ndarray],
    target: Target,
    samples: Samples,
    starts: int,
    rng: np.random.Generator,
) -> tuple[Samples, float]:
    """Points of large error, met on a short climb from the worst samples, and the largest error there.

    A refined flow's error has sharp peaks where kinks cross, narrower than the spacing of any affordable
    sample.
    """
    errors = absolute_errors(flow(samples.x), samples.y).max(axis=1)
    start = _spread_out(samples.x, errors, starts, 40, _APART, target.domain)
    climb = _Climb(samples.x[start], errors[start], None, 2 * _APART)
    found: list[Samples] = []
    heights = climb.heights
    for tried, images, residual in climb.rounds(flow, target, _ROUNDS, _MOVES, rng):
        keep = residual.max(axis=1) > _KEPT * np.repeat(heights, _MOVES)
        found.append(Samples(tried[keep], images[keep]))
        heights = np.maximum(heights, residual.max(axis=1).reshape(-1, _MOVES).max(axis=1))
    x, y = (np.concatenate([getattr(some, name) for some in found]) for name in "xy")
    return Samples(x, y), float(heights.max())


def around(
    points: Float[np.ndarray, "k d"], domain: Box, rng: np.random.Generator
) -> Float[np.ndarray, "m d"]:
    """Points of the box close to those that samples missed, so many for each."""
    near = rng.normal(size=(len(points), _NEAR_EACH, domain.dim)) * _NEAR * domain.width
    return domain.clip((points[:, None] + near).reshape(-1, domain.dim))


class _Climb:
    """Random moves of shrinking radius, uphill, from each of several starts.

    x (m, d) are the starts, `heights` (m,) the errors there: of the outputs `output`, or in the max norm.
    """

    def __init__(self, x: np.ndarray, heights: np.ndarray, output: np.ndarray | None, radius: float):
        self.x, self.heights, self.output = x, heights, output
        # In half widths of the box.
        self.radius = np.full(len(x), radius)

    def rounds(
        self,
        flow: Callable[[np.ndarray], np.ndarray],
        target: Target | PlanarFlow,
        count: int,
        moves: int,
        rng: np.random.Generator,
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """For each round the points tried, moves of the first start first; their images; the errors."""
        rows, domain = np.arange(len(self.x)), target.domain
        assert domain is not None
        shape = len(rows), moves, domain.dim
        for _ in range(count):
            check()
            step = rng.normal(size=shape) * self.radius[:, None, None] * domain.width / 2
            tried = domain.clip((self.x[:, None, :] + step).reshape(-1, domain.dim))
            images = target(tried)
            residual = absolute_errors(flow(tried), images)
            yield tried, images, residual
            each = residual.max(axis=1).reshape(shape[:2])
            if self.output is not None:
                each = residual.reshape(shape)[rows, :, self.output]
            best = each.argmax(axis=1)
            improved = each[rows, best] > self.heights
            self.x[improved] = tried.reshape(shape)[rows, best][improved]
            self.heights = np.maximum(self.heights, each[rows, best])
            # The one-fifth rule in its simplest form: widen a little on success, narrow on failure.
            self.radius = np.maximum(np.where(improved, 1.3, 0.5) * self.radius, _SMALLEST_RADIUS)


def absolute_errors(
    found: Float[np.ndarray, "n d"], exact: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "n d"]:
    """|found - exact|; a value that is not a number is infinitely wrong."""
    residual = np.abs(found - exact)
    return np.where(np.isnan(residual), np.inf, residual)


def thorough(target: Target) -> dict[str, int]:
    """Options of `largest_error` for a flow that is just a function."""
    points = min(_THOROUGH_POINTS, _COORDINATES // target.dim, affordable_points(target))
    return {"points": points, "starts": _THOROUGH_STARTS, "rounds": _THOROUGH_ROUNDS}


def affordable_points(target: Target | PlanarFlow) -> int:
    """At how many points the exact flow can be compared with."""
    ridges = getattr(getattr(target, "field", None), "ridges", 0)
    return max(1, _AFFORDABLE // (target.dim * max(target.dim, ridges)))


def _default_points(flow: Callable[[np.ndarray], np.ndarray], target: Target | PlanarFlow) -> int:
    affordable = min(_COORDINATES // target.dim, affordable_points(target))
    count = min(8192, affordable)
    if not isinstance(flow, PlanarFlow):
        return count
    pieces = comb(flow.kinks, min(flow.dim, _PIECES_OF))
    return max(count, min(pieces // _PIECES_PER_POINT, _MOST_POINTS, affordable))


def _spread_out(
    x: np.ndarray, errors: np.ndarray, count: int, looked_at: int, apart: float, domain: Box
) -> np.ndarray:
    """The rows of the `count` worst points that keep this distance, in widths of the box, from each other.

    Among so many times as many of the worst.
    """
    chosen: list[int] = []
    for i in np.argsort(-errors, kind="stable")[: looked_at * count].tolist():
        if not chosen or np.min(np.max(np.abs(x[chosen] - x[i]) / domain.width, axis=1)) > apart:
            chosen.append(i)
        if len(chosen) == count:
            break
    return np.array(chosen)
