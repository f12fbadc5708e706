"""Which families, and how many planar maps for each: found by trial, as families are fitted so fast.

Least squares moves planar maps within a family, never from one to another. Two or three pairs of families do
most of the work; a weak pair whose kinks turn, put in between, takes up what they leave with few planar maps.
The trials are judged by a p-norm with large p: what has the least root mean square need not have the least
maximum.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np

from ....runtime.threads import side_by_side
from ....sampling.samples import Samples, p_norm
from ...construction import Stop
from .families import LEAST_COUNT, Families
from .fit import fit_families

# A weak pair, this part of all planar maps, joins the fewest pairs that come this near to the goal alone.
_WEAK, _ENOUGH, _DIRECTIONS = 0.07, 10.0, 8
_WEAK_DEGREES, _WEAK_STEPS = (1, 3, 5), 20
_POINTS, _KNOWN = 2500, 4
# Trials are fitted at these p, one after the other.
_POWERS, _DEGREE, _STEPS = (2.0, 4.0, 16.0), 8, 12
_PLACES, _LAST_PLACES = 8, 2
# Planar maps that move from one pair to another at once: this part of all, then half as many, down to one.
_MOVED, _LEAST_MOVE = 1 / 36, 1
_LEAST_GAIN = 3e-3
_LAST_POWERS = (8.0, 16.0, 32.0)

Judged = tuple[Families, float]


def best_families(
    known: Iterable[Families], goal: float, kinks: int, samples: Samples, rng: np.random.Generator, stop: Stop
) -> list[Families]:
    """The best few found with `kinks` planar maps, for a root mean square of `goal`, best first.

    They come from those that are `known`, best first, with or without a weak pair more.
    """
    part = samples.thinned(_POINTS, rng)
    bases = [families.scaled(kinks) for families in known if min(families.counts) >= LEAST_COUNT]
    near = [base for base in bases if _error(base, part) <= _ENOUGH * goal]
    tried = side_by_side([partial(_fitted, base, part, (2.0,), stop) for base in bases[:_KNOWN]])
    if near:
        tried += _with_weak_pair(min(near, key=lambda base: len(base.counts)), part, stop)
    best = [families for families, _ in sorted(tried, key=lambda entry: entry[1])[:_PLACES]]
    tried = side_by_side([partial(_fitted, each, samples, _POWERS, stop) for each in best])
    best = [families for families, _ in sorted(tried, key=lambda entry: entry[1])[:_LAST_PLACES]]
    tried = side_by_side([partial(_shared, each, samples, stop) for each in best])
    return [families for families, _ in sorted(tried, key=lambda entry: entry[1])]


def refitted(families: Families, samples: Samples, stop: Stop) -> Families:
    """The families with a lower maximum error."""
    return _fitted(families, samples, _LAST_POWERS, stop)[0]


def _error(families: Families, samples: Samples) -> float:
    return p_norm(families.parameters(samples.x) - samples.y, 2)


def _fitted(families: Families, samples: Samples, powers: tuple[float, ...], stop: Stop) -> Judged:
    norm = np.inf
    for p in powers:
        families, norm = fit_families(families, samples, p, _DEGREE, _STEPS, stop)
    return families, norm


def _with_weak_pair(base: Families, part: Samples, stop: Stop) -> list[Judged]:
    """One more pair before, between or after those of `base`, in each direction, fitted."""
    kinks = sum(base.counts)
    count = max(2 * LEAST_COUNT, round(_WEAK * kinks))
    smaller = base.scaled(kinks - count)
    angles = np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS

    def fitted(at: int, angle: float) -> Judged:
        w = np.array([np.cos(angle), np.sin(angle)])
        weak, norm = smaller.with_idle_pair(part.x, at, w, count), np.inf
        for degree in _WEAK_DEGREES:
            weak, norm = fit_families(weak, part, 2.0, degree, _WEAK_STEPS, stop)
        return weak, norm

    places = range(len(smaller.counts) + 1)
    return side_by_side([partial(fitted, at, angle) for at in places for angle in angles])


def _shared(families: Families, samples: Samples, stop: Stop) -> Judged:
    """Planar maps moved from pair to pair while that lowers the norm."""
    families, norm = _fitted(families, samples, _POWERS[-1:], stop)
    move = max(_LEAST_MOVE, round(_MOVED * sum(families.counts)))
    tried = {families.counts}
    while move >= _LEAST_MOVE and not stop():
        improved = False
        for to in range(len(families.counts)):
            for source in range(len(families.counts)):
                counts = list(families.counts)
                counts[to] += move
                counts[source] -= move
                if to == source or counts[source] < LEAST_COUNT or tuple(counts) in tried:
                    continue
                tried.add(tuple(counts))
                moved, value = _fitted(families.resampled(tuple(counts)), samples, _POWERS[1:], stop)
                if value < (1 - _LEAST_GAIN) * norm:
                    families, norm, improved = moved, value, True
        if not improved:
            move //= 2
    return families, norm
