"""The constructions by name: one line each. Nothing is imported before it is asked for.

The command line offers these names in its help, and completes them while one types.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from ..choices import did_you_mean

if TYPE_CHECKING:
    from .construction import Construction


@dataclass(frozen=True)
class Entry:
    """Where a construction is, as `module:class` within this folder, and what it does, in a clause."""

    place: str
    summary: str

    def load(self) -> type[Construction]:
        """The class."""
        module, name = self.place.split(":")
        return getattr(import_module(f"{__package__}.{module}"), name)


# The first is the default.
CONSTRUCTIONS = {
    "anytime": Entry(
        "anytime:Anytime", "the first flow within the tolerance, then a smaller one, as --effort says"
    ),
    "refine": Entry("refine.construction:Refine", "planar maps fitted to the flow: the fewest kinks"),
    "ridge": Entry("ridge.construction:Ridge", "few smooth ridge maps, made piecewise linear: the fastest"),
    "split": Entry("split.construction:Split", "exact flows of the field's ridge pieces in turn"),
    "paper": Entry("paper:Paper", "the literal construction of arXiv:2209.10909, a baseline"),
}


def construction(name: str) -> type[Construction]:
    """The construction of that name; raises ValueError, suggesting the nearest, if there is none."""
    if name not in CONSTRUCTIONS:
        raise ValueError(
            f"unknown method {name!r}; known are {', '.join(CONSTRUCTIONS)}"
            + did_you_mean(name, CONSTRUCTIONS)
        )
    return CONSTRUCTIONS[name].load()
