"""A field at many times: at once, where it can."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

# Numbers worked on together.
_NUMBERS = 2**20


def values_in_time(
    field: Any, times: Float[np.ndarray, " m"], x: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "m n d"]:
    """v(t, .) at the rows of x, for each of the times.

    A field that is `autonomous` is asked once, one with a method `at_times(times, x)` for many times at once.
    """
    with np.errstate(all="ignore"):
        if getattr(field, "autonomous", False):
            return np.broadcast_to(field(0.0, x), (len(times), *x.shape))
        if hasattr(field, "at_times"):
            count = max(1, _NUMBERS // max(x.size, 1))
            parts = [times[i : i + count] for i in range(0, len(times), count)]
            return np.concatenate([field.at_times(part, x) for part in parts])
        return np.stack([np.asarray(field(float(t), x), dtype=np.float64) for t in times])
