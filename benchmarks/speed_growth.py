"""How the time of the runtime grows with kinks, dimension, points and threads; each with its exponent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from speed_kernel import random_flow, seconds_of

from vanillaflow.runtime.threads import own_threads

_KINKS, _DIM, _POINTS = 50, 2, 100_000
_KINK_COUNTS = (10, 20, 40, 80, 160, 320)
_DIMS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 64)
_POINT_COUNTS = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Growth:
    """Seconds against one quantity, all else fixed. exponent : of time over the second half of the values."""

    quantity: str
    fixed: str
    values: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def exponent(self) -> float:
        late = slice((len(self.values) - 1) // 2, None)
        return float(np.polyfit(np.log(self.values[late]), np.log(self.seconds[late]), 1)[0])


def growths() -> list[Growth]:
    """float32, on one thread; threads on two too."""
    of_points = f"{_KINKS} kinks, d = {_DIM}"
    return [
        _growth("kinks", f"d = {_DIM}, {_POINTS:,} points", _KINK_COUNTS, lambda v: (v, _DIM, _POINTS)),
        _growth("d", f"{_KINKS} kinks, 10,000 points", _DIMS, lambda v: (_KINKS, v, 10_000)),
        _growth("points", of_points, _POINT_COUNTS, lambda v: (_KINKS, _DIM, v)),
        _growth("threads", f"{of_points}, 10^6 points", (1, 2), lambda v: (_KINKS, _DIM, 10**6), True),
    ]


def _growth(quantity, fixed, values, case, threads: bool = False) -> Growth:
    seconds = []
    for value in values:
        kinks, d, n = case(value)
        flow = random_flow(kinks, d)
        x = np.random.default_rng(1).uniform(-1, 1, (n, d)).astype(np.float32)
        out = np.empty_like(x)
        with own_threads(value if threads else 1):
            seconds.append(seconds_of({"flow": lambda f=flow, x=x, y=out: f(x, out=y)}, 15)["flow"])
    return Growth(quantity, fixed, values, tuple(seconds))
