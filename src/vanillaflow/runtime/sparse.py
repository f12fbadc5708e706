"""Planar maps with few nonzero numbers, applied in time proportional to how many there are.

In many dimensions a ridge mostly looks at few coordinates and moves few: two oscillators, the neighbours on a
grid. The state is held dimension-major, (d, n), so that a map is a handful of operations on rows; affine maps
are matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numba import njit
from scipy.sparse import csr_array

from .threads import parts_of, side_by_side

# From this dimension on, and up to this part of nonzero numbers.
_LARGE, _FEW_NONZEROS = 32, 0.25
_LEAST_WORK = 2**19
# Points that are carried through all maps together: their states stay in the second-level cache.
_BLOCK = 64


@dataclass(frozen=True, eq=False)
class SparseMaps:
    """The planar maps and affine maps of a PlanarFlow; see there for the conventions."""

    a: csr_array
    w: csr_array
    t: Float[np.ndarray, " L"]
    stops: Int[np.ndarray, " J"]
    M: Float[np.ndarray, "J d d"]
    m: Float[np.ndarray, "J d"]

    def forward(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """The images of the points."""
        n = len(x)
        state = np.array(x.T, order="C")
        borders = [0, *self.stops.tolist(), self.t.size]
        for j, (begin, end) in enumerate(pairwise(borders)):
            if j:
                state = self.M[j - 1] @ state + self.m[j - 1][:, None]
            if begin < end:
                work = sum(int(B.indptr[end] - B.indptr[begin]) for B in (self.a, self.w))
                side_by_side(
                    [
                        partial(self._planar, state, part.start, part.stop, begin, end)
                        for part in parts_of(n, _LEAST_WORK // max(work, 1))
                    ]
                )
        return np.ascontiguousarray(state.T)

    def _planar(self, state: np.ndarray, first: int, last: int, begin: int, end: int) -> None:
        for left in range(first, last, _BLOCK):
            columns = state, left, min(left + _BLOCK, last)
            _planar_maps(*columns, begin, end, *_entries(self.w), *_entries(self.a), self.t)


def _entries(matrix: csr_array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return matrix.indptr, matrix.indices, matrix.data


def sparse_maps(a: Any, w: Any, t: Any, stops: Any, M: Any, m: Any) -> SparseMaps | None:
    """The maps in this form, or None where it would be no faster."""
    if a.shape[1] < _LARGE or np.count_nonzero(a) + np.count_nonzero(w) > 2 * _FEW_NONZEROS * a.size:
        return None
    return SparseMaps(csr_array(a), csr_array(w), t, stops, M, m)


@njit(cache=True, nogil=True, fastmath={"contract"})
def _planar_maps(state, left, right, begin, end, w_start, w_at, w, a_start, a_at, a, t):
    """Columns left..right-1 of the state under planar maps begin..end-1."""
    z = np.empty(right - left, t.dtype)
    width = right - left
    for k in range(begin, end):
        for q in range(width):
            z[q] = -t[k]
        for entry in range(w_start[k], w_start[k + 1]):
            row, factor = w_at[entry], w[entry]
            for q in range(width):
                z[q] += factor * state[row, left + q]
        for q in range(width):
            z[q] = max(z[q], t.dtype.type(0))
        for entry in range(a_start[k], a_start[k + 1]):
            row, factor = a_at[entry], a[entry]
            for q in range(width):
                state[row, left + q] += factor * z[q]
