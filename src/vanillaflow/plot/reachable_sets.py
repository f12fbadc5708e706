"""Reachable sets, as the zonotopes that they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..display import palette
from .axes import axes_or_new, dress_plane, style_of
from .coordinates import coordinate_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..verification.reachable import ReachableSet


def reachable_set(set: ReachableSet, *, ax: Axes | None = None, **style: Any) -> Axes:
    """Draw the zonotopes of a reachable set in the plane, each a polygon.

    Parameters
    ----------
    set
        The reachable set.
    ax
        The axes; by default those of a new figure.
    **style
        Keywords of matplotlib's PolyCollection.

    Raises
    ------
    ValueError
        Unless the set has two dimensions.
    """
    polygons = set.polygons()
    ax = axes_or_new(ax)
    from matplotlib.collections import PolyCollection

    style = style_of(style, facecolor=palette.SKY, edgecolor=palette.BLUE, linewidth=0.3)
    ax.add_collection(PolyCollection(polygons, **style))
    ax.autoscale_view()
    dress_plane(ax, coordinate_names(set, set.dim))
    return ax
