"""Points where the kinks of a planar flow cross: its error has its sharpest peaks there.

A piecewise-linear approximation of a smooth map errs most inside its linear pieces or at their corners. Near
a corner the error is a cone, which samples miss by the cone's slope times their spacing; going to the corner
itself does not. In the piece around x the height of map k's hyperplane is z_k + g_k.(x' - x), linear, so the
corner is found by one linear system; as it may lie just outside the piece, a second step corrects the first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from .box import Box
from .planar import PlanarFlow

_STEPS = 2
# A hyperplane counts as crossing others if so much of its unit normal is orthogonal to theirs. Fewer than d
# always leave a face with 1 / sqrt(d) or more.
LEAST_SINE = 0.2
# Gradients of heights held at once.
_NUMBERS = 400_000


def crossings(flow: PlanarFlow, x: Float[np.ndarray, "n d"], domain: Box) -> Float[np.ndarray, "n d"]:
    """For each point, one nearby where d hyperplanes of the flow, or faces of the domain, cross.

    The hyperplanes are the nearest of each that differ in direction. Points without any near them, as in a
    flow of fewer than d maps, go to a corner of the domain.
    """
    for _ in range(_STEPS):
        x = domain.clip(in_parts(flow, x, lambda part: _corners(*heights(flow, part, domain), part)))
    return x


def in_parts(
    flow: PlanarFlow, x: Float[np.ndarray, "n d"], of_part: Callable[[np.ndarray], np.ndarray]
) -> Float[np.ndarray, "n d"]:
    """`of_part` of all points, of so many at once that the gradients of the heights fit in memory."""
    rows = max(1, _NUMBERS // ((flow.kinks + 2 * flow.dim) * flow.dim))
    parts = [x[first : first + rows] for first in range(0, len(x), rows)]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.concatenate([x[:0], *map(of_part, parts)])


def heights(flow: PlanarFlow, x: np.ndarray, domain: Box) -> tuple[np.ndarray, np.ndarray]:
    """Heights of the points over all faces and hyperplanes, (k, n), and their gradients in x, (k, d, n)."""
    n, d = x.shape
    height, normal = np.empty((flow.kinks + 2 * d, n)), np.zeros((flow.kinks + 2 * d, d, n))
    height[:d], height[d : 2 * d] = (x - domain.low).T, (x - domain.high).T
    axes = np.arange(d)
    normal[axes, axes] = normal[d + axes, axes] = 1.0
    # The state, (d, n), and its derivative in x, (d, d, n).
    y, D = x.T.copy(), np.tile(np.eye(d)[:, :, None], n)
    j = 0
    for k in range(flow.kinks):
        while j < flow.stops.size and flow.stops[j] == k:
            y, D = flow.M[j] @ y + flow.m[j][:, None], np.tensordot(flow.M[j], D, 1)
            j += 1
        z = flow.w[k] @ y - flow.t[k]
        g = (flow.w[k] @ D.reshape(d, -1)).reshape(d, n)
        height[2 * d + k], normal[2 * d + k] = z, g
        y += flow.a[k][:, None] * np.maximum(z, 0.0)
        D += flow.a[k][:, None, None] * (g * (z > 0))
    return height, normal


def _corners(height: np.ndarray, normal: np.ndarray, x: np.ndarray) -> np.ndarray:
    """x moved onto the nearest hyperplane, then along it onto the nearest that crosses it, and so on."""
    n, d = x.shape
    everyone = np.arange(n)
    square = np.einsum("kdn,kdn->kn", normal, normal)
    distance = np.abs(height) / np.sqrt(square)
    # Not in reach: maps that do not depend on x, and heights beyond the range of numbers.
    distance[~(distance < np.inf)] = np.inf
    # The part of each gradient that is orthogonal to the hyperplanes so far, squared.
    orthogonal = square.copy()
    least = min(LEAST_SINE, 0.5 / np.sqrt(d)) ** 2 * square
    step = np.zeros((d, n))
    basis: list[np.ndarray] = []
    for _ in range(d):
        nearest = np.argmin(np.where(orthogonal > least, distance, np.inf), axis=0)
        gradient = normal[nearest, :, everyone].T
        here = gradient.copy()
        for direction in basis:
            here -= np.sum(direction * here, axis=0) * direction
        here /= np.linalg.norm(here, axis=0)
        missing = -height[nearest, everyone] - np.sum(gradient * step, axis=0)
        step += missing / np.sum(here * gradient, axis=0) * here
        orthogonal -= np.einsum("kdn,dn->kn", normal, here) ** 2
        basis.append(here)
    return x + step.T
