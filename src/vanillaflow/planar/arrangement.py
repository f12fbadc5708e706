"""The kink arrangement of a planar flow: the linear pieces of the flow on a rectangle of a plane, exactly.

The rectangle is cut map by map. On every cell so far the state before planar map l is an affine function of
the plane's coordinates, so the kink, where w_l.x - t_l = 0, crosses the cell in a straight line, if at all. A
cell is known by its corners and their states: what lies between them is their interpolation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..box import Box
from .flow import PlanarFlow

# A corner counts as on a kink if its height is this small beside the numbers that it is the sum of.
_ON_KINK = 1e-12
MAX_CELLS = 1_000_000


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Convex cells that cover a rectangle and overlap in their edges only; the flow is affine on each.

    A kink that lies on an earlier one, or on an edge of the rectangle, has no segments there.

    Attributes
    ----------
    points, images : (V, 2) and (V, d) arrays
        The corners of the cells, in the plane, and the flow's values there.
    corners
        Indices into the points, cell after cell, each counterclockwise.
    starts
        C + 1 indices: cell c has `corners[starts[c]:starts[c + 1]]`.
    segments
        Indices into the points: the parts of the kinks, each the cut through one cell.
    depth
        The planar map, 0..L-1, whose kink each segment is a part of.
    """

    points: Float[np.ndarray, "V 2"]
    images: Float[np.ndarray, "V d"]
    corners: Int[np.ndarray, " E"]
    starts: Int[np.ndarray, " _"]
    segments: Int[np.ndarray, "S 2"]
    depth: Int[np.ndarray, " S"]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def cells(self) -> Iterator[Int[np.ndarray, " v"]]:
        """The corners of each cell, as indices into the points."""
        return (self.corners[begin:end] for begin, end in zip(self.starts[:-1], self.starts[1:]))

    def areas(self, of: Float[np.ndarray, "V 2"] | None = None) -> Float[np.ndarray, " C"]:
        """The area of each cell; with the images in place of the points, the signed area of its image."""
        p = self.points if of is None else of
        x, y = p[self.corners].T
        following = _following(self.starts)
        return np.add.reduceat(x * y[following] - y * x[following], self.starts[:-1]) / 2

    def curves(self) -> list[tuple[int, Int[np.ndarray, " v"]]]:
        """The kinks as connected curves: the planar map, and indices into the points along the curve."""
        ends = np.searchsorted(self.depth, np.unique(self.depth), side="right")
        begins = np.concatenate([[0], ends[:-1]]).astype(int)
        return [
            (int(self.depth[begin]), curve)
            for begin, end in zip(begins, ends)
            for curve in _chains(self.segments[begin:end].tolist())
        ]


def arrangement(
    flow: PlanarFlow,
    box: Box,
    origin: Float[np.ndarray, " d"] | None = None,
    dims: tuple[int, int] = (0, 1),
    max_cells: int = MAX_CELLS,
) -> Arrangement:
    """The kinks and linear pieces of the flow on `box`, a box in the plane of the coordinates `dims`.

    The other coordinates are those of `origin` (d,), which may be left out in two dimensions. L kinks make up
    to (L^2 + L + 2) / 2 pieces, if none is met twice. Raises ValueError beyond `max_cells`.
    """
    low, high = box.low, box.high
    points = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
    images = np.tile(np.zeros(flow.dim) if origin is None else origin, (4, 1))
    images[:, list(dims)] = points
    corners, starts = np.arange(4), np.array([0, 4])
    segments, depth = [np.zeros((0, 2), dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for layer in range(flow.kinks + 1):
        for j in range(*np.searchsorted(flow.stops, [layer, layer + 1])):
            images = images @ flow.M[j].T + flow.m[j]
        if layer == flow.kinks:
            break
        a, w, t = flow.a[layer], flow.w[layer], flow.t[layer]
        if np.any(a) and np.any(w):
            z = _heights(images, w, t)
            points, images, corners, starts, found = _cut(points, images, corners, starts, z)
            segments.append(found)
            depth.append(np.full(len(found), layer))
        images = images + np.outer(np.maximum(images @ w - t, 0), a)
        if len(starts) > max_cells + 1:
            raise ValueError(
                f"the first {layer + 1} of {flow.kinks} kinks make more than {max_cells} linear pieces; "
                "choose a smaller box, or a part of the flow, such as flow[:100]"
            )
    return Arrangement(points, images, corners, starts, np.concatenate(segments), np.concatenate(depth))


def _heights(x: np.ndarray, w: np.ndarray, t: float) -> np.ndarray:
    """w.x - t, or 0 where that is no more than rounding: a sliver of a cell would be cut off."""
    z = x @ w - t
    return np.where(np.abs(z) <= _ON_KINK * (np.abs(x) @ np.abs(w) + abs(t)), 0.0, z)


def _following(starts: np.ndarray) -> np.ndarray:
    """For each place in `corners`, the place of the next corner of the same cell."""
    following = np.arange(1, starts[-1] + 1)
    following[starts[1:] - 1] = starts[:-1]
    return following


def _cut(
    points: np.ndarray, images: np.ndarray, corners: np.ndarray, starts: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, ...]:
    """The cells cut where the heights z of their corners change sign, and the cuts, pairs of corners.

    An edge belongs to two cells and is cut once, so that cells go on sharing their corners.
    """
    counts = np.diff(starts)
    cell = np.repeat(np.arange(len(counts)), counts)
    above, below = (np.logical_or.reduceat(side[corners], starts[:-1]) for side in (z > 0, z < 0))
    whole = ~(above & below)
    if whole.all():
        return points, images, corners, starts, np.zeros((0, 2), dtype=np.int64)
    inside = ~whole[cell]
    here, there = corners[inside], corners[_following(starts)][inside]
    crossed = np.flatnonzero(z[here] * z[there] < 0)
    edges = np.sort(np.stack([here[crossed], there[crossed]], axis=1), axis=1)
    _, first, which = np.unique(
        edges[:, 0] * len(points) + edges[:, 1], return_index=True, return_inverse=True
    )
    p, q = edges[first].T
    part = (z[p] / (z[p] - z[q]))[:, None]
    cycle = np.insert(here, crossed + 1, len(points) + which)
    owner = np.insert(cell[inside], crossed + 1, cell[inside][crossed])
    points = np.concatenate([points, points[p] + part * (points[q] - points[p])])
    images = np.concatenate([images, images[p] + part * (images[q] - images[p])])
    z = np.concatenate([z, np.zeros(len(p))])
    sides = (z[cycle] >= 0, z[cycle] <= 0)
    corners = np.concatenate([corners[~inside], *(cycle[side] for side in sides)])
    sizes = [counts[whole], *(np.diff(_beginnings(owner[side])) for side in sides)]
    starts = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    on = z[cycle] == 0
    return points, images, corners, starts, _ends(cycle[on], owner[on], points)


def _beginnings(cell: np.ndarray) -> np.ndarray:
    """Where each run of equal numbers begins, and the end of the last."""
    return np.concatenate([[0], np.flatnonzero(np.diff(cell)) + 1, [len(cell)]])


def _ends(corners: np.ndarray, cell: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The corners on the kink, two in each cell; of more, nearly in line, the two farthest apart."""
    begins = _beginnings(cell)
    counts, begins = np.diff(begins), begins[:-1]
    ends = np.stack([corners[begins], corners[begins + 1]], axis=1)
    for i in np.flatnonzero(counts > 2):
        some = corners[begins[i] : begins[i] + counts[i]]
        apart = np.linalg.norm(points[some][:, None] - points[some], axis=2)
        ends[i] = some[list(np.unravel_index(np.argmax(apart), apart.shape))]
    return ends


def _chains(segments: list[list[int]]) -> list[np.ndarray]:
    """The segments joined at common ends, where two of them meet, into curves; closed ones end where they
    begin."""
    at: dict[int, list[int]] = {}
    for index, segment in enumerate(segments):
        for end in segment:
            at.setdefault(end, []).append(index)
    used = [False] * len(segments)
    ends = [v for v, meeting in at.items() if len(meeting) != 2]
    curves = []
    # First from the ends of open curves; what is left over then is closed.
    for start in [*ends, *at]:
        for first in at[start]:
            curve, index = [start], first
            while not used[index]:
                used[index] = True
                p, q = segments[index]
                curve.append(q if p == curve[-1] else p)
                meeting = at[curve[-1]]
                if len(meeting) != 2:
                    break
                index = meeting[0] if meeting[1] == index else meeting[1]
            if len(curve) > 1:
                curves.append(np.array(curve))
    return curves
