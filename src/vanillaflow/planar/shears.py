"""Planar maps that a leaky-ReLU layer can hold, from planar maps that it cannot.

A leaky-ReLU layer of width d has determinant slope < 1 on one side of its hyperplane, so a shear (w.a = 0,
kappa = 1) is no such layer, and a near shear is one only with an ill-conditioned basis: w and the
complement of a, whose rows the layer needs, are then almost parallel. The exact cure is two planar maps.
Let |w| = 1 and z = w.x - t, and p a vector with w.p = 1. Tilt the direction along p, then undo it:
    x + (a + delta p) relu(z),       which turns z > 0 into kappa_1 z, kappa_1 = 1 + w.a + delta;
    x - (delta / kappa_1) p relu(z), which takes kappa_1 z p (delta / kappa_1) = delta z p away again.
With p = w and delta = |a| the first makes an angle of at most 45 degrees more than the shear did, and the
second is as well conditioned as can be. Where several maps share the layer, p must not disturb the others:
w_j.p = 0. In the span of the w there is one such vector for each, the dual basis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from .flow import PlanarFlow

LEAST_COSINE = 0.2
"""Planar maps with |w.a| below this times |w||a| are taken apart. The basis of a layer that is kept then has
condition number at most about 2 / LEAST_COSINE."""

# A small shear is tilted further, so that the slopes 1 / (1 + delta) of its layers stay below 1 when they are
# rounded: verifiers take nothing else for a leaky ReLU.
_LEAST_TILT = 1 / 64


@dataclass(frozen=True, eq=False)
class Kinks:
    """x + sum_i a_i relu(w_i.x - t_i), where |w_i| = 1 and w_i.a_j = 0 for i != j, but w_i.a_i != 0."""

    a: Float[np.ndarray, "k d"]
    w: Float[np.ndarray, "k d"]
    t: Float[np.ndarray, " k"]


def cosines(flow: PlanarFlow) -> Float[np.ndarray, " L"]:
    """|w.a| / (|w||a|) of every planar map, 1 where that is undefined."""
    size = np.linalg.norm(flow.w, axis=1) * np.linalg.norm(flow.a, axis=1)
    along = np.abs(np.einsum("ld,ld->l", flow.w, flow.a))
    return np.divide(along, size, out=np.ones_like(size), where=size > 0)


def holdable(
    a: Float[np.ndarray, "k d"],
    w: Float[np.ndarray, "k d"],
    t: Float[np.ndarray, " k"],
    apart: Bool[np.ndarray, " k"],
) -> list[Kinks]:
    """Commuting planar maps, |w| = 1, as one layer; or as two, if any is `apart`, to be taken apart.

    The second layer then holds what undoes the tilts, of those maps only.
    """
    if not np.any(apart):
        return [Kinks(a, w, t)]
    p = _duals(w)[apart]
    along = np.einsum("kd,kd->k", w, a)[apart]
    # One delta for all: pure shears of any size then stretch z equally, and may share one slope.
    delta = max(float(np.linalg.norm(a[apart], axis=1).max()), _LEAST_TILT)
    tilted = a.copy()
    tilted[apart] += delta * p
    undo = -(delta / (1 + along + delta))[:, None] * p
    return [Kinks(tilted, w, t), Kinks(undo, w[apart], t[apart])]


def _duals(w: Float[np.ndarray, "k d"]) -> Float[np.ndarray, "k d"]:
    """p_i in the span of the rows of w, which are independent, with w_i.p_j = 1 for i = j, else 0."""
    # Orthogonal rows, above all a single one, are their own dual basis, without rounding.
    gram = w @ w.T
    if np.array_equal(gram, np.diag(np.diag(gram))):
        return w / np.diag(gram)[:, None]
    return np.linalg.pinv(w).T
