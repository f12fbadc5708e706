"""Where in the box a network is wrong, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ..display import palette
from ..target import Target
from ..validation import require_count
from .axes import axes_or_new, dress_plane
from .coordinates import coordinate_names
from .slices import slice_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 5000
# Of the scale; where linear pieces meet the exact flow the error goes to zero.
_DECADES = 2.0


def error_map(
    flow: Callable[[np.ndarray], np.ndarray],
    target: Target,
    *,
    ax: Axes | None = None,
    points: int = 201,
    dims: Sequence[int] = (0, 1),
    at: Float[np.ndarray, " d"] | Sequence[float] | None = None,
    log: bool = True,
    **style: Any,
) -> Axes:
    """Draw the error max_i |flow(x)_i - target(x)_i| over the target's box, or over a slice of it.

    It is computed at points^2 starting points x, faces of the box among them; the worst of them is marked,
    and named beside the colors. `certify` searches further, so its bound is no smaller for a box of two
    dimensions.

    Parameters
    ----------
    flow
        A PlanarFlow or FeedforwardNetwork, or any function (n, d) -> (n, d).
    target
        The exact flow.
    ax
        The axes; by default those of a new figure.
    points
        The number of points in each direction.
    dims
        The coordinates that vary, in more than two dimensions.
    at
        The point whose other coordinates the slice has; by default the center.
    log
        Whether colors stand for the logarithm, over two decades.
    **style
        Keywords of matplotlib's pcolormesh, such as cmap, vmin or vmax. The mesh is rasterized.

    Raises
    ------
    ValueError
        For dimensions, dims or a point `at` that do not fit.
    FlowLeavesDomain
        As the target does.
    """
    if getattr(flow, "dim", target.dim) != target.dim:
        raise ValueError(f"the flow has dimension {flow.dim} but the target has dimension {target.dim}")  # type: ignore[attr-defined]
    section = slice_of(target, None, dims, at)
    if require_count("points", points, _MOST) < 2:
        raise ValueError("an error map needs at least two points in each direction")
    ticks = np.linspace(section.plane.low, section.plane.high, points)
    grid = np.stack(np.meshgrid(ticks[:, 0], ticks[:, 1]), axis=-1).reshape(-1, 2)
    x = section.embed(grid)
    error = np.abs(flow(x) - target(x)).max(axis=1)
    worst = int(np.argmax(error))
    ax = axes_or_new(ax)
    mesh = ax.pcolormesh(
        ticks[:, 0],
        ticks[:, 1],
        error.reshape(points, points),
        **_colors(style, float(error[worst]), log),
    )
    # White on black, to be seen on every color; whole, on an edge of the box.
    for color, width in (("black", 2.6), ("white", 1.2)):
        ax.plot(*grid[worst], "o", ms=9, mec=color, mfc="none", mew=width, clip_on=False, zorder=5)
    low, high = section.plane.low, section.plane.high
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    names = coordinate_names(target, target.dim)
    dress_plane(ax, [names[i] for i in section.dims])
    ax.figure.colorbar(
        mesh,
        ax=ax,
        label=f"error (max norm), {error[worst]:.2g} at the circle",
        extend="min" if log else "neither",
    )
    return ax


def _colors(style: dict[str, Any], largest: float, log: bool) -> dict[str, Any]:
    """The user's keywords, and a scale up to the largest error unless they have one."""
    from matplotlib.colors import LogNorm, Normalize

    options: dict[str, Any] = {"cmap": palette.SCALE, "shading": "nearest", "rasterized": True} | style
    if "norm" not in options:
        # A map without error still needs a scale.
        high = options.pop("vmax", None) or largest or 1.0
        low = options.pop("vmin", None)
        if log:
            options["norm"] = LogNorm(low or high / 10**_DECADES, high, clip=True)
        else:
            options["norm"] = Normalize(low or 0.0, high)
    return options
