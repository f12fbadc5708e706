"""Equations of any order as equations of the first: x'' = f is x' = y, y' = f, where y is called x' again.

Python's parser, which reads the texts, takes a prime for a quotation mark. While it reads, the prime is
another character, a letter to it, as wide as the prime so that places in the text stay where they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import FieldError

PRIME = "'"
MAX_ORDER = 8
# MODIFIER LETTER PRIME, which may stand in a name.
_LETTER = "\N{MODIFIER LETTER PRIME}"


def first_order(equations: Mapping[Any, Any]) -> dict[Any, Any]:
    """The coordinates, in order, with the texts of their derivatives.

    An equation for "x''" makes the coordinates "x" and "x'"; one for "x" or "x'" the coordinate "x" alone.
    Raises FieldError for two equations for one variable, and for orders above MAX_ORDER.
    """
    coordinates: dict[Any, Any] = {}
    for key, text in equations.items():
        name = key.rstrip(PRIME) if isinstance(key, str) else key
        order = max(1, len(key) - len(name)) if isinstance(key, str) else 1
        if name in coordinates:
            raise FieldError(f"there are two equations for {name!r}; each variable has one")
        if order > MAX_ORDER:
            raise FieldError(
                f"the equation for {key!r} is of order {order}; at most {MAX_ORDER} is supported"
            )
        for i in range(order - 1):
            coordinates[name + i * PRIME] = name + (i + 1) * PRIME
        coordinates[name + (order - 1) * PRIME if order > 1 else name] = text
    return coordinates


def label(coordinate: str, equations: Mapping[Any, Any]) -> str:
    """What the user called the equation for the derivative of this coordinate."""
    return coordinate if coordinate in equations else coordinate + PRIME


def derivative(key: str) -> str:
    """The left-hand side of the equation that the user called `key`: x' for x or x', x'' for x''."""
    return key if key.endswith(PRIME) else key + PRIME


def encode_primes(text: str) -> str:
    """The text with letters for the primes that follow a name."""
    characters = list(text)
    for i, character in enumerate(characters):
        # The letter is alphanumeric itself.
        if character == PRIME and i and (characters[i - 1].isalnum() or characters[i - 1] == "_"):
            characters[i] = _LETTER
    return "".join(characters)


def decode_primes(text: str) -> str:
    """`encode_primes` backwards."""
    return text.replace(_LETTER, PRIME)
