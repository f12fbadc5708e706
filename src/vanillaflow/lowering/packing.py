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

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array, vstack

from ..planar.flow import PlanarFlow

# Rounding of w.a relative to |w||a|: some products and sums of numbers of order one.
_COMMUTE = 1e-13
_LEAST_SINGULAR = 0.3
_KIND_DIGITS = 13
# Heuristic: how many layers back a map is tried, so that thousands of maps that commute but do not fit
# into one layer take no time that is quadratic in their number.
_LOOK_BACK = 200

# Products of so many vectors with all others are held at a time.
_ROWS = 1024

Fits = Callable[[int, int], bool]
"""Whether a map fits into the layer of another one, apart from what `pack` itself looks at."""


def pack(flow: PlanarFlow, fits: Fits | None = None) -> list[Int[np.ndarray, " _"]]:
    """The layers, in order: which planar maps of the flow each of them holds, at most d.

    The flow must be in `normal_form`. Affine maps stay where they are: maps before and after one never share
    a layer (`pushing` moves them out of the way).
    """
    layers: list[list[int]] = []
    borders = np.unique(np.concatenate([[0], flow.stops, [flow.kinks]]))
    for begin, end in pairwise(borders.tolist()):
        layers += [[begin + i for i in layer] for layer in _segment(flow, begin, end, fits)]
    return [np.array(layer) for layer in layers]


def _segment(flow: PlanarFlow, begin: int, end: int, fits: Fits | None) -> list[list[int]]:
    """The layers of planar maps begin..end-1, which have no affine map among them, counted from `begin`."""
    kinds, w, a = _kinds(flow.w[begin:end], flow.a[begin:end])
    clash, touch = _clashing(w, a), _touching(w)
    layers: list[list[int]] = []
    held: list[set[int]] = []  # The kinds of each layer's maps.
    last = np.full(len(w), -1)  # The last layer with a map of each kind.
    for i, kind in enumerate(kinds):
        first = int(last[clash.of(kind)].max(initial=-1)) + 1
        for number in range(max(first, len(layers) - _LOOK_BACK), len(layers)):
            layer = layers[number]
            roomy = len(layer) < flow.dim and (fits is None or fits(begin + layer[0], begin + i))
            if roomy and _independent(w, touch, held[number], kind):
                break
        else:
            number = len(layers)
            layers.append([])
            held.append(set())
        layers[number].append(i)
        held[number].add(kind)
        last[kind] = max(last[kind], number)
    return layers


def _kinds(
    w: Float[np.ndarray, "k d"], a: Float[np.ndarray, "k d"]
) -> tuple[list[int], Float[np.ndarray, "K d"], Float[np.ndarray, "K d"]]:
    """The kind of each map, and the w and a/|a| of each kind.

    Maps are of one kind if they have the same normal and direction up to sign, as the kinks of one ridge do.
    Of these there are mostly far fewer than maps.
    """
    unit = a / np.linalg.norm(a, axis=1, keepdims=True)
    both = np.concatenate([w, unit], axis=1)
    numbers: dict[bytes, int] = {}
    kinds: list[int] = []
    firsts: list[int] = []
    for begin in range(0, len(w), _ROWS):
        rows = both[begin : begin + _ROWS]
        # By the sign of their first nonzero numbers; adding zero makes one of the two zeros.
        for half in np.split(rows, 2, axis=1):
            half *= np.sign(half[np.arange(len(half)), np.argmax(half != 0, axis=1)])[:, None]
        for i, row in enumerate(np.round(rows, _KIND_DIGITS) + 0.0, begin):
            kind = numbers.setdefault(row.tobytes(), len(numbers))
            if kind == len(firsts):
                firsts.append(i)
            kinds.append(kind)
    return kinds, w[firsts], unit[firsts]


class _Pairs:
    """For each kind those that it is related to."""

    def __init__(self, pairs: csr_array):
        pairs.eliminate_zeros()
        self._start, self._others = pairs.indptr, pairs.indices
        self._sets: dict[int, set[int]] = {}

    def of(self, kind: int) -> Int[np.ndarray, " _"]:
        return self._others[self._start[kind] : self._start[kind + 1]]

    def among(self, kind: int, some: set[int]) -> set[int]:
        """Those of them that are among `some`."""
        if kind not in self._sets:
            self._sets[kind] = set(self.of(kind).tolist())
        return self._sets[kind] & some


def _clashing(w: Float[np.ndarray, "K d"], unit: Float[np.ndarray, "K d"]) -> _Pairs:
    """The pairs that do not commute, |w| being 1. A map does not commute with others of its kind but for
    shears."""
    return _Pairs((_large(unit, w) + _large(w, unit)).tocsr())


def _touching(w: Float[np.ndarray, "K d"]) -> _Pairs:
    """The pairs with normals that are not orthogonal."""
    return _Pairs(_large(w, w))


def _large(left: Float[np.ndarray, "K d"], right: Float[np.ndarray, "K d"]) -> csr_array:
    """Where |left_i . right_j| is no rounding. Few pairs are, where the vectors have few nonzero numbers."""
    transposed = csr_array(right.T)
    parts = []
    for rows in range(0, len(left), _ROWS):
        products = csr_array(left[rows : rows + _ROWS]) @ transposed
        products.data = (np.abs(products.data) > _COMMUTE).astype(np.int8)
        products.eliminate_zeros()
        parts.append(products)
    return vstack(parts, format="csr")


def _independent(w: Float[np.ndarray, "K d"], touch: _Pairs, layer: set[int], kind: int) -> bool:
    """Whether the normals of the kinds in a layer and of this one are far from dependent.

    Those that are connected to it by normals that are not orthogonal decide: the others are orthogonal to all
    of them.
    """
    if kind in layer:
        return False
    found, new = {kind}, {kind}
    while new:
        new = set[int]().union(*(touch.among(other, layer) for other in new)) - found
        found |= new
    if len(found) == 1:
        return True
    together = w[sorted(found)]
    return bool(np.linalg.eigvalsh(together @ together.T)[0] >= _LEAST_SINGULAR**2)


def in_order(flow: PlanarFlow, layers: list[Int[np.ndarray, " _"]]) -> PlanarFlow:
    """The same flow with its planar maps in the order of the layers."""
    order = np.concatenate([np.zeros(0, dtype=int), *layers])
    return PlanarFlow(
        flow.a[order], flow.w[order], flow.t[order], flow.stops, flow.M, flow.m, flow.domain, flow.provenance
    )
