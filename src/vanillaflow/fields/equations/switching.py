"""Parameters that are constant for a while: {"times": [1, 2], "values": [0, 1, 0]}."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import FieldError
from .names import checked_number

_KEYS = {"times", "values"}


@dataclass(frozen=True)
class PiecewiseConstant:
    """values[i] during [times[i-1], times[i]); the first value from time 0, the last for ever."""

    times: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, t: float) -> float:
        """The value at time t, from the right."""
        return self.values[int(np.searchsorted(self.times, t, side="right"))]


def piecewise_constant(what: str, given: Any) -> PiecewiseConstant:
    """A number, or a mapping with times and values, as a PiecewiseConstant."""
    if not isinstance(given, Mapping):
        return PiecewiseConstant((), (checked_number(what, given),))
    if set(given) != _KEYS or not all(isinstance(given[key], list | tuple) for key in _KEYS):
        raise FieldError(f"{what} must be a number or have the keys times and values, two lists")
    times, values = (
        tuple(checked_number(f"{what} {key}", v) for v in given[key]) for key in ("times", "values")
    )
    if len(values) != len(times) + 1:
        raise FieldError(f"{what} needs one value more than times, got {len(values)} and {len(times)}")
    if np.any(np.diff([0.0, *times]) <= 0):
        raise FieldError(f"{what}: times must be positive and increasing, got {list(times)}")
    return PiecewiseConstant(times, values)
