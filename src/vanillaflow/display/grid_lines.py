"""The lines of a grid over a rectangle, as points along them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..validation import require_count

_MOST = 100_000


def grid_lines(plane: Box, lines: int, points: int) -> Float[np.ndarray, "2 lines points 2"]:
    """`lines` lines along the first coordinate, then as many along the second, `points` points on each.

    The outermost are the edges of the rectangle. Raises ValueError for fewer than two lines or points.
    """
    if require_count("lines", lines, _MOST) < 2 or require_count("points", points, _MOST) < 2:
        raise ValueError(f"a grid needs at least two lines and two points on each, got {lines} and {points}")
    (left, bottom), (right, top) = plane.low, plane.high
    along = np.meshgrid(np.linspace(bottom, top, lines), np.linspace(left, right, points), indexing="ij")
    across = np.meshgrid(np.linspace(left, right, lines), np.linspace(bottom, top, points), indexing="ij")
    return np.stack([np.stack(along[::-1], axis=-1), np.stack(across, axis=-1)])
