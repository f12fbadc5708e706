"""The middles of the cells between kinks: where kinks do not cross, the error of a planar flow peaks there.

A fitted piecewise-linear map is too high where kinks cross and too low in the middle of a piece, or the other
way round. Most pieces lie between two nearly parallel kinks in each of d directions. Along the unit normal u
of the nearest kink let s be the places where the kinks parallel to it are met: the middle lies half way
between the two around 0. So for d directions u_j . step = middle_j, and as the piece bends, a second step
corrects the first.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from .box import Box
from .crossings import LEAST_SINE, heights, in_parts
from .planar import PlanarFlow

_STEPS = 2
# A kink is parallel to another if their unit normals have this product.
_PARALLEL = 0.95


def middles(flow: PlanarFlow, x: Float[np.ndarray, "n d"], domain: Box) -> Float[np.ndarray, "n d"]:
    """For each point the middle of the cell around it, within the domain.

    It does not move in directions in which there are no two kinks around it.
    """

    def step(part: np.ndarray) -> np.ndarray:
        return part + _to_the_middle(*heights(flow, part, domain))

    for _ in range(_STEPS):
        x = domain.clip(in_parts(flow, x, step))
    return x


def _to_the_middle(
    height: Float[np.ndarray, "k n"], normal: Float[np.ndarray, "k d n"]
) -> Float[np.ndarray, "n d"]:
    _, d, n = normal.shape
    everyone = np.arange(n)
    size = np.sqrt(np.einsum("kdn,kdn->kn", normal, normal))
    distance = np.abs(height) / size
    # Not in reach: maps that do not depend on x, and heights beyond the range of numbers.
    distance[~(distance < np.inf)] = np.inf
    # The part of each unit normal that is orthogonal to the directions so far, squared.
    orthogonal = np.ones_like(size)
    least = min(LEAST_SINE, 0.5 / np.sqrt(d)) ** 2
    directions, middle = np.empty((n, d, d)), np.zeros((n, d))
    basis: list[np.ndarray] = []
    for j in range(d):
        nearest = np.argmin(np.where(orthogonal > least, distance, np.inf), axis=0)
        u = normal[nearest, :, everyone].T / size[nearest, everyone]
        along = np.einsum("kdn,dn->kn", normal, u)
        s = np.where(np.abs(along) > _PARALLEL * size, -height / along, np.nan)
        ahead = np.where(s >= 0, s, np.inf).min(axis=0)
        behind = np.where(s < 0, s, -np.inf).max(axis=0)
        between = np.isfinite(ahead) & np.isfinite(behind)
        middle[:, j] = np.where(between, (ahead + behind) / 2, 0.0)
        directions[:, j] = u.T
        here = u.copy()
        for direction in basis:
            here -= np.sum(direction * here, axis=0) * direction
        here /= np.linalg.norm(here, axis=0)
        orthogonal -= (np.einsum("kdn,dn->kn", normal, here) / size) ** 2
        basis.append(here)
    return np.linalg.solve(directions, middle[:, :, None])[:, :, 0]
