"""Affine maps moved behind planar maps, so that these can share layers across them.

With x = Q y + q, planar map P after the affine map is the affine map after Q^-1 P Q, which is planar again:
    y + Q^-1 a relu(Q^T w . y - (t - w.q)),    of the same kappa.
"""

from __future__ import annotations

import numpy as np

from .flow import PlanarFlow

_MOST_CONDITION = 4.0


def push(flow: PlanarFlow) -> PlanarFlow:
    """The same map with its affine maps moved towards the end, as long as their product is well conditioned.

    The condition number of what planar maps are moved across is at most 4: a stiff decay stays where it is.
    """
    a, w, t = flow.a.copy(), flow.w.copy(), flow.t.copy()
    left: list[tuple[int, np.ndarray, np.ndarray]] = []
    identity = np.eye(flow.dim), np.zeros(flow.dim)
    Q, q = identity
    borders = [*flow.stops.tolist(), flow.kinks]
    for j, stop in enumerate(flow.stops.tolist()):
        Q, q = flow.M[j] @ Q, flow.M[j] @ q + flow.m[j]
        part = slice(stop, borders[j + 1])
        if part.start == part.stop and j + 1 < flow.stops.size:
            continue
        if part.start == flow.kinks or np.linalg.cond(Q) > _MOST_CONDITION:
            left.append((stop, Q, q))
            Q, q = identity
            continue
        a[part] = np.linalg.solve(Q, flow.a[part].T).T
        t[part] = flow.t[part] - flow.w[part] @ q
        w[part] = flow.w[part] @ Q
    if Q is not identity[0]:
        left.append((flow.kinks, Q, q))
    d = flow.dim
    return PlanarFlow(
        a,
        w,
        t,
        np.array([stop for stop, _, _ in left], dtype=int),
        np.array([Q for _, Q, _ in left]).reshape(-1, d, d),
        np.array([q for _, _, q in left]).reshape(-1, d),
        domain=flow.domain,
        provenance=flow.provenance,
    )
