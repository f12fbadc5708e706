"""The grid of a box, and where a map carries it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..display import palette
from ..display.grid_lines import grid_lines
from .axes import axes_or_new, dress_plane, style_of
from .coordinates import coordinate_names
from .slices import Slice, slice_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def grid_image(
    f: Callable[[np.ndarray], np.ndarray],
    box: Box | None = None,
    *,
    ax: Axes | None = None,
    lines: int = 17,
    points: int = 200,
    dims: Sequence[int] = (0, 1),
    at: Float[np.ndarray, " d"] | Sequence[float] | None = None,
    **style: Any,
) -> Axes:
    """Draw a grid over the box in grey, and its image under f.

    Blue are the lines along the first coordinate, vermilion those along the second.

    Parameters
    ----------
    f
        A PlanarFlow, FeedforwardNetwork or FlowMap, or any function (n, d) -> (n, d).
    box
        The box; by default the domain of f.
    ax
        The axes; by default those of a new figure.
    lines
        The number of lines in each direction, the edges of the box among them.
    points
        The number of points on each line.
    dims
        The coordinates that vary; the image is projected on the same.
    at
        The point whose other coordinates the slice has; by default the center.
    **style
        Keywords of matplotlib's LineCollection, for the image's lines.

    Raises
    ------
    ValueError
        For a box, dims or a point `at` that do not fit, and as f does.
    """
    section = slice_of(f, box, dims, at)
    before = grid_lines(section.plane, lines, points)
    after = image_lines(f, section, before)
    ax = axes_or_new(ax)
    add_lines(ax, before[:, :, [0, -1]], {}, color=palette.BEFORE, linewidth=0.6, label="box", zorder=1)
    add_lines(ax, after, style, label="image")
    ax.autoscale_view()
    names = coordinate_names(f, section.box.dim)
    dress_plane(ax, [names[i] for i in section.dims])
    return ax


def image_lines(
    f: Callable[[np.ndarray], np.ndarray], section: Slice, lines: Float[np.ndarray, "2 m n 2"]
) -> Float[np.ndarray, "2 m n 2"]:
    """The lines in the slice, mapped by f and projected back."""
    x = section.embed(lines.reshape(-1, 2))
    y = np.asarray(f(x), dtype=np.float64)
    if y.shape != x.shape:
        raise ValueError(f"the map returned shape {y.shape} for points of shape {x.shape}")
    return section.project(y).reshape(lines.shape)


def add_lines(ax: Axes, lines: Float[np.ndarray, "2 m n 2"], style: dict[str, Any], **defaults: Any) -> None:
    """Draw lines along the first and along the second coordinate, by default in their colors."""
    from matplotlib.collections import LineCollection

    colors = [palette.FIRST] * lines.shape[1] + [palette.SECOND] * lines.shape[1]
    options = style_of(style, **({"color": colors, "linewidth": 0.9} | defaults))
    ax.add_collection(LineCollection(list(lines.reshape(-1, *lines.shape[2:])), **options))
