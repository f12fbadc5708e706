"""Axes to draw on: new ones if need be, and what all figures have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import import_optional
from .coordinates import math_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Beyond this ratio of height and width, units of the same length leave too little to see.
_LONGEST = 4.0


def require_matplotlib() -> None:
    """Raises VanillaflowError, saying how to install it, if matplotlib is missing."""
    import_optional("matplotlib", "plot", "drawing")


def axes_or_new(ax: Axes | None) -> Axes:
    """`ax`, or the axes of a new figure."""
    require_matplotlib()
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.figure(layout="constrained").add_subplot()


def dress_plane(ax: Axes, names: Sequence[str] = ()) -> None:
    """Both coordinates in the same unit, unless that would make a strip; and labels with their names."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    ratio = abs((top - bottom) / (right - left))
    if 1 / _LONGEST <= ratio <= _LONGEST:
        ax.set_aspect("equal")
    if names:
        ax.set(xlabel=math_text(names[0]), ylabel=math_text(names[1]))


def style_of(style: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """Keywords of a matplotlib collection: the defaults, or what `style` has under any of their names."""
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.collections import Collection

    given = normalize_kwargs(style, Collection)
    if "colors" in given:
        given["color"] = given.pop("colors")
    if given.keys() & {"color", "edgecolor"}:
        defaults.pop("color", None)
    if "color" in given:
        defaults = {name: value for name, value in defaults.items() if name not in ("edgecolor", "facecolor")}
    return defaults | given
