"""Boxes that tile a box: equal ones first, then bisected; and the record from which all of it follows."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from ..box import Box
from .forms import ROUNDING, TINY, UP

# Centers and halves.
Boxes = tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]]


def first_cells(domain: Box, count: int) -> Boxes:
    """Centers and halves of about `count` equal cells that cover the box."""
    per_axis = max(1, round(count ** (1 / domain.dim)))
    half = domain.width / per_axis / 2
    digits = per_axis ** np.arange(domain.dim - 1, -1, -1)
    steps = np.arange(per_axis**domain.dim)[:, None] // digits % per_axis
    centers = domain.low + half * (2 * steps + 1)
    halves = np.broadcast_to(half * UP, centers.shape) + ROUNDING * np.abs(centers) + TINY
    return centers, halves


def halve(
    centers: Float[np.ndarray, "n d"], halves: Float[np.ndarray, "n d"], axis: Int[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "m d"], Float[np.ndarray, "m d"]]:
    """Centers and halves of the two parts of each cell, cut across its `axis`, first all the lower parts.

    The parts overlap by a rounding, so that they cover the cell.
    """
    rows = np.arange(len(centers))
    halves = halves.copy()
    step = np.zeros_like(halves)
    step[rows, axis] = 0.5 * halves[rows, axis]
    both = np.concatenate([centers - step, centers + step])
    halves[rows, axis] = step[rows, axis] * UP
    return both, np.concatenate([halves, halves]) + ROUNDING * np.abs(both) + TINY


class Bisections:
    """Rounds of bisections of a list of boxes. Those of a round leave the list, and their parts come at its
    end: first all the lower parts, then the upper ones.

    A list of boxes that is said to come from others by such rounds does, if `replayed` gives it: then it
    covers what they cover.
    """

    def __init__(self) -> None:
        self.rounds: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, index: Int[np.ndarray, " k"], axis: Int[np.ndarray, " k"]) -> None:
        """A round: the boxes `index` of the list, each cut across its `axis`."""
        if len(index):
            self.rounds.append((index, axis))

    def arrays(self) -> dict[str, np.ndarray]:
        """The boxes and axes of all rounds, and how many each has; see `of`."""
        none = np.zeros(0, dtype=np.int64)
        index, axis = (np.concatenate([none, *(r[part] for r in self.rounds)]) for part in (0, 1))
        return {"index": index, "axis": axis, "counts": np.array([len(r[0]) for r in self.rounds], np.int64)}

    @staticmethod
    def of(
        index: Int[np.ndarray, " k"], axis: Int[np.ndarray, " k"], counts: Int[np.ndarray, " r"]
    ) -> Bisections:
        """What `arrays` gave. Raises ValueError if the counts do not add up."""
        if np.any(counts <= 0) or len(index) != len(axis) or counts.sum() != len(index):
            raise ValueError("the rounds of its bisections do not add up")
        made, ends = Bisections(), np.cumsum(counts)[:-1]
        for part in zip(np.split(index, ends), np.split(axis, ends)) if len(counts) else ():
            made.add(*part)
        return made

    def replay(
        self, centers: Float[np.ndarray, "n d"], halves: Float[np.ndarray, "n d"]
    ) -> tuple[Float[np.ndarray, "m d"], Float[np.ndarray, "m d"], Int[np.ndarray, " m"]]:
        """The list that comes from these boxes, and of which of them each is a part.

        Raises ValueError where a round cuts a box that is not there, or twice, or across no axis.
        """
        root = np.arange(len(centers))
        for index, axis in self.rounds:
            there = (index >= 0) & (index < len(centers)) & (axis >= 0) & (axis < centers.shape[1])
            if not there.all() or len(np.unique(index)) < len(index):
                raise ValueError("its bisections cut boxes that are not there")
            parts = halve(centers[index], halves[index], axis)
            centers = np.concatenate([np.delete(centers, index, axis=0), parts[0]])
            halves = np.concatenate([np.delete(halves, index, axis=0), parts[1]])
            root = np.concatenate([np.delete(root, index), root[index], root[index]])
        return centers, halves, root
