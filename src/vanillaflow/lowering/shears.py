"""Planar maps that a leaky-ReLU layer can hold, from planar maps that it cannot.

A leaky-ReLU layer of width d has determinant slope < 1 on one side of its hyperplane, so a shear (w.a = 0,
kappa = 1) is no such layer, and a near shear is one only with an ill-conditioned basis: w and the
complement of a, whose rows the layer needs, are then almost parallel. The exact cure is two planar maps.
Let |w| = 1 and z = w.x - t. Tilt the direction by delta along w, then undo what that did along w:
    x + (a + delta w) relu(z),       which turns z > 0 into kappa_1 z, kappa_1 = 1 + w.a + delta;
    x - (delta / kappa_1) w relu(z), which takes kappa_1 z w (delta / kappa_1) = delta z w away again.
With delta = |a| the first makes an angle of at most 45 degrees more than the shear did, and the second is
as well conditioned as can be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ..planar import PlanarFlow

LEAST_COSINE = 0.2
"""Planar maps with |w.a| below this times |w||a| are taken apart. The basis of a layer that is kept then has
condition number at most about 2 / LEAST_COSINE."""

# Squares of what is below underflow; no state is so large that such a map would move it.
_LEAST_REACH = 1e-150


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """Planar maps, one per layer, with |w| = 1; `source` is the planar map of the flow each came from.

    `undoes[l]` says that layer l takes back the tilt of layer l - 1, both coming from one planar map.
    """

    a: Float[np.ndarray, "L d"]
    w: Float[np.ndarray, "L d"]
    t: Float[np.ndarray, " L"]
    source: Int[np.ndarray, " L"]
    undoes: Bool[np.ndarray, " L"]


def cosines(flow: PlanarFlow) -> Float[np.ndarray, " L"]:
    """|w.a| / (|w||a|) of every planar map, 1 where that is undefined."""
    size = np.linalg.norm(flow.w, axis=1) * np.linalg.norm(flow.a, axis=1)
    along = np.abs(np.einsum("ld,ld->l", flow.w, flow.a))
    return np.divide(along, size, out=np.ones_like(size), where=size > 0)


def layer_maps(flow: PlanarFlow, apart: Bool[np.ndarray, " L"] | None = None) -> LayerMaps:
    """The planar maps of the flow, normalized, those in `apart` (by default those with a cosine below
    LEAST_COSINE) taken apart, maps without a kink left out.

    Those are the ones with a = 0, which do nothing, and with w = 0, which translate by a relu(-t).
    """
    apart = cosines(flow) < LEAST_COSINE if apart is None else apart
    size = np.linalg.norm(flow.w, axis=1)
    active = np.flatnonzero(size * np.linalg.norm(flow.a, axis=1) > _LEAST_REACH)
    size = size[active, None]
    # x + a relu(w.x - t) is unchanged under w -> w/s, t -> t/s, a -> s a.
    a, w, t = flow.a[active] * size, flow.w[active] / size, flow.t[active] / size[:, 0]
    reach = np.linalg.norm(a, axis=1)
    along = np.einsum("ld,ld->l", w, a)
    source = np.repeat(np.arange(active.size), np.where(apart[active], 2, 1))
    undoes = np.concatenate([[False], source[1:] == source[:-1]]) if source.size else np.zeros(0, dtype=bool)
    tilts = np.concatenate([undoes[1:], [False]]) if source.size else undoes
    delta, along, a, w, t = reach[source], along[source], a[source], w[source], t[source]
    a = np.where(tilts[:, None], a + delta[:, None] * w, a)
    a = np.where(undoes[:, None], -(delta / (1 + along + delta))[:, None] * w, a)
    return LayerMaps(a, w, t, active[source], undoes)
