"""Orthonormal bases of what the planar maps of a layer leave as it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def complements(directions: Sequence[Float[np.ndarray, "_ d"]]) -> list[Float[np.ndarray, "_ d"]]:
    """For the rows of each matrix a basis of their orthogonal complement, turned close to the one before.

    Close bases make the product of one layer's basis with the inverse of the one before close to the
    identity. Any two bases differ by a rotation; the best one is the polar factor (orthogonal Procrustes).
    Each matrix must have independent rows.
    """
    found: list[np.ndarray] = []
    frame, last = None, np.zeros((0, 0))
    for a in directions:
        k, d = a.shape
        if k == d:
            found.append(np.zeros((0, d)))
            continue
        frame = np.eye(d) if frame is None else frame
        unit = a / np.linalg.norm(a, axis=1, keepdims=True)
        if unit.shape != last.shape or not _same_lines(unit, last):
            rows = np.linalg.svd(unit)[2]
            left, _, right = np.linalg.svd(frame[k:] @ rows[k:].T)
            frame, last = np.concatenate([rows[:k], left @ right @ rows[k:]]), unit
        found.append(frame[k:])
    return found


def _same_lines(unit: np.ndarray, last: np.ndarray) -> bool:
    sign = np.sign(np.einsum("kd,kd->k", unit, last))[:, None]
    return bool(np.abs(unit - sign * last).max() <= 1e-14)
