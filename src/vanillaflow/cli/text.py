"""Plain text for the terminal: aligned rows, sizes; and boxes and one-line messages, as in files."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from ..text import box_text as box_text
from ..text import one_line as one_line

_WIDTH = 100
_LABEL = 12


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


def size_text(count: int) -> str:
    """A file's size."""
    return (
        f"{count} bytes"
        if count < 1000
        else f"{count / 1000:.1f} kB"
        if count < 1e6
        else f"{count / 1e6:.1f} MB"
    )
