"""Runge-Kutta steps of the Allen-Cahn equation by hand, with its second difference as a stencil."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from .peer import Problem

_f = np.float32
_HALF, _TWO, _THIRD, _SIXTH = _f(1 / 2), _f(2), _f(1 / 3), _f(1 / 6)
# A stage is computed for so many points before the next: of a single point, the neighbours' values would be
# read while they are still being stored.
_TOGETHER = 4


def allen_cahn(problem: Problem) -> tuple[Callable, int]:
    """In vectors along the coordinates of a point, with copies of the first and last across the period."""
    size, duration, d = 64, _f(problem.duration), problem.dim
    diffusion = _f(problem.ridges.A[0, 1])
    growth = _f(1) - _TWO * diffusion

    @njit(fastmath=True, inline="always")
    def wrap(u, n):
        for r in range(n):
            u[r, 0], u[r, d + 1] = u[r, d], u[r, 1]

    @njit(fastmath=True, inline="always")
    def rate(u, r, i):
        middle = u[r, i + 1]
        return diffusion * (u[r, i] + u[r, i + 2]) + middle * (growth - middle * middle)

    @njit(fastmath=True, error_model="numpy")
    def block(x, y, first, last, steps):
        memory = np.empty((4, _TOGETHER, d + 2), np.float32)
        u, p, q, total = memory[0], memory[1], memory[2], memory[3]
        h = duration / _f(steps)
        half, third, sixth = h * _HALF, h * _THIRD, h * _SIXTH
        for start in range(first, last, _TOGETHER):
            n = min(_TOGETHER, last - start)
            for r in range(n):
                for i in range(d):
                    u[r, i + 1] = x[start + r, i]
            for _ in range(steps):
                wrap(u, n)
                for r in range(n):
                    for i in range(d):
                        k = rate(u, r, i)
                        p[r, i + 1] = u[r, i + 1] + half * k
                        total[r, i + 1] = u[r, i + 1] + sixth * k
                wrap(p, n)
                for r in range(n):
                    for i in range(d):
                        k = rate(p, r, i)
                        q[r, i + 1] = u[r, i + 1] + half * k
                        total[r, i + 1] += third * k
                wrap(q, n)
                for r in range(n):
                    for i in range(d):
                        k = rate(q, r, i)
                        p[r, i + 1] = u[r, i + 1] + h * k
                        total[r, i + 1] += third * k
                wrap(p, n)
                for r in range(n):
                    for i in range(d):
                        u[r, i + 1] = total[r, i + 1] + sixth * rate(p, r, i)
            for r in range(n):
                for i in range(d):
                    y[start + r, i] = u[r, i + 1]

    return block, size
