"""Plain text for people: aligned rows, numbers, boxes, one-line messages."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from ..box import Box

_WIDTH = 100
_LABEL = 12


def one_line(message: str) -> str:
    """The message on one line, with control characters (of a file's name, say) made visible."""
    words = " ".join(message.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)


def rows(pairs: Iterable[tuple[str, str]]) -> str:
    """One `label  text` per line; long texts are continued below their beginning."""
    lines = []
    for label, text in pairs:
        start = f"  {label:<{_LABEL}}"
        lines += textwrap.wrap(
            one_line(text), _WIDTH, initial_indent=start, subsequent_indent=" " * len(start),
            break_long_words=False, break_on_hyphens=False,
        ) or [start]  # fmt: skip
    return "\n".join(lines)


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


def size_text(count: int) -> str:
    """A file's size."""
    return (
        f"{count} bytes"
        if count < 1000
        else f"{count / 1000:.1f} kB"
        if count < 1e6
        else f"{count / 1e6:.1f} MB"
    )
