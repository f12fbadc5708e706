"""A plane through a box: two coordinates vary, the others are held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..validation import require_finite


@dataclass(frozen=True, eq=False)
class Slice:
    """The points of a box whose coordinates other than `dims` are those of `at` (d,)."""

    box: Box
    dims: tuple[int, int]
    at: Float[np.ndarray, " d"]

    @property
    def plane(self) -> Box:
        """The box in the two coordinates."""
        return Box(self.box.low[list(self.dims)], self.box.high[list(self.dims)])

    def embed(self, u: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n d"]:
        """The points of the box whose two coordinates are the rows of u."""
        x = np.tile(self.at, (len(u), 1))
        x[:, self.dims] = u
        return x

    def project(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n 2"]:
        """The two coordinates of the rows of x."""
        return x[:, self.dims]


def slice_of(
    thing: Any,
    box: Box | None = None,
    dims: Sequence[int] = (0, 1),
    at: Float[np.ndarray, " d"] | Sequence[float] | None = None,
) -> Slice:
    """The slice through `at`, by default the center, of `box`, by default the domain of `thing`.

    Raises ValueError if there is no box, it is not one of at least two dimensions, it is of another dimension
    than `thing`, `dims` are not two different coordinates, or `at` is not a point of the box.
    """
    box = getattr(thing, "domain", None) if box is None else box
    if box is None:
        raise ValueError("this map has no domain; pass the box to draw")
    d = box.dim
    if getattr(thing, "dim", d) != d:
        raise ValueError(f"the map has dimension {thing.dim} but the box has dimension {d}")
    if d < 2:
        raise ValueError(f"a picture of a plane needs two dimensions or more, the box has {d}")
    dims = tuple(dims)
    valid = all(isinstance(i, int | np.integer) and 0 <= i < d for i in dims)
    if len(dims) != 2 or not valid or dims[0] == dims[1]:
        raise ValueError(f"dims must be two different coordinates of 0..{d - 1}, got {dims}")
    at = box.center if at is None else require_finite("at", at)
    if at.shape != (d,):
        raise ValueError(f"at must be a point of {d} coordinates, got shape {at.shape}")
    held = np.setdiff1d(np.arange(d), dims)
    if np.any(at[held] < box.low[held]) or np.any(at[held] > box.high[held]):
        raise ValueError(f"at must be a point of the box {box}, got {at.tolist()}")
    return Slice(box, (int(dims[0]), int(dims[1])), at)
