"""The kinks of a flow, as they lie among its starting points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..display import palette
from ..planar.arrangement import arrangement
from ..planar.flow import PlanarFlow
from .axes import axes_or_new, dress_plane, style_of
from .coordinates import coordinate_names
from .slices import slice_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def kink_lines(
    flow: PlanarFlow,
    box: Box | None = None,
    *,
    ax: Axes | None = None,
    dims: Sequence[int] = (0, 1),
    at: Float[np.ndarray, " d"] | Sequence[float] | None = None,
    **style: Any,
) -> Axes:
    """Draw the kink arrangement: every kink's hyperplane, pulled back to the starting points of the box.

    Planar map l bends the flow where w_l.x - t_l = 0 for the state x before it. Among starting points that
    is a line for the first map, and for the others a line broken at the kinks before them. Between the lines
    the flow is affine. They are exact, up to rounding, and colored by l, from the first map to the last. A
    kink on top of an earlier one is not drawn again.

    Parameters
    ----------
    flow
        The flow.
    box
        The box; by default the domain of the flow.
    ax
        The axes; by default those of a new figure.
    dims
        The coordinates that vary, in more than two dimensions.
    at
        The point whose other coordinates the slice has; by default the center.
    **style
        Keywords of matplotlib's LineCollection; with a `color` there are no colors of depth. With
        rasterized=True the lines of thousands of kinks make a small file.

    Raises
    ------
    ValueError
        For a box, dims or a point `at` that do not fit, and for a flow of more than a million pieces.
    TypeError
        For anything but a PlanarFlow.
    """
    if not isinstance(flow, PlanarFlow):
        raise TypeError(f"kink_lines needs a PlanarFlow, as compile returns it, got {type(flow).__name__}")
    section = slice_of(flow, box, dims, at)
    found = arrangement(flow, section.plane, section.at, section.dims)
    curves = found.curves()
    ax = axes_or_new(ax)
    from matplotlib.collections import LineCollection
    from matplotlib.colors import Normalize

    style = style_of(style, linewidth=0.8, cmap=_dark_scale())
    plain = bool(style.keys() & {"color", "edgecolor"})
    if plain:
        style.pop("cmap")
    lines = LineCollection([found.points[curve] for _, curve in curves], **style)
    if not plain:
        lines.set_array(np.array([depth + 1 for depth, _ in curves]))
        lines.set_norm(style.get("norm") or Normalize(1, max(flow.kinks, 2)))
    ax.add_collection(lines)
    low, high = section.plane.low, section.plane.high
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    names = coordinate_names(flow, flow.dim)
    dress_plane(ax, [names[i] for i in section.dims])
    if not plain:
        ax.figure.colorbar(lines, ax=ax, label="planar map")
    return ax


def _dark_scale() -> Any:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps[palette.SCALE](np.linspace(0, palette.DARK, 256)))
