"""The theorem in pictures: a grid bent map by map into its image under the flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..display.grid_lines import grid_lines
from ..planar.flow import PlanarFlow
from ..target import Target
from ..validation import require_count
from .axes import dress_plane, require_matplotlib
from .coordinates import coordinate_names, math_text
from .grid_images import add_lines, image_lines
from .slices import slice_of

_COLUMNS = 4
_MOST = 1000
_INCHES = 2.2


def layers(
    flow: PlanarFlow,
    steps: int = 6,
    *,
    target: Target | None = None,
    box: Box | None = None,
    lines: int = 17,
    points: int = 200,
    dims: Sequence[int] = (0, 1),
    at: Float[np.ndarray, " d"] | Sequence[float] | None = None,
    columns: int = _COLUMNS,
    **style: Any,
) -> np.ndarray:
    """Draw a grid over the box after 0, 1/steps, 2/steps, ..., all of the planar maps.

    The panels make a figure of their own and have the same limits. With fewer maps than steps there is a
    panel for each.

    Parameters
    ----------
    flow
        The flow.
    steps
        The number of steps.
    target
        The exact flow, if the last panel is to show the grid's image under it.
    box
        The box; by default the domain of the flow.
    lines
        The number of lines in each direction.
    points
        The number of points on each line.
    dims
        The coordinates that vary, as for `grid_image`.
    at
        The point whose other coordinates the slice has; by default the center.
    columns
        The largest number of panels side by side.
    **style
        As for `grid_image`.

    Returns
    -------
    array of Axes
        The panels, in their order; their figure is `axes[0].figure`.

    Raises
    ------
    ValueError
        As `grid_image` does, for less than one step or column, and for a target of another dimension.
    """
    section = slice_of(flow, box, dims, at)
    steps = require_count("steps", steps, _MOST)
    if target is not None and target.dim != flow.dim:
        raise ValueError(f"the flow has dimension {flow.dim} but the target has dimension {target.dim}")
    before = grid_lines(section.plane, lines, points)
    counts = np.round(np.linspace(0, flow.kinks, min(steps, max(flow.kinks, 1)) + 1))
    panels = [("starting points", before)]
    for k in counts[1:-1].astype(int).tolist():
        panels.append((f"{k} planar map{'s' * (k != 1)}", image_lines(flow[:k], section, before)))
    panels.append((_title(flow), image_lines(flow, section, before)))
    if target is not None:
        panels.append(("exact flow", image_lines(target, section, before)))
    require_matplotlib()
    import matplotlib.pyplot as plt

    columns = min(require_count("columns", columns, _MOST), len(panels))
    rows = -(-len(panels) // columns)
    low, high = _limits(np.stack([after for _, after in panels]))
    shape = np.clip((high[1] - low[1]) / (high[0] - low[0]), 1 / 2, 2)
    figure, grid = plt.subplots(
        rows, columns, sharex=True, sharey=True, squeeze=False,
        figsize=(_INCHES * columns, (_INCHES * shape + 0.2) * rows),
    )  # fmt: skip
    figure.set_layout_engine("constrained", h_pad=0.05)
    names = [math_text(coordinate_names(target or flow, flow.dim)[i]) for i in section.dims]
    for i, (ax, (title, after)) in enumerate(zip(grid.flat, panels)):
        add_lines(ax, after, style, linewidth=0.5)
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        dress_plane(ax)
        ax.set_title(title, fontsize="small")
        # The last panel of a column need not be in the last row.
        lowest = i + columns >= len(panels)
        ax.tick_params(labelbottom=lowest, labelsize="small")
        ax.set(xlabel=names[0] if lowest else "", ylabel=names[1] if i % columns == 0 else "")
    for ax in grid.flat[len(panels) :]:
        ax.set_visible(False)
    return grid.ravel()[: len(panels)]


def _title(flow: PlanarFlow) -> str:
    return f"the flow: all {flow.kinks}" + (", affine map" if np.any(flow.stops == flow.kinks) else "")


def _limits(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of all panels, with a little room around."""
    points = points.reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.04 * (high - low)
    return low - room, high + room
