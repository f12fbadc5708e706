"""The points at which a fit is compared with the exact flow, its error there, and the search for more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..box import search_points
from ..deadline import check
from ..target import FlowMap

# The training images need to be right to a small part of the tolerance only.
_PART_OF_TOLERANCE = 1e-3
_LOOSEST = 1e-5
# Starts of the search lie at least this far apart, in widths of the box; their moves begin at twice that.
_APART = 0.01
_MOVES = 6
_ROUNDS = 8
# Of the points that the search visits, those are kept whose error is within this part of the best there.
_KEPT = 0.9


@dataclass(frozen=True, eq=False)
class Samples:
    """Points x (n, d) of the box and their images y (n, d) under the exact flow."""

    x: Float[np.ndarray, "n d"]
    y: Float[np.ndarray, "n d"]

    def __len__(self) -> int:
        return len(self.x)

    def thinned(self, count: int, rng: np.random.Generator) -> Samples:
        """`count` of the points at random, or all if there are not more."""
        if len(self) <= count:
            return self
        rows = rng.choice(len(self), count, replace=False)
        return Samples(self.x[rows], self.y[rows])

    def joined(self, other: Samples) -> Samples:
        return Samples(np.concatenate([self.x, other.x]), np.concatenate([self.y, other.y]))


def p_norm(residual: np.ndarray, p: float) -> float:
    """(mean |r|^p)^(1/p); infinite if any entry is not finite."""
    size = np.abs(residual)
    top = float(np.max(size, initial=0.0))
    if not np.isfinite(top):
        return np.inf
    return top * float(np.mean((size / top) ** p)) ** (1 / p) if top else 0.0


def training_target(target: FlowMap, tolerance: float) -> FlowMap:
    """The same flow, computed only as accurately as training needs."""
    size = float(np.max(np.abs([target.domain.low, target.domain.high]))) + 1.0
    rtol = min(_LOOSEST, _PART_OF_TOLERANCE * tolerance / size)
    return target.coarser(rtol)


def sample(target: FlowMap, count: int, seed: int) -> Samples:
    """Interior points, half as many on the faces, and corners."""
    x = search_points(target.domain, count, seed)
    return Samples(x, target(x))


def worst_points(
    theta: Callable[[np.ndarray], np.ndarray],
    target: FlowMap,
    samples: Samples,
    starts: int,
    rng: np.random.Generator,
) -> tuple[Samples, float]:
    """Points of large error found by climbing from the worst samples, and the largest error met.

    A refined flow's error has sharp peaks where kinks cross, narrower than the spacing of any affordable
    sample; they are found by random moves of shrinking radius from many starts.
    """
    errors = np.abs(theta(samples.x) - samples.y).max(axis=1)
    x, errors = _spread_out(samples.x, errors, starts, target.domain.width)
    radius = np.full(len(x), 2 * _APART)
    found_x, found_y = [], []
    rows = np.arange(len(x))
    for _ in range(_ROUNDS):
        check()
        step = rng.normal(size=(len(x), _MOVES, target.dim)) * radius[:, None, None] * target.domain.width / 2
        tried = target.domain.clip((x[:, None, :] + step).reshape(-1, target.dim))
        images = target(tried)
        tried_errors = np.abs(theta(tried) - images).max(axis=1).reshape(len(x), _MOVES)
        keep = (tried_errors > _KEPT * errors[:, None]).ravel()
        found_x.append(tried[keep])
        found_y.append(images[keep])
        best = tried_errors.argmax(axis=1)
        improved = tried_errors[rows, best] > errors
        x[improved] = tried.reshape(len(x), _MOVES, -1)[rows, best][improved]
        errors = np.maximum(errors, tried_errors[rows, best])
        radius = np.where(improved, 1.3, 0.5) * radius
    return Samples(np.concatenate(found_x), np.concatenate(found_y)), float(errors.max())


def _spread_out(
    x: np.ndarray, errors: np.ndarray, count: int, width: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of the points of large error, `count` that keep their distance from each other."""
    chosen: list[int] = []
    for i in np.argsort(-errors, kind="stable")[: 40 * count].tolist():
        if not chosen or np.min(np.max(np.abs(x[chosen] - x[i]) / width, axis=1)) > _APART:
            chosen.append(i)
        if len(chosen) == count:
            break
    return x[chosen].copy(), errors[chosen].copy()
