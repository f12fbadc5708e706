"""A PlanarFlow's numbers that are not zero, and gradients of its residuals in them.

With z = w.x - t before a planar map and lam the gradient in the state behind it, where z > 0
    da += lam z,  dw += (lam.a) x,  dt -= lam.a,  then lam += (lam.a) w,
on nonzero entries only; elsewhere nothing changes. The states before the maps come back on the way: undoing a
map whose height z is kept takes one subtraction. Affine maps stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float
from numba import njit
from scipy.sparse import csr_array

from ...planar.flow import PlanarFlow
from ...runtime.threads import parts_of, side_by_side
from .settings import DEFAULTS

# Sums over the points in any order: they vectorize then.
_SUMS = {"contract", "reassoc", "nsz"}
# Points, their states at the end, the heights of all maps, the states before each affine map.
_Run = tuple[slice, np.ndarray, np.ndarray, list[np.ndarray]]


@dataclass(frozen=True, eq=False)
class SparseNumbers:
    """The nonzero numbers of a flow's a and w, and all of t: `start` is where they are in the flow."""

    flow: PlanarFlow
    a: csr_array
    w: csr_array
    thread_points: int

    @classmethod
    def of(
        cls, flow: PlanarFlow, thread_points: int = DEFAULTS.high_dimension.thread_points
    ) -> SparseNumbers:
        """Those of a flow; a thread gets at least so many points."""
        return cls(flow, csr_array(flow.a), csr_array(flow.w), thread_points)

    @property
    def start(self) -> Float[np.ndarray, " P"]:
        return np.concatenate([self.a.data, self.w.data, self.flow.t])

    @property
    def sizes(self) -> Float[np.ndarray, " P"]:
        """A step of each that moves the flow about as far as a step of one in an entry of a: those of w and t
        are multiplied by a."""
        along = np.maximum(
            np.linalg.norm(self.flow.a, axis=1), 1e-3 * np.abs(self.flow.a).max(initial=1e-300)
        )
        return np.concatenate([np.ones(self.a.nnz), np.repeat(1 / along, np.diff(self.w.indptr)), 1 / along])

    def at(self, numbers: Float[np.ndarray, " P"]) -> PlanarFlow:
        """The flow with these numbers. Raises ValueError where it would not be invertible."""
        a, w, t = self._split(numbers)
        dense = [
            csr_array((data, matrix.indices, matrix.indptr), matrix.shape).toarray()
            for data, matrix in ((a, self.a), (w, self.w))
        ]
        f = self.flow
        return PlanarFlow(dense[0], dense[1], t, f.stops, f.M, f.m, f.domain)

    def _split(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        first = self.a.nnz + self.w.nnz
        return numbers[: self.a.nnz], numbers[self.a.nnz : first], numbers[first:]

    def p_norm(
        self,
        numbers: Float[np.ndarray, " P"],
        x: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n d"],
        p: float,
    ) -> tuple[float, Float[np.ndarray, " P"]]:
        """(mean |N(x) - y|^p)^(1/p) over points and coordinates, and its gradient in the numbers."""
        maps = self._maps(numbers)
        runs: list[_Run] = side_by_side(
            [partial(self._forth, maps, x, part) for part in parts_of(len(x), self.thread_points)]
        )
        residual = np.concatenate([end for _, end, _, _ in runs], axis=1) - y.T
        size = np.abs(residual)
        top = float(size.max())
        if not np.isfinite(top) or top == 0.0:
            return top if top == 0.0 else np.inf, np.zeros(numbers.size)
        mean = float(np.mean((size / top) ** p))
        norm = top * mean ** (1 / p)
        lam = mean ** (1 / p - 1) * (size / top) ** (p - 1) * np.sign(residual) / residual.size
        gradients = side_by_side([partial(self._back, maps, lam, run) for run in runs])
        return norm, np.sum(gradients, axis=0)

    def _maps(self, numbers: np.ndarray) -> tuple[Any, ...]:
        a, w, t = self._split(np.ascontiguousarray(numbers))
        return self.w.indptr, self.w.indices, w, self.a.indptr, self.a.indices, a, t

    def _forth(self, maps: tuple[Any, ...], x: np.ndarray, part: slice) -> _Run:
        state = np.array(x[part].T, order="C")
        heights = np.empty((self.flow.kinks, state.shape[1]))
        before = []
        for j, (begin, end) in enumerate(pairwise([0, *self.flow.stops.tolist(), self.flow.kinks])):
            if j:
                before.append(state)
                state = self.flow.M[j - 1] @ state + self.flow.m[j - 1][:, None]
            _forth(state, heights, begin, end, *maps)
        return part, state, heights, before

    def _back(self, maps: tuple[Any, ...], lam: np.ndarray, run: _Run) -> Float[np.ndarray, " P"]:
        part, last, heights, before = run
        state, lam = last.copy(), np.ascontiguousarray(lam[:, part])
        da, dw, dt = np.zeros(self.a.nnz), np.zeros(self.w.nnz), np.zeros(self.flow.kinks)
        spans = list(pairwise([0, *self.flow.stops.tolist(), self.flow.kinks]))
        for j in range(len(spans) - 1, -1, -1):
            begin, end = spans[j]
            _back(state, lam, heights, begin, end, da, dw, dt, *maps)
            if j:
                state, lam = before[j - 1].copy(), np.ascontiguousarray(self.flow.M[j - 1].T @ lam)
        return np.concatenate([da, dw, dt])


@njit(cache=True, nogil=True, fastmath={"contract"})
def _forth(state, heights, begin, end, w_start, w_at, w, a_start, a_at, a, t):
    """The states (d, n) behind planar maps begin..end-1; heights (L, n) gets relu(w.x - t)."""
    n = state.shape[1]
    for k in range(begin, end):
        for q in range(n):
            heights[k, q] = -t[k]
        for entry in range(w_start[k], w_start[k + 1]):
            row, factor = w_at[entry], w[entry]
            for q in range(n):
                heights[k, q] += factor * state[row, q]
        for q in range(n):
            heights[k, q] = max(heights[k, q], 0.0)
        for entry in range(a_start[k], a_start[k + 1]):
            row, factor = a_at[entry], a[entry]
            for q in range(n):
                state[row, q] += factor * heights[k, q]


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _back(state, lam, heights, begin, end, da, dw, dt, w_start, w_at, w, a_start, a_at, a, t):
    """States and gradients before the maps, from those behind; adds to the gradients in the numbers."""
    n = state.shape[1]
    along = np.empty(n)
    for k in range(end - 1, begin - 1, -1):
        for q in range(n):
            along[q] = 0.0
        for entry in range(a_start[k], a_start[k + 1]):
            row, factor, total = a_at[entry], a[entry], 0.0
            for q in range(n):
                total += lam[row, q] * heights[k, q]
                along[q] += factor * lam[row, q]
                state[row, q] -= factor * heights[k, q]
            da[entry] += total
        total = 0.0
        for q in range(n):
            along[q] = along[q] if heights[k, q] > 0.0 else 0.0
            total += along[q]
        dt[k] -= total
        for entry in range(w_start[k], w_start[k + 1]):
            row, factor, total = w_at[entry], w[entry], 0.0
            for q in range(n):
                total += along[q] * state[row, q]
                lam[row, q] += factor * along[q]
            dw[entry] += total
