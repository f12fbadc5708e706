"""Families finished: with fewer and fewer planar maps, while their maximum error is within the tolerance.

Sampled anew with any number of planar maps they are good starts for each finish, unlike what pruning leaves.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..finishing import finish
from ..parameters import Parameters
from ..search import Search
from .families import Families
from .search import best_families, refit


def finish_families(search: Search, known: Iterable[Families], kinks: int, goal: float) -> Parameters | None:
    """The fewest families within the tolerance, of fewer than `kinks` planar maps; None if there are none.

    Those `known` are fitted, best first, and a root mean square of `goal` promises the tolerance.
    """
    settings = search.settings.families
    if search.target.dim != 2 or not settings.fewest <= kinks <= settings.most or search.late():
        return None
    best, most, kinks = None, kinks, int((1 - settings.fewer) * kinks)
    rng = search.rng(kinks)
    part = search.samples(kinks).thin(settings.points_per_kink * kinks, rng)
    candidates = best_families(known, goal, kinks, part, rng, search.late, settings)
    missed, fewer = 0, settings.fewer
    while candidates and missed < kinks < most and missed < settings.near * most and not search.late():
        theta, error, first = _first_within(search, candidates, kinks)
        if error <= search.tolerance:
            best, most = theta, kinks
            candidates = [first, *(each for each in candidates if each is not first)]
        else:
            missed, fewer = kinks, fewer / 2
        if best is None:
            factor = max((error / search.tolerance) ** settings.exponent, settings.least_growth)
            kinks = max(int(missed * factor), missed + 1)
        else:
            kinks = max(most - max(1, int(fewer * most)), missed + 1)
    return best


def _first_within(
    search: Search, candidates: list[Families], kinks: int
) -> tuple[Parameters, float, Families]:
    """The first of the candidates within the tolerance, or the one nearest to it: finished, its error, it."""
    tried, hopeless = [], search.settings.families.hopeless
    for families in candidates:
        start = refit(families.scale(kinks), search.samples(kinks), search.late).parameters
        tried.append((*finish(start, search, search.rng(kinks), hopeless), families))
        if tried[-1][1] <= search.tolerance:
            break
    return min(tried, key=lambda entry: entry[1])
