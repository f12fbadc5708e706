"""Families of planar maps: consecutive ones along which a, w and t vary smoothly.

Each half of a ridge map made piecewise linear is a family, from the middle outwards (`ridge_start`). Families
may do more than that: their kinks need not be parallel. Few numbers describe a family, however many planar
maps it has. So families are fitted in a fraction of a second (`family_fit`), and sampled anew with more or
fewer planar maps at will.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.polynomial import chebyshev
from scipy.interpolate import make_interp_spline

from ..growth import states_and_adjoints
from ..parameters import Parameters, project

Counts = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Families:
    """Planar maps in pairs of families: `counts` tells how many planar maps each pair has.

    That is at least `least_count`: a pair of families has a planar map in each.
    """

    least_count: ClassVar[int] = 2
    parameters: Parameters
    counts: Counts

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many planar maps each family has, in order."""
        return _halves(self.counts)

    def bases(self, degree: int) -> list[Float[np.ndarray, "_ _"]]:
        """For each family the Chebyshev polynomials up to `degree`, at the places of its planar maps."""
        return [chebyshev.chebvander(_places(size), min(degree, size - 1)) for size in self.sizes]

    def resample(self, counts: Counts) -> Families:
        """The same families with other numbers of planar maps, the a per planar map in proportion."""
        theta, d = self.parameters, self.parameters.dim
        rows, first = [], 0
        for size, wanted in zip(self.sizes, _halves(counts)):
            own = slice(first, first + size)
            numbers = np.concatenate([theta.a[own] * size / wanted, theta.w[own], theta.t[own, None]], axis=1)
            rows.append(_interpolate(numbers, wanted))
            first += size
        a, w, t = np.split(np.concatenate(rows), [d, 2 * d], axis=1)
        return Families(project(a, w, t[:, 0], theta.M, theta.m, theta.held, theta.settings), counts)

    def scale(self, kinks: int) -> Families:
        """Resampled to so many planar maps in all, the shares as they are."""
        counts = np.round(np.array(self.counts) * kinks / sum(self.counts)).astype(int)
        counts = np.maximum(counts, self.least_count)
        counts[np.argmax(counts)] += kinks - counts.sum()
        return self.resample(tuple(int(count) for count in counts))

    def with_idle_pair(self, x: Float[np.ndarray, "n d"], at: int, w: np.ndarray, count: int) -> Families:
        """With a pair of families more, before the pair `at`: `count` planar maps that do nothing yet.

        Their kinks are orthogonal to w and cover the states that the points x have there.
        """
        theta = self.parameters
        before = sum(self.counts[:at])
        state, _ = states_and_adjoints(x, theta.a[:before], theta.w[:before], theta.t[:before], theta.M)
        s = state[before] @ w
        t = np.linspace(s.min(), s.max(), count + 2)[1:-1]
        right, left = t[count - count // 2 :], t[: count - count // 2][::-1]
        normals = np.repeat(np.array([w, -w]), [right.size, left.size], axis=0)
        idle = np.zeros((count, theta.dim))
        wider = theta.insert(np.full(count, before), idle, normals, np.concatenate([right, -left]))
        return Families(wider, (*self.counts[:at], count, *self.counts[at:]))


def _halves(counts: Counts) -> tuple[int, ...]:
    """Those of the planar maps of each pair that lie right of its middle, and those left of it."""
    return tuple(half for count in counts for half in (count // 2, count - count // 2) if half)


def _places(size: int) -> Float[np.ndarray, " size"]:
    return (2 * np.arange(size) + 1) / size - 1


def _interpolate(numbers: Float[np.ndarray, "k c"], wanted: int) -> Float[np.ndarray, "k2 c"]:
    """The numbers at other places. Polynomials would lose the steep ends of a profile."""
    if len(numbers) == 1:
        return np.repeat(numbers, wanted, axis=0)
    return make_interp_spline(_places(len(numbers)), numbers, k=1)(_places(wanted))
