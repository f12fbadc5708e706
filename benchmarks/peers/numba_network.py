"""Runge-Kutta steps of x' = a^T tanh(w x + b) + c by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from .numba_functions import tanh
from .peer import Problem

_f = np.float32
_HALF, _THIRD, _SIXTH = _f(1 / 2), _f(1 / 3), _f(1 / 6)
# Up to so many points are taken one by one, in vectors of hidden units; more in vectors of points.
_FEW = 8


def network(problem: Problem) -> tuple[Callable, int]:
    size, duration, field = 128, _f(problem.duration), problem.ridges
    # As compile-time constants: loops over coordinates are unrolled.
    d, hidden = field.dim, field.ridges
    w, b, a, c = (np.ascontiguousarray(v, np.float32) for v in (field.w, field.b, field.a, field.c))
    w_rows, a_rows = np.ascontiguousarray(w.T), np.ascontiguousarray(a.T)

    @njit(fastmath=True, error_model="numpy")
    def rate_of_many(x, v, n):
        for j in range(d):
            v[j, :n] = c[j]
        for k in range(hidden):
            for i in range(n):
                z = b[k]
                for j in range(d):
                    z += w[k, j] * x[j, i]
                z = tanh(z)
                for j in range(d):
                    v[j, i] += a[k, j] * z

    @njit(fastmath=True, error_model="numpy")
    def rate_of_one(x, v, i, unit):
        for k in range(hidden):
            z = b[k]
            for j in range(d):
                z += w_rows[j, k] * x[j, i]
            unit[k] = tanh(z)
        for j in range(d):
            total = _f(0)
            for k in range(hidden):
                total += a_rows[j, k] * unit[k]
            v[j, i] = c[j] + total

    @njit(fastmath=True, error_model="numpy")
    def rate(x, v, n, unit):
        if n > _FEW:
            rate_of_many(x, v, n)
        else:
            for i in range(n):
                rate_of_one(x, v, i, unit)

    @njit(fastmath=True, error_model="numpy")
    def block(x, y, first, last, steps):
        n = last - first
        memory, unit = np.empty((4, d, size), np.float32), np.empty(hidden, np.float32)
        state, stage, v, total = memory[0], memory[1], memory[2], memory[3]
        for i in range(n):
            for j in range(d):
                state[j, i] = x[first + i, j]
        h = duration / _f(steps)
        half, third, sixth = h * _HALF, h * _THIRD, h * _SIXTH
        for _ in range(steps):
            rate(state, v, n, unit)
            for j in range(d):
                for i in range(n):
                    stage[j, i] = state[j, i] + half * v[j, i]
                    total[j, i] = state[j, i] + sixth * v[j, i]
            rate(stage, v, n, unit)
            for j in range(d):
                for i in range(n):
                    stage[j, i] = state[j, i] + half * v[j, i]
                    total[j, i] += third * v[j, i]
            rate(stage, v, n, unit)
            for j in range(d):
                for i in range(n):
                    stage[j, i] = state[j, i] + h * v[j, i]
                    total[j, i] += third * v[j, i]
            rate(stage, v, n, unit)
            for j in range(d):
                for i in range(n):
                    state[j, i] = total[j, i] + sixth * v[j, i]
        for i in range(n):
            for j in range(d):
                y[first + i, j] = state[j, i]

    return block, size
