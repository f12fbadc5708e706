"""tanh and sin by `approximations`, for loops of numba."""

from __future__ import annotations

import numpy as np
from numba import njit

from .approximations import (
    HALF,
    ONE,
    P0,
    P1,
    P2,
    P3,
    PER_PI,
    PI_HIGH,
    PI_LOW,
    Q1,
    Q2,
    Q3,
    S1,
    S3,
    S5,
    S7,
    TANH_END,
    TWO,
)


# Python's division, which raises an error, would be a branch.
@njit(inline="always", error_model="numpy")
def tanh(z):
    z = TANH_END if z > TANH_END else z
    z = -TANH_END if z < -TANH_END else z
    s = z * z
    return z * (P0 + s * (P1 + s * (P2 + s * P3))) / (ONE + s * (Q1 + s * (Q2 + s * Q3)))


@njit(inline="always", error_model="numpy")
def sin(z):
    """For |z| up to about 1000."""
    turns = np.floor(z * PER_PI + HALF)
    r = (z - turns * PI_HIGH) - turns * PI_LOW
    s = r * r
    value = r * (S1 + s * (S3 + s * (S5 + s * S7)))
    odd = turns - TWO * np.floor(HALF * turns)
    return value * (ONE - TWO * odd)
