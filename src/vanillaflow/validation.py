"""Checks of user-given numbers, with the same words everywhere."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np


def require_finite(name: str, value: Any) -> np.ndarray:
    """`value` as a float64 array; raises ValueError naming `name` if it has NaN, infinity or no numbers."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must be an array of real numbers: {error}") from None
    if not np.all(np.isfinite(array)):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0]) if array.ndim else ()
        raise ValueError(f"{name} must be finite, found {array[where]} at index {where}")
    return array


def require_positive(name: str, value: float) -> float:
    """`value` as a float; raises ValueError naming `name` unless it is a finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} must be a positive number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:  # An integer of more than 308 digits.
        raise ValueError(f"{name} must be at most 1.8e308, got a larger integer") from None
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return number


def require_count(name: str, value: int, most: int) -> int:
    """`value` as an int; raises ValueError naming `name` unless it is a whole number from 1 to `most`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not 1 <= value <= most:
        raise ValueError(f"{name} must be a whole number from 1 to {most}, got {value!r}")
    return int(value)


def require_fraction(name: str, value: float) -> float:
    """`value` as a float; raises ValueError naming `name` unless it is above zero and below one."""
    if require_positive(name, value) >= 1:
        raise ValueError(f"{name} must be within (0, 1), got {value:g}")
    return float(value)
