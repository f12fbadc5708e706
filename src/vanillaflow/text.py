"""Plain text for people, on terminals and in files: one-line messages, boxes, ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from .box import Box


# Coordinates of a point in a line.
_SHOWN = 8


def one_line(message: str) -> str:
    """The message on one line, with control characters (of a file's name, say) made visible."""
    words = " ".join(message.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)


def box_text(box: Box) -> str:
    """`[-2, 2]^2`, or the product of the intervals where they differ."""
    intervals = [f"[{low:g}, {high:g}]" for low, high in zip(box.low, box.high)]
    if len(set(intervals)) == 1:
        return intervals[0] + (f"^{box.dim}" if box.dim > 1 else "")
    runs: list[list[str]] = []
    for interval in intervals:
        if runs and runs[-1][0] == interval:
            runs[-1].append(interval)
        else:
            runs.append([interval])
    return " x ".join(run[0] + (f"^{len(run)}" if len(run) > 1 else "") for run in runs)


def range_text(values: np.ndarray) -> str:
    """`smallest .. largest`."""
    if values.size == 0:
        return "none"
    return f"{values.min():.4g} .. {values.max():.4g}"


def point_text(point: Float[np.ndarray, " d"]) -> str:
    """`(1, -0.5)`; of a point with many coordinates only the first."""
    shown = [f"{v:.4g}" for v in point[:_SHOWN]] + ["..."] * (point.size > _SHOWN)
    return f"({', '.join(shown)})"
