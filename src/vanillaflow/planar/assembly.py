"""Assembly: a sequence of affine and planar maps becomes one PlanarFlow with few affine maps.

Affine maps are carried along instead of being emitted: with y the carried state and x = M y + m the true
one, the planar map x + a relu(w.x - t) is y + M^-1 a relu(M^T w . y - (t - w.m)). M is emitted, and y
becomes x again, when its condition number passes a limit: conditioning of the planar maps suffers by at
most that factor. Strongly contracting affine flows (stiff decay) thus stay in place, and in high dimension
all do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..deadline import check
from .affine import invertible
from .flow import PlanarFlow

CONDITION_LIMIT = 4.0
_CARRIED_UP_TO = 16


@dataclass(frozen=True, eq=False)
class AffineMap:
    """x -> M x + m."""

    M: Float[np.ndarray, "d d"]
    m: Float[np.ndarray, " d"]


@dataclass(frozen=True, eq=False)
class RidgeMaps:
    """Planar maps of n ridges that commute, w_i.a_j = 0 for i != j, after one affine map.

    First x -> x + sum_i a_i (slope_i w_i.x + offset_i); then for each ridge i in turn the planar maps
    x -> x + beta_ij a_i relu(w_i.x - t_ij), j in order.
    """

    a: Float[np.ndarray, "n d"]
    w: Float[np.ndarray, "n d"]
    slope: Float[np.ndarray, " n"]
    offset: Float[np.ndarray, " n"]
    beta: tuple[Float[np.ndarray, " _"], ...]
    t: tuple[Float[np.ndarray, " _"], ...]


class _Carried:
    """The affine map that is carried along, with its inverse and an upper bound of its condition number."""

    def __init__(self, dim: int):
        self.identity: np.ndarray = np.eye(dim)
        self.reset()

    def reset(self) -> None:
        self.M, self.inverse, self.condition = self.identity, self.identity, 1.0
        self.m = np.zeros(len(self.identity))

    @property
    def moves(self) -> bool:
        return not np.array_equal(self.M, self.identity) or bool(np.any(self.m))

    @property
    def emits(self) -> bool:
        """Whether it must go no further. In high dimension planar maps have few nonzero numbers, and behind
        a carried map many: there nothing is carried."""
        if self.condition > CONDITION_LIMIT:
            self.condition = float(np.linalg.cond(self.M))
        return self.condition > CONDITION_LIMIT or (self.moves and len(self.M) > _CARRIED_UP_TO)

    def then(self, M: Float[np.ndarray, "d d"], m: Float[np.ndarray, " d"]) -> None:
        """x -> M x + m behind it."""
        self.M, self.m = M @ self.M, M @ self.m + m
        if len(M) <= _CARRIED_UP_TO:
            self.condition = float(np.linalg.cond(self.M))
            if self.condition <= CONDITION_LIMIT:
                self.inverse = np.linalg.inv(self.M)

    def then_ridges(self, maps: RidgeMaps) -> None:
        """The affine part of the ridges behind it.

        It is I + A^T S W with W A^T = diag(mu), so its inverse is I - A^T S (1 + S diag(mu))^-1 W.
        """
        mu = np.einsum("kd,kd->k", maps.w, maps.a)
        shrink = maps.slope / (1 + maps.slope * mu)
        self.m = self.m + (maps.slope * (maps.w @ self.m) + maps.offset) @ maps.a
        if np.any(maps.slope):
            self.M = self.M + (maps.a.T * maps.slope) @ (maps.w @ self.M)
            self.inverse = self.inverse - (self.inverse @ maps.a.T * shrink) @ maps.w
            size = np.linalg.norm(maps.a, axis=1) * np.linalg.norm(maps.w, axis=1)
            self.condition *= (1 + abs(maps.slope) @ size) * (1 + abs(shrink) @ size)


def assemble(maps: Iterable[AffineMap | RidgeMaps], dim: int, domain: Box | None = None) -> PlanarFlow:
    """The composition of the maps, first to last."""
    carried = _Carried(dim)
    parts = [(np.zeros((0, dim)), np.zeros((0, dim)), np.zeros(0))]
    kinks, emitted = 0, []
    width = np.ones(dim) if domain is None else domain.width

    def emit() -> None:
        emitted.append((kinks, invertible(carried.M, width), carried.m))
        carried.reset()

    for item in maps:
        check()
        if isinstance(item, AffineMap):
            carried.then(item.M, item.m)
            if carried.condition > CONDITION_LIMIT:
                emit()
            continue
        carried.then_ridges(item)
        if carried.emits:
            emit()
        # Seen through what is carried.
        a, w, height = item.a @ carried.inverse.T, item.w @ carried.M, item.w @ carried.m
        counts = [t.size for t in item.t]
        beta, t = np.concatenate(item.beta), np.concatenate(item.t)
        parts.append(
            (
                beta[:, None] * np.repeat(a, counts, axis=0),
                np.repeat(w, counts, axis=0),
                t - np.repeat(height, counts),
            )
        )
        kinks += t.size
    if carried.moves:
        emit()
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
