"""Checks of the numbers that options take, as callbacks for Typer."""

from __future__ import annotations

import typer


def positive(value: float | None) -> float | None:
    """The value; raises BadParameter unless it is positive and finite, or not given."""
    from ..validation import require_positive

    try:
        return None if value is None else require_positive("it", value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def fraction(value: float | None) -> float | None:
    """The value; raises BadParameter unless it is within (0, 1), or not given."""
    from ..validation import require_fraction

    try:
        return None if value is None else require_fraction("it", value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
