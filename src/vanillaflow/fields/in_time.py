"""The values of a field: at one time, with what fails said in words, and at many times."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from ..deadline import check
from ..errors import FieldError, VanillaflowError
from ..validation import real_array

# Numbers worked on together.
_NUMBERS = 2**20


def values_at(field: Any, t: float, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """v(t, .) at the rows of x. Raises FieldError if the field fails or returns another shape."""
    try:
        with np.errstate(all="ignore"):
            v = real_array("its value", field(t, x)).astype(np.float64, copy=False)
    except VanillaflowError:
        raise
    except Exception as error:  # Whatever the user's code may raise.
        reason = next(iter(str(error).splitlines()), "")
        raise FieldError(f"the field fails at time {t:.6g}: {type(error).__name__}: {reason}") from error
    if v.shape != x.shape:
        raise FieldError(f"the field returned shape {v.shape} for points of shape {x.shape}")
    return v


def values_in_time(
    field: Any, times: Float[np.ndarray, " m"], x: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "m n d"]:
    """v(t, .) at the rows of x, for each of the times.

    A field that is `autonomous` is asked once. One with a method `at_times(times, x)` is asked for many times
    at once; it may answer None.
    """
    if getattr(field, "autonomous", False):
        return np.broadcast_to(values_at(field, 0.0, x), (len(times), *x.shape))
    count = max(1, _NUMBERS // max(x.size, 1))
    parts = [times[i : i + count] for i in range(0, len(times), count)]
    check()
    return np.concatenate([_together(field, part, x) for part in parts])


def _together(field: Any, times: np.ndarray, x: np.ndarray) -> np.ndarray:
    values = field.at_times(times, x) if hasattr(field, "at_times") else None
    return np.stack([_check(field, float(t), x) for t in times]) if values is None else values


def _check(field: Any, t: float, x: np.ndarray) -> np.ndarray:
    check()
    return values_at(field, t, x)
