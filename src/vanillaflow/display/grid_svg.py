"""The image of a box's grid as a small SVG, for pages: plain text, the same for the same flow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from ..box import Box
from . import palette
from .grid_lines import grid_lines

_LINES, _POINTS = 13, 49
# Numbers in the picture are whole: this many across.
_UNITS = 1000
_LONGEST = 4.0


def grid_svg(f: Callable[[np.ndarray], np.ndarray], box: Box, pixels: int = 200) -> str:
    """An <svg> element: the grid of a box in the plane, in the page's color, and its image under f.

    At most 20 kB. Empty if a point of the grid has no finite image. Raises ValueError unless the box has two
    dimensions.
    """
    if box.dim != 2:
        raise ValueError(f"a picture of a grid needs two dimensions, the box has {box.dim}")
    before = grid_lines(box, _LINES, _POINTS)
    after = np.asarray(f(before.reshape(-1, 2)), dtype=np.float64).reshape(before.shape)
    if not np.all(np.isfinite(after)):
        return ""
    scale, low, size = _frame(np.stack([before, after]).reshape(-1, 2))

    def draw(lines: np.ndarray) -> str:
        # Pages count downwards.
        x, y = np.moveaxis(np.rint((lines - low) * scale).astype(int), -1, 0)
        return "".join(_path(line) for line in np.stack([x, size[1] - y], axis=-1))

    width, height = size * pixels / max(size)
    paths = [
        ("currentColor", 'stroke-opacity="0.25"', before[:, :, [0, -1]].reshape(-1, 2, 2)),
        (palette.FIRST, "", after[0]),
        (palette.SECOND, "", after[1]),
    ]
    room = _UNITS // 50
    return (
        f'<svg role="img" aria-label="A grid of starting points, and its image" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="{-room} {-room} {size[0] + 2 * room} {size[1] + 2 * room}" '
        'fill="none" stroke-width="1.2">'
        + "".join(
            f'<path stroke="{color}" {more} vector-effect="non-scaling-stroke" d="{draw(lines)}"/>'
            for color, more, lines in paths
        )
        + "</svg>"
    )


def _frame(points: Float[np.ndarray, "n 2"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units of the picture per unit of the coordinates, the corner, and the size in units of the picture.

    Both coordinates have the same scale, unless that would make a strip.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    width = high - low
    strip = width.max() > _LONGEST * width.min()
    scale = _UNITS / (width if strip else np.full(2, width.max()))
    return scale, low, np.rint(width * scale).astype(int)


def _path(line: Int[np.ndarray, "n 2"]) -> str:
    """The line as steps from one point to the next, without those that lead nowhere."""
    steps = np.diff(line, axis=0)
    steps = steps[np.any(steps != 0, axis=1)]
    written = " ".join(f"{x} {y}" for x, y in steps.tolist())
    return f"M{line[0, 0]} {line[0, 1]}l{written}" if written else ""
