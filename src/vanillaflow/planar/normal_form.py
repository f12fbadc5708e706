"""The form of a PlanarFlow from which it is lowered: every planar map has a kink, and |w| = 1."""

from __future__ import annotations

import numpy as np

from .flow import PlanarFlow

# Squares of what is below underflow; no state is so large that such a map would move it.
_LEAST_REACH = 1e-150
_ROUNDING = 1e-16


def normal_form(flow: PlanarFlow) -> PlanarFlow:
    """The same map with |w_l| = 1 for every planar map, those without a kink being left out or affine.

    So are those that move no point of the domain by more than rounding: a layer for them would have slope 1,
    which verifiers do not take for a leaky ReLU.

    x + a relu(w.x - t) is unchanged under w -> w/s, t -> t/s, a -> s a. Without a kink are the planar maps
    with a = 0, which do nothing, and those with w = 0, which translate by a relu(-t).
    """
    size = np.linalg.norm(flow.w, axis=1)
    active = size * np.linalg.norm(flow.a, axis=1) > _LEAST_REACH
    if flow.domain is not None:
        farthest = float(np.linalg.norm(np.maximum(np.abs(flow.domain.low), np.abs(flow.domain.high))))
        moved = np.linalg.norm(flow.a, axis=1) * (size * farthest + np.abs(flow.t))
        active &= moved > _ROUNDING * farthest
    moves = flow.a * np.maximum(-flow.t, 0)[:, None]
    translates = np.flatnonzero(~active & (size == 0) & np.any(moves != 0, axis=1))
    # Planar map l is number before[l] of those with a kink; before it act the affine maps that stop at l.
    before = np.concatenate([[0], np.cumsum(active)])
    places = np.concatenate([flow.stops, translates + 0.5])
    order = np.argsort(places, kind="stable")
    M = np.concatenate([flow.M, np.broadcast_to(np.eye(flow.dim), (translates.size, flow.dim, flow.dim))])
    m = np.concatenate([flow.m, moves[translates]])
    size = size[active, None]
    return PlanarFlow(
        flow.a[active] * size,
        flow.w[active] / size,
        flow.t[active] / size[:, 0],
        before[np.floor(places[order]).astype(int)],
        M[order],
        m[order],
        domain=flow.domain,
        provenance=flow.provenance,
    )
