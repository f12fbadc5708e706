"""Products with matrices that are mostly zeros, as large structured fields have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float
from numba import njit
from scipy.sparse import csr_array

from ..runtime.threads import parts_of, side_by_side

_LARGE, _FEW_NONZEROS = 32, 0.1
# Multiply-adds that are worth a thread.
_LEAST_WORK = 2**17


@dataclass(frozen=True, eq=False)
class Linear:
    """x -> x B^T for the rows of x, in time proportional to B's nonzero numbers where these are few."""

    dense: Float[np.ndarray, "m d"]
    sparse: csr_array | None

    @classmethod
    def of(cls, matrix: Float[np.ndarray, "m d"]) -> Linear:
        """The product with this matrix; sparse if it is large, and nearly all of it zero."""
        few = min(matrix.shape) >= _LARGE and np.count_nonzero(matrix) <= _FEW_NONZEROS * matrix.size
        return cls(matrix, csr_array(matrix) if few else None)

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n m"]:
        if self.sparse is None:
            return x @ self.dense.T
        x = np.ascontiguousarray(x, dtype=np.float64)
        out = np.empty((len(x), len(self.dense)))
        B = self.sparse
        side_by_side(
            [
                partial(_rows, x[part], B.indptr, B.indices, B.data, out[part])
                for part in parts_of(len(x), 1 + _LEAST_WORK // (B.nnz + 1))
            ]
        )
        return out


@njit(cache=True, nogil=True, fastmath={"contract"})
def _rows(x, start, at, value, out):
    for q in range(x.shape[0]):
        for i in range(out.shape[1]):
            total = 0.0
            for entry in range(start[i], start[i + 1]):
                total += value[entry] * x[q, at[entry]]
            out[q, i] = total
