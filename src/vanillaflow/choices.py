"""Names among which users choose, and what they may have meant.

They are apart from what they name, which takes a second or more to import: the command line offers them in
its help, and completes them while one types.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

CERTIFICATION_METHODS = ("sampled", "statistical", "rigorous")
"""How `certify` knows an error; the first is the default."""

EFFORTS = ("normal", "fast", "small")
"""What `compile` spends on fewer kinks after the first success; the first is the default."""

ZOO = (
    "pendulum",
    "van_der_pol",
    "duffing",
    "lotka_volterra",
    "fitzhugh_nagumo",
    "brusselator",
    "spiral_node",
    "hopfield",
    "lorenz",
    "kuramoto",
    "fput",
    "allen_cahn",
)
"""The systems of the zoo, smallest dimension first."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'pendulum'?` for the nearest of the known words, nothing if none is near."""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def file_nearby(path: Path) -> str:
    """The same for a file that is not there: the nearest name in its directory with the same ending."""
    try:
        found = [other.name for other in path.parent.iterdir() if other.suffix.lower() == path.suffix.lower()]
    except OSError:
        return ""
    return did_you_mean(path.name, found)
