"""Runge-Kutta steps of the pendulum and the Hopfield network by hand: a point's state stays in registers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from .numba_functions import sin, tanh
from .peer import Problem

_f = np.float32
_HALF, _TWO, _SIXTH = _f(1 / 2), _f(2), _f(1 / 6)


def pendulum(problem: Problem) -> tuple[Callable, int]:
    size, duration, damping = 512, _f(problem.duration), _f(-problem.ridges.A[1, 1])

    @njit(inline="always", error_model="numpy")
    def pull(angle, speed):
        return -sin(angle) - damping * speed

    @njit(fastmath=True, error_model="numpy")
    def block(x, y, first, last, steps):
        n = last - first
        angle, speed = np.empty(size, np.float32), np.empty(size, np.float32)
        for i in range(n):
            angle[i], speed[i] = x[first + i, 0], x[first + i, 1]
        h = duration / _f(steps)
        half, sixth = h * _HALF, h * _SIXTH
        for _ in range(steps):
            for i in range(n):
                q, v1 = angle[i], speed[i]
                k1 = pull(q, v1)
                v2 = v1 + half * k1
                k2 = pull(q + half * v1, v2)
                v3 = v1 + half * k2
                k3 = pull(q + half * v2, v3)
                v4 = v1 + h * k3
                k4 = pull(q + h * v3, v4)
                angle[i] = q + sixth * (v1 + _TWO * (v2 + v3) + v4)
                speed[i] = v1 + sixth * (k1 + _TWO * (k2 + k3) + k4)
        for i in range(n):
            y[first + i, 0], y[first + i, 1] = angle[i], speed[i]

    return block, size


def hopfield(problem: Problem) -> tuple[Callable, int]:
    size, duration = 512, _f(problem.duration)
    # v = -x + W tanh(x): the k-th ridge reads one coordinate and pushes all.
    (W1, W2, W3) = (tuple(_f(v) for v in row) for row in problem.ridges.a.T @ problem.ridges.w)

    @njit(inline="always", error_model="numpy")
    def rate(p, q, r):
        f, g, h = tanh(p), tanh(q), tanh(r)
        return (
            W1[0] * f + W1[1] * g + W1[2] * h - p,
            W2[0] * f + W2[1] * g + W2[2] * h - q,
            W3[0] * f + W3[1] * g + W3[2] * h - r,
        )

    @njit(fastmath=True, error_model="numpy")
    def block(x, y, first, last, steps):
        n = last - first
        state = np.empty((3, size), np.float32)
        p, q, r = state[0], state[1], state[2]
        for i in range(n):
            p[i], q[i], r[i] = x[first + i, 0], x[first + i, 1], x[first + i, 2]
        h = duration / _f(steps)
        half, sixth = h * _HALF, h * _SIXTH
        for _ in range(steps):
            for i in range(n):
                p1, q1, r1 = p[i], q[i], r[i]
                a1, b1, c1 = rate(p1, q1, r1)
                a2, b2, c2 = rate(p1 + half * a1, q1 + half * b1, r1 + half * c1)
                a3, b3, c3 = rate(p1 + half * a2, q1 + half * b2, r1 + half * c2)
                a4, b4, c4 = rate(p1 + h * a3, q1 + h * b3, r1 + h * c3)
                p[i] = p1 + sixth * (a1 + _TWO * (a2 + a3) + a4)
                q[i] = q1 + sixth * (b1 + _TWO * (b2 + b3) + b4)
                r[i] = r1 + sixth * (c1 + _TWO * (c2 + c3) + c4)
        for i in range(n):
            y[first + i, 0], y[first + i, 1], y[first + i, 2] = p[i], q[i], r[i]

    return block, size
