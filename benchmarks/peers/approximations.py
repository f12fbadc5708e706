"""Coefficients of tanh and sin in float32 without branches or library calls, for loops of vector code.

Both were fitted by Lawson's iteration (reweighted least squares, which tends to the minimax solution).
"""

from __future__ import annotations

import numpy as np

_f = np.float32

# tanh on [-TANH_END, TANH_END] as z P(z^2) / Q(z^2), Q(0) = 1, within 1.5e-6; it is 1 within 1e-6 beyond.
TANH_END = _f(7.3)
P0, P1, P2, P3 = _f(9.99994168e-01), _f(1.22627270e-01), _f(2.24208683e-03), _f(3.76798875e-06)
Q1, Q2, Q3 = _f(4.55941018e-01), _f(2.09085371e-02), _f(1.38587716e-04)

# sin on [-pi/2, pi/2] as an odd polynomial, within 7e-7; pi in two parts.
S1, S3, S5, S7 = _f(0.999996616), _f(-0.166648286), _f(8.30632674e-03), _f(-1.83636898e-04)
PI_HIGH, PI_LOW = _f(3.140625), _f(np.pi - 3.140625)
PER_PI = _f(1 / np.pi)
ONE, TWO, HALF = _f(1), _f(2), _f(1 / 2)
