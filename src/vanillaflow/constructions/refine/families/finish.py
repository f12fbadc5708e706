"""Families finished: with fewer and fewer planar maps, while their maximum error is within the tolerance.

Sampled anew with any number of planar maps they are good starts for each finish, unlike what pruning leaves.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..finishing import finished
from ..parameters import Parameters
from ..search import Search
from .families import Families
from .search import best_families, refitted

# Families are judged by trial. With fewer kinks other ways are as good, with more the trials take too long.
_FEWEST, _MOST = 60, 200
# The points of trials, for each planar map.
_POINTS_PER_KINK = 50
# So much fewer planar maps at first than least squares promise, and then; halved where that was too many.
_FEWER = 0.06
# Where the first are too few: kinks ~ error^1/4, at least so much. A finish that was given up would have
# ended with less than its error.
_EXPONENT, _LEAST_GROWTH = 0.25, 1.02
# Not down to hardly more than have been too few.
_NEAR = 0.975
# The maximum of families falls late, so they are given up late.
_HOPELESS = ((12.0, 1.6), (24.0, 1.35), (48.0, 1.15), (64.0, 1.06))


def finished_families(
    search: Search, known: Iterable[Families], kinks: int, goal: float
) -> Parameters | None:
    """The fewest families within the tolerance, of fewer than `kinks` planar maps; None if there are none.

    Those `known` are fitted, best first, and a root mean square of `goal` promises the tolerance.
    """
    if search.target.dim != 2 or not _FEWEST <= kinks <= _MOST or search.late():
        return None
    best, most, kinks = None, kinks, int((1 - _FEWER) * kinks)
    rng = search.rng(kinks)
    part = search.samples(kinks).thinned(_POINTS_PER_KINK * kinks, rng)
    candidates = best_families(known, goal, kinks, part, rng, search.late)
    missed, fewer = 0, _FEWER
    while candidates and missed < kinks < most and missed < _NEAR * most and not search.late():
        theta, error, first = _first_within(search, candidates, kinks)
        if error <= search.tolerance:
            best, most = theta, kinks
            candidates = [first, *(each for each in candidates if each is not first)]
        else:
            missed, fewer = kinks, fewer / 2
        if best is None:
            factor = max((error / search.tolerance) ** _EXPONENT, _LEAST_GROWTH)
            kinks = max(int(missed * factor), missed + 1)
        else:
            kinks = max(most - max(1, int(fewer * most)), missed + 1)
    return best


def _first_within(
    search: Search, candidates: list[Families], kinks: int
) -> tuple[Parameters, float, Families]:
    """The first of the candidates within the tolerance, or the one nearest to it: finished, its error, it."""
    tried = []
    for families in candidates:
        start = refitted(families.scaled(kinks), search.samples(kinks), search.late).parameters
        tried.append((*finished(start, search, search.rng(kinks), _HOPELESS), families))
        if tried[-1][1] <= search.tolerance:
            break
    return min(tried, key=lambda entry: entry[1])
