"""Provenance: what a flow or network was compiled from, how, and how accurate it was measured to be."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from . import __version__
from .errors import FileFormatError

_TYPES: dict[str, Any] = dict.fromkeys(("system", "method", "version"), str) | {
    "duration": int | float,
    "tolerance": int | float | None,
    "error": int | float | None,
    "error_method": str | None,
    "seconds": int | float | None,
}
# What each method of `certify` knows about the supremum.
_HOW_KNOWN = {"sampled": "found by sampling and a local search, so a lower bound of the supremum"}


@dataclass(frozen=True)
class Provenance:
    """The origin of a PlanarFlow, which lowering and every exported file keep.

    Attributes
    ----------
    system, duration, method, tolerance : str, float, str, and float or None
        The system's name, the duration, and the method and tolerance of the compilation.
    error
        The supremum error over the box (max norm).
    error_method
        How the error is known ("sampled": a lower bound found by search).
    seconds
        How long the compilation took.
    path
        The stages of the compilation as (stage, kinks, error).
    version
        The version of vanillaflow.
    """

    system: str
    duration: float
    method: str
    tolerance: float | None = None
    error: float | None = None
    error_method: str | None = None
    seconds: float | None = None
    path: tuple[tuple[str, int, float], ...] = field(default=())
    version: str = __version__

    @property
    def how_known(self) -> str:
        """How the error is known, in words."""
        return _HOW_KNOWN.get(self.error_method or "", self.error_method or "no method recorded")

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Provenance:
        """Read what `to_json` writes. Raises FileFormatError for any other text."""
        try:
            values: dict[str, Any] = json.loads(text)
            values["path"] = tuple((str(s), int(k), float(e)) for s, k, e in values.get("path", ()))
            for name, kind in _TYPES.items():
                if name in values and not isinstance(values[name], kind):
                    raise TypeError(f"{name} is {values[name]!r}")
            return cls(**values)
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            raise FileFormatError(f"the provenance in this file cannot be read: {error}") from None
