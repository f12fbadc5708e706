"""Runge's fourth-order method written by hand for each field and compiled by numba: float32, both cores.

Points are taken in blocks that stay in the first-level cache, and the loop over a block is vector code.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numba import njit, prange

from .numba_lattice import allen_cahn
from .numba_network import network
from .numba_small import hopfield, pendulum
from .peer import STEPS, Peer, Points, Problem, Run

# Each gives (block, size): block(x, y, first, last, steps) sends the rows first to last of x, at most `size`
# of them, to those of y.
_FORMS = {"pendulum": pendulum, "hopfield": hopfield, "network": network, "allen_cahn": allen_cahn}


class NumbaRK4(Peer):
    name = "numba RK4"
    packages = ("numba",)

    def ladder(self, problem: Problem) -> tuple[int, ...]:
        return STEPS

    def build(self, problem: Problem, setting: int) -> Run:
        block, blocks, size = _kernels(problem)

        def run(x: Points) -> Points:
            y = np.empty_like(x)
            if len(x) <= size:
                block(x, y, 0, len(x), setting)
            else:
                blocks(x, y, setting)
            return y

        return run


@lru_cache
def _kernels(problem: Problem) -> tuple[Callable, Callable, int]:
    """For one block in this thread, for all blocks in all threads, and the largest size of a block."""
    block, size = _FORMS[problem.form](problem)

    @njit(parallel=True)
    def blocks(x, y, steps):
        n = len(x)
        for i in prange((n + size - 1) // size):
            block(x, y, i * size, min(n, (i + 1) * size), steps)

    return block, blocks, size
