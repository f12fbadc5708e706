"""Dialects by name, as users write them: leaky_relu, leaky_relu(0.5), prelu, relu."""

from __future__ import annotations

import re

from ..choices import did_you_mean
from ..network.dialects import DIALECTS
from ..validation import require_finite

_WITH_SLOPE = re.compile(r"leaky_relu\s*\((.*)\)")


def read_dialect(text: str, slope: float | None = None) -> tuple[str, float | None]:
    """The name of the dialect and the one slope of all its layers, if it has one; `slope` may say it, too.

    Raises ValueError for an unknown dialect, a slope that is no number or differs from `slope`, and for a
    slope with a dialect that takes none.
    """
    name = text.strip()
    written = _WITH_SLOPE.fullmatch(name)
    if written:
        name = "leaky_relu"
        try:
            inside = float(require_finite(f"the slope of {text!r}", float(written[1])))
        except ValueError:
            raise ValueError(f"the slope of the dialect {text!r} is not a number") from None
        if slope is not None and slope != inside:
            raise ValueError(f"the dialect {text!r} and the slope {slope:g} contradict each other")
        slope = inside
    if name not in DIALECTS:
        raise ValueError(
            f"unknown dialect {text!r}; known are {', '.join(DIALECTS)} and leaky_relu(SLOPE)"
            + did_you_mean(name, DIALECTS)
        )
    if slope is not None and not DIALECTS[name].takes_slope:
        raise ValueError(f"the dialect {name} takes no slope; one for all layers is leaky_relu's")
    return name, slope
