"""The sampled error: a thorough search for the worst point of the box."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np
from jaxtyping import Float

from ..box import Box, search_points
from ..deadline import check
from ..planar.flow import PlanarFlow
from ..sampling.vertices import crossings
from ..target import FlowMap
from .certificate import Certificate

_FIRST_RADIUS = 0.1
_SMALLEST_RADIUS = 1e-5
_COORDINATES = 2**17
_MOST_MOVES = 12
# A planar flow in the plane has about kinks^2 / 2 pieces, in three dimensions kinks^3 / 6, each with an error
# of its own: at least a point for every other one, up to so many.
_PIECES_PER_POINT, _MOST_POINTS, _PIECES_OF = 2, 65_536, 3
# Points that are moved to crossings; fewer where maps and dimensions are many.
_CROSSINGS, _CROSSING_COST = 4096, 10**8
# In higher dimension a piece is too large a part of the box, and has too many corners, to look for one.
_CROSSED_UP_TO = 16
# Points at which the exact flow can be afforded times d^2, or d times the number of ridges if they are more:
# a point costs as much as it has coordinates or ridges, and systems of many are mostly stiff besides.
_AFFORDABLE = 2**26
_LEAST_ROUNDS = 5
# Of a network whose kinks are not known, searches from other seeds come within 3 % of each other with these
# numbers, where they differed by up to 29 % with the defaults (pendulum, hopfield, lorenz, 20 to 292 kinks).
_THOROUGH_POINTS, _THOROUGH_STARTS, _THOROUGH_ROUNDS = 2**15, 48, 40


def certify_sampled(
    flow: Callable[[np.ndarray], np.ndarray],
    target: FlowMap | PlanarFlow,
    points: int | None = None,
    starts: int = 24,
    rounds: int = 20,
    seed: int = 0,
    each_output: bool = False,
) -> Certificate:
    """Compare on `points` interior and points / 2 boundary points and the corners, then search.

    Of a PlanarFlow also on crossings of its kinks near the points of large error.
    From the `starts` worst points (fewer for d > 100), `rounds` rounds of random moves of shrinking radius
    climb to the local maxima of the error; with `each_output` to those of each output, from as many.
    Everything is seeded. By default there are 8192 points, fewer for d > 16, where a point costs more, and
    more for a PlanarFlow of more than 181 kinks in the plane or 46 beyond. `certify` climbs for each output,
    and by default searches a network, whose kinks it does not know, by 32,768 points, 48 starts and 40
    rounds. The target may be another PlanarFlow; raises ValueError if that has no domain.
    """
    domain = target.domain
    if domain is None:
        raise ValueError("a sampled certificate needs the domain to search; this target has none")
    points = points or _default_points(flow, target)
    x = search_points(domain, points, seed)
    residual = absolute_errors(flow(x), target(x))
    errors = residual.max(axis=1)
    if isinstance(flow, PlanarFlow) and flow.dim <= _CROSSED_UP_TO:
        count = min(_CROSSINGS, _CROSSING_COST // ((flow.kinks + 1) * flow.dim**2))
        corners = crossings(flow, x[np.argsort(-errors, kind="stable")[:count]], domain)
        at_corners = absolute_errors(flow(corners), target(corners))
        residual, x = np.concatenate([residual, at_corners]), np.concatenate([x, corners])
        errors = residual.max(axis=1)
    per_output, compared = residual.max(axis=0), len(x)
    worst_point, largest = x[np.argmax(errors)].copy(), float(errors.max())
    moves = min(2 * target.dim + 2, _MOST_MOVES)
    # What is climbed: the max norm, or each output by itself.
    heights = residual if each_output else errors[:, None]
    affordable = affordable_points(target) // (moves * heights.shape[1])
    starts = max(1, min(starts, affordable // max(rounds, 1)))
    rounds = min(rounds, max(_LEAST_ROUNDS, affordable // starts))
    summits = [_worst(x, height, starts, domain) for height in heights.T]
    output = np.repeat(np.arange(len(summits)), [len(some) for some, _ in summits])
    x, errors = np.concatenate([some for some, _ in summits]), np.concatenate([high for _, high in summits])
    rng = np.random.default_rng(seed)
    radius = np.full(len(x), _FIRST_RADIUS)
    for _ in range(rounds):
        check()
        step = rng.normal(size=(len(x), moves, target.dim)) * radius[:, None, None] * domain.width / 2
        tried = domain.clip((x[:, None, :] + step).reshape(-1, target.dim))
        residual = absolute_errors(flow(tried), target(tried))
        per_output, compared = np.maximum(per_output, residual.max(axis=0)), compared + len(tried)
        rows, tried_errors = np.arange(len(x)), residual.max(axis=1)
        if tried_errors.max() > largest:
            worst_point, largest = tried[np.argmax(tried_errors)], float(tried_errors.max())
        heights = residual if each_output else tried_errors[:, None]
        tried_errors = heights.reshape(len(x), moves, -1)[rows, :, output]
        best = tried_errors.argmax(axis=1)
        improved = tried_errors[rows, best] > errors
        x[improved] = tried.reshape(len(x), moves, -1)[rows, best][improved]
        errors = np.maximum(errors, tried_errors[rows, best])
        # The one-fifth rule in its simplest form: widen a little on success, narrow on failure.
        radius = np.maximum(np.where(improved, 1.3 * radius, 0.5 * radius), _SMALLEST_RADIUS)
    return Certificate(
        method="sampled",
        bound=largest,
        per_output=per_output,
        worst_point=worst_point,
        confidence=0.0,
        points=compared,
        largest=largest,
        seed=seed,
    )


def thorough(target: FlowMap) -> dict[str, int]:
    """Options of `certify_sampled` for a flow that is just a function."""
    points = min(_THOROUGH_POINTS, _COORDINATES // target.dim, affordable_points(target))
    return {"points": points, "starts": _THOROUGH_STARTS, "rounds": _THOROUGH_ROUNDS}


def affordable_points(target: FlowMap | PlanarFlow) -> int:
    """At how many points the exact flow can be compared with."""
    ridges = getattr(getattr(target, "field", None), "ridges", 0)
    return max(1, _AFFORDABLE // (target.dim * max(target.dim, ridges)))


def _default_points(flow: Callable[[np.ndarray], np.ndarray], target: FlowMap | PlanarFlow) -> int:
    affordable = min(_COORDINATES // target.dim, affordable_points(target))
    count = min(8192, affordable)
    if not isinstance(flow, PlanarFlow):
        return count
    pieces = comb(flow.kinks, min(flow.dim, _PIECES_OF))
    return max(count, min(pieces // _PIECES_PER_POINT, _MOST_POINTS, affordable))


def absolute_errors(
    found: Float[np.ndarray, "n d"], exact: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "n d"]:
    """|found - exact|; a value that is not a number is infinitely wrong."""
    residual = np.abs(found - exact)
    return np.where(np.isnan(residual), np.inf, residual)


def _worst(x: np.ndarray, errors: np.ndarray, count: int, domain: Box) -> tuple[np.ndarray, np.ndarray]:
    """The `count` points of largest error that are not close neighbours of one another."""
    chosen: list[int] = []
    for i in np.argsort(-errors)[: 50 * count]:
        distance = np.max(np.abs(x[chosen] - x[i]) / domain.width, axis=1) if chosen else np.array([np.inf])
        if distance.min() > _FIRST_RADIUS / 4:
            chosen.append(int(i))
        if len(chosen) == count:
            break
    return x[chosen].copy(), errors[chosen].copy()
