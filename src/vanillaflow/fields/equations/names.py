"""Names and numbers that a user gives for a field: what they may be."""

from __future__ import annotations

import keyword
import numbers
import unicodedata
from typing import Any

import numpy as np

from ...errors import FieldError
from .functions import BY_NAME
from .orders import PRIME
from .parser import CONSTANTS

# Characters of a wrong value that an error repeats: enough to know it by.
_SHOWN = 80


def show(value: Any) -> str:
    """The value as Python writes it, cut where it is long; its type where that cannot be written, as an
    integer of thousands of digits."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"a huge {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def checked_name(kind: str, name: Any, primes: bool = False) -> str:
    """`name` in the normal form that Python's parser gives names, if it can be one; `kind` is for errors."""
    stem = name.rstrip(PRIME) if primes and isinstance(name, str) else name
    if not isinstance(stem, str) or not stem.isidentifier():
        raise FieldError(
            f"{kind} name {show(name)} is not a name; use letters, digits and _, starting with a letter"
        )
    if keyword.iskeyword(stem):
        raise FieldError(
            f"{kind} name {show(name)} is a word of the language; choose another, such as {stem}_"
        )
    if stem in BY_NAME or stem in CONSTANTS:
        taken = "function" if stem in BY_NAME else "constant"
        raise FieldError(
            f"{kind} name {show(name)} is taken by the {taken} {stem}; choose another, such as {stem}_"
        )
    return unicodedata.normalize("NFKC", stem) + name[len(stem) :]


def checked_number(what: str, value: Any) -> float:
    """`value` as a finite float."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise FieldError(f"{what} must be a number, got {show(value)}")
    try:
        result = float(value)
    except OverflowError:
        result = np.inf
    if not np.isfinite(result):
        raise FieldError(f"{what} must be finite, got {result}")
    return result


def checked_interval(what: str, value: Any) -> tuple[float, float]:
    """`value` as (low, high) with low < high."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise FieldError(f"{what} must be [low, high], got {show(value)}")
    low, high = (checked_number(what, bound) for bound in value)
    if not low < high:
        raise FieldError(f"{what}: low {low:g} must be below high {high:g}")
    return low, high
