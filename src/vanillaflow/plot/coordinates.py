"""What the coordinates are called, and how that is set."""

from __future__ import annotations

import re
from typing import Any

_GREEK = re.compile(
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi|chi|"
    "psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
)
# A letter of Latin or Greek, the number that follows, and primes of derivatives.
_SYMBOL = re.compile(rf"([A-Za-z]|{_GREEK.pattern})_?(\d*)('*)")


def coordinate_names(thing: Any, dim: int) -> tuple[str, ...]:
    """A FlowMap's own; those of the system of the zoo that it is or was compiled from; or x1, x2, ..."""
    names = getattr(thing, "variables", ()) or _zoo_names(thing, dim)
    return tuple(names) or tuple(f"x{i + 1}" for i in range(dim))


def _zoo_names(thing: Any, dim: int) -> tuple[str, ...]:
    from ..systems import zoo

    provenance = getattr(thing, "provenance", None)
    name = getattr(thing, "name", None) if provenance is None else provenance.system
    if name not in zoo.names():
        return ()
    system, duration = zoo.load(name), getattr(provenance or thing, "duration", None)
    # Somebody else's system may have the same name.
    same = (system.domain.dim, system.duration) == (dim, duration)
    return system.variables if same else ()


def math_text(name: str) -> str:
    """theta1 and x'' as mathematics; longer names as they are."""
    found = _SYMBOL.fullmatch(name)
    if found is None:
        # matplotlib would take dollars for the ends of a formula.
        return name.replace("$", r"\$")
    letter, number, primes = found.groups()
    symbol = rf"\{letter}" if _GREEK.fullmatch(letter) else letter
    return f"${symbol}{f'_{{{number}}}' if number else ''}{primes}$"
