"""Assembly: a sequence of affine and planar maps becomes one PlanarFlow with few affine maps.

Affine maps are carried along instead of being emitted: with y the carried state and x = M y + m the true
one, the planar map x + a relu(w.x - t) is y + M^-1 a relu(M^T w . y - (t - w.m)). M is emitted, and y
becomes x again, when its condition number passes a limit: conditioning of the planar maps suffers by at
most that factor. Strongly contracting affine flows (stiff decay) thus stay in place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .box import Box
from .planar import PlanarFlow

CONDITION_LIMIT = 4.0


@dataclass(frozen=True, eq=False)
class AffineMap:
    """x -> M x + m."""

    M: Float[np.ndarray, "d d"]
    m: Float[np.ndarray, " d"]


@dataclass(frozen=True, eq=False)
class RidgeMap:
    """Planar maps with one normal w and directions proportional to one a: x -> x + beta_j a relu(w.x - t_j),
    j in order, after the affine map x -> x + a (slope w.x + offset)."""

    a: Float[np.ndarray, " d"]
    w: Float[np.ndarray, " d"]
    slope: float
    offset: float
    beta: Float[np.ndarray, " k"]
    t: Float[np.ndarray, " k"]


def assemble(maps: Iterable[AffineMap | RidgeMap], dim: int, domain: Box | None = None) -> PlanarFlow:
    """The composition of the maps, first to last."""
    identity: np.ndarray = np.eye(dim)
    M, M_inverse, m = identity, identity, np.zeros(dim)
    condition = 1.0  # An upper bound of M's condition number.
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    kinks, emitted = 0, []
    for item in maps:
        if isinstance(item, AffineMap):
            M, m = item.M @ M, item.M @ m + item.m
            condition = float(np.linalg.cond(M))
            if condition > CONDITION_LIMIT:
                emitted.append((kinks, M, m))
                M, M_inverse, m, condition = identity, identity, np.zeros(dim), 1.0
            else:
                M_inverse = np.linalg.inv(M)
            continue
        # The rank-one affine part, I + slope a w^T, whose inverse is I - slope a w^T / (1 + slope w.a).
        w_M = item.w @ M
        height = item.w @ m
        M = M + item.slope * np.outer(item.a, w_M)
        m = m + item.a * (item.slope * height + item.offset)
        shrink = item.slope / (1 + item.slope * (item.w @ item.a))
        M_inverse = M_inverse - np.outer(M_inverse @ item.a, shrink * item.w)
        size = np.linalg.norm(item.a) * np.linalg.norm(item.w)
        condition *= (1 + abs(item.slope) * size) * (1 + abs(shrink) * size)
        if condition > CONDITION_LIMIT:
            condition = float(np.linalg.cond(M))
        if condition > CONDITION_LIMIT:
            emitted.append((kinks, M, m))
            M, M_inverse, m, condition = identity, identity, np.zeros(dim), 1.0
        if item.t.size:
            w, height = item.w @ M, item.w @ m
            a = M_inverse @ item.a
            parts.append((np.outer(item.beta, a), np.tile(w, (item.t.size, 1)), item.t - height))
            kinks += item.t.size
    if not np.array_equal(M, identity) or np.any(m):
        emitted.append((kinks, M, m))
    if not parts:
        parts = [(np.zeros((0, dim)), np.zeros((0, dim)), np.zeros(0))]
    a, w, t = (np.concatenate(arrays) for arrays in zip(*parts))
    return PlanarFlow(
        a,
        w,
        t,
        stops=[stop for stop, _, _ in emitted],
        M=np.array([M for _, M, _ in emitted]).reshape(-1, dim, dim),
        m=np.array([m for _, _, m in emitted]).reshape(-1, dim),
        domain=domain,
    )
