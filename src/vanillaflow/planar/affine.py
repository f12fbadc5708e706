"""Affine maps x -> M x + m: the closest to a flow, and one that is invertible in floating point."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

# A singular value that is a smaller part of the largest is lost in rounding.
_LEAST_SINGULAR = 1e-13


def affine_fit(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n d"], held: int = 0
) -> tuple[Float[np.ndarray, "d d"], Float[np.ndarray, " d"]]:
    """M and m for which M x_i + m is closest to y_i in the mean square, M invertible.

    The last `held` coordinates, inputs, are left as they are.
    """
    d = x.shape[1]
    solution, *_ = np.linalg.lstsq(np.concatenate([x, np.ones((len(x), 1))], axis=1), y, rcond=None)
    M, m = solution[:d].T.copy(), solution[d].copy()
    if held:
        M[-held:], m[-held:] = np.eye(d)[-held:], 0.0
    return invertible(M, np.ptp(x, axis=0)), m


def invertible(M: Float[np.ndarray, "d d"], width: Float[np.ndarray, " d"]) -> Float[np.ndarray, "d d"]:
    """M, or the nearest matrix that is not singular: fast decay carries whole directions to one point.

    Singular values are those of coordinates in units of `width`.
    """
    if np.isfinite(np.linalg.slogdet(M)[1]):
        return M
    units = width[:, None] / width
    U, s, V = np.linalg.svd(M / units)
    return (U * np.maximum(s, _LEAST_SINGULAR * max(s[0], _LEAST_SINGULAR))) @ V * units
