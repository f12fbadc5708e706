"""A large batch in parts, so that what is computed for one of them stays in the cache."""

from __future__ import annotations

import numpy as np

from .peer import Points, Run


def in_blocks(run: Run, size: int) -> Run:
    """`run` for at most `size` points at a time."""

    def blocks(x: Points) -> Points:
        if len(x) <= size:
            return run(x)
        y = np.empty_like(x)
        for i in range(0, len(x), size):
            y[i : i + size] = run(x[i : i + size])
        return y

    return blocks
