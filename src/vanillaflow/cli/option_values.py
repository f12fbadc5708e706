"""Values that options of several commands take: how they are completed and checked."""

from __future__ import annotations

import typer

from ..choices import EFFORTS, did_you_mean
from ..constructions.registry import CONSTRUCTIONS
from ..errors import VanillaflowError
from ..network.dialects import DIALECTS
from .completion import among

complete_dialect = among(DIALECTS)
complete_method = among(CONSTRUCTIONS)
complete_effort = among(EFFORTS)


def known_method(method: str | None) -> str | None:
    """A method of `compile`, or None. Raises VanillaflowError for another."""
    if method is not None and method not in CONSTRUCTIONS:
        hint = did_you_mean(method, CONSTRUCTIONS)
        raise VanillaflowError(f"unknown method {method!r}; known are {', '.join(CONSTRUCTIONS)}{hint}")
    return method


def known_dialect(dialect: str, slope: float | None = None) -> tuple[str, float | None]:
    """The dialect's name, and the one slope if the name or the option says it."""
    from ..lowering.dialects import read_dialect
    from ..validation import require_fraction

    try:
        name, slope = read_dialect(dialect, slope)
        return name, None if slope is None else require_fraction("the one slope", slope)
    except ValueError as error:
        raise VanillaflowError(str(error)) from None


def effort_value(value: str | None) -> str | float | None:
    """One of EFFORTS, or seconds; raises BadParameter for another, or None if not given."""
    if value is None or value in EFFORTS:
        return value
    try:
        return positive(float(value))
    except ValueError:
        hint = did_you_mean(value, EFFORTS)
        known = f"{', '.join(EFFORTS)} and numbers of seconds"
        raise typer.BadParameter(f"unknown effort {value!r}; known are {known}{hint}") from None


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
