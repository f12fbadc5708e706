"""Blocks: ridge pieces that commute flow together.

The pieces a_i g_i(w_i.x + b_i) and a_j g_j(w_j.x + b_j) commute if w_i.a_j = 0 and w_j.a_i = 0: neither moves
what the other looks at. The flow of their sum is then the composition of their flows, in any order, and a
splitting has no error between them. So schemes split a field into blocks, not pieces: a reaction that acts at
every point of a grid by itself is one block, and takes one sub-flow where its pieces would take two each
(there and back). In the network the maps of a block share layers.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from ...fields.ridge import RidgeField
from .settings import DEFAULTS, Settings


def commuting_blocks(field: RidgeField, settings: Settings = DEFAULTS) -> list[tuple[int, ...]]:
    """The ridge pieces of the field in few blocks of pieces that commute, each in ascending order.

    Blocks are the colours of a colouring of the graph of pairs that do not commute: fewest is NP-hard, so
    that the piece with the most colours around it comes first (DSATUR, Brelaz 1979), and takes the first
    colour that it can. The blocks are in the order of their first pieces.
    """
    clash = _clashes(field, settings)
    count = field.ridges
    degree = clash.sum(axis=1)
    taken = np.zeros((count, 0), dtype=bool)  # [k, c]: a neighbour of piece k has colour c.
    colour = np.full(count, -1)
    for _ in range(count):
        around = taken.sum(axis=1)
        free = colour < 0
        most = free & (around == around[free].max())
        k = int(np.argmax(np.where(most, degree, -1)))
        open_colours = np.flatnonzero(~taken[k])
        if open_colours.size == 0:
            taken = np.concatenate([taken, np.zeros((count, 1), dtype=bool)], axis=1)
            open_colours = np.array([taken.shape[1] - 1])
        colour[k] = open_colours[0]
        taken[clash[k], colour[k]] = True
    blocks = [tuple(np.flatnonzero(colour == c).tolist()) for c in range(taken.shape[1])]
    return sorted(blocks)


def _clashes(field: RidgeField, settings: Settings) -> Bool[np.ndarray, "N N"]:
    """Whether two pieces do not commute."""
    size = np.outer(np.linalg.norm(field.w, axis=1), np.linalg.norm(field.a, axis=1))
    moved = np.abs(field.w @ field.a.T) > settings.commute * size
    clash = moved | moved.T
    np.fill_diagonal(clash, False)
    return clash
