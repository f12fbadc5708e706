"""Packing: planar maps that commute share a layer.

P_i and P_j commute if w_i.a_j = 0 and w_j.a_i = 0: neither moves what the other looks at, and
    P_i P_j(x) = x + a_i relu(w_i.x - t_i) + a_j relu(w_j.x - t_j).
The maps are scheduled as soon as possible: each goes to the first layer behind all the earlier maps that it
does not commute with, if it fits in there. So no two maps that do not commute change their order, and the
composition of the layers is the same map. Without limits to what fits, the number of layers would be the
longest path of the graph of pairs that do not commute.

k maps fit in one layer if its basis (see `square`) is well conditioned. Its first rows are w_1..w_k, so that
these must be far from dependent; the measure is their least singular value, 1 where they are orthogonal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Int

from ..planar import PlanarFlow

# Rounding of w.a relative to |w||a|: some products and sums of numbers of order one.
_COMMUTE = 1e-13
_LEAST_SINGULAR = 0.3
# Heuristic: how many layers back a map is tried, so that thousands of maps that commute but do not fit
# into one layer take no time that is quadratic in their number.
_LOOK_BACK = 200

Fits = Callable[[Sequence[int], int], bool]
"""Whether a map fits into a layer that holds the given maps, apart from what `packed` itself looks at."""


def packed(flow: PlanarFlow, fits: Fits | None = None) -> list[Int[np.ndarray, " _"]]:
    """The layers, in order: which planar maps of the flow each of them holds, at most d.

    The flow must be in `normal_form`. Affine maps stay where they are: maps before and after one never share
    a layer (`pushing` moves them out of the way).
    """
    layers: list[list[int]] = []
    borders = np.unique(np.concatenate([[0], flow.stops, [flow.kinks]]))
    for begin, end in pairwise(borders):
        layers += _segment(flow, range(begin, end), fits)
    return [np.array(layer) for layer in layers]


def _segment(flow: PlanarFlow, maps: range, fits: Fits | None) -> list[list[int]]:
    """The layers of consecutive maps without an affine map among them."""
    layers: list[list[int]] = []
    for i in maps:
        first, oldest = len(layers), max(0, len(layers) - _LOOK_BACK)
        while first > oldest and _commutes(flow, layers[first - 1], i):
            first -= 1
        for layer in layers[first:]:
            if len(layer) < flow.dim and (fits is None or fits(layer, i)) and _independent(flow, layer, i):
                layer.append(i)
                break
        else:
            layers.append([i])
    return layers


def _commutes(flow: PlanarFlow, layer: list[int], i: int) -> bool:
    """Whether map i commutes with every map of the layer, |w| being 1."""
    a, w = flow.a[layer], flow.w[layer]
    allowed = _COMMUTE * np.linalg.norm(a, axis=1)
    return bool(
        np.all(np.abs(a @ flow.w[i]) <= allowed)
        and np.all(np.abs(w @ flow.a[i]) <= _COMMUTE * np.linalg.norm(flow.a[i]))
    )


def _independent(flow: PlanarFlow, layer: list[int], i: int) -> bool:
    """Whether the normals of the layer and of map i are far from dependent."""
    w = flow.w[layer]
    if np.all(np.abs(w @ flow.w[i]) <= _COMMUTE):
        return True
    return bool(np.linalg.svd(flow.w[[*layer, i]], compute_uv=False)[-1] >= _LEAST_SINGULAR)


def in_order(flow: PlanarFlow, layers: list[Int[np.ndarray, " _"]]) -> PlanarFlow:
    """The same flow with its planar maps in the order of the layers."""
    order = np.concatenate([np.zeros(0, dtype=int), *layers])
    return PlanarFlow(
        flow.a[order], flow.w[order], flow.t[order], flow.stops, flow.M, flow.m, flow.domain, flow.provenance
    )
