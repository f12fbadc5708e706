"""How many kinks to fit next, from how far the fits so far are from what is wanted.

The excess of a fit is its error over the wanted one; it falls with kinks^-order. Two fits tell the order, and
a fit on either side brackets the number sought. Fits are noisy (each ends in its own local minimum), so that
the bracket need not become narrow.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .settings import DEFAULTS, KinkCounts, Settings


def next_rung(excess: Mapping[int, float], max_kinks: int, settings: Settings = DEFAULTS) -> int | None:
    """The kinks to fit next, given the excess with those tried; None if the best of these is good enough.

    Also None if `max_kinks` or the number of fits leaves nothing to try.
    """
    own, many = settings.kink_counts, settings.many
    order = _order(excess, own)
    enough = min((kinks for kinks in excess if excess[kinks] <= 1), default=None)
    if enough is None:
        kinks = max(excess)
        most = own.most_growth if kinks <= many else own.most_growth_of_many
        factor = np.clip((excess[kinks] / own.aim) ** (1 / order), own.least_growth, most)
        if kinks * factor > many:
            # The first few kinks are often slow to help.
            order = max(order, own.order)
            factor = np.clip((excess[kinks] / own.aim) ** (1 / order), own.least_growth, most)
        return min(int(np.ceil(kinks * factor)), max_kinks) if kinks < max_kinks else None
    short = max((kinks for kinks in excess if kinks < enough), default=0)
    close = own.close if enough <= many else own.close_of_many
    near = enough <= max(own.next * short, short + 1)
    if excess[enough] >= close or near or len(excess) >= own.most_rungs:
        return None
    kinks = enough * (excess[enough] / own.aim) ** (1 / order)
    return int(np.clip(kinks, short + 1, enough - 1))


def _order(excess: Mapping[int, float], settings: KinkCounts) -> float:
    """From the two fits that are nearest to an excess of 1."""
    if len(excess) < 2:
        return settings.order
    low, high = sorted(sorted(excess, key=lambda kinks: abs(np.log(excess[kinks])))[:2])
    return float(np.clip(np.log(excess[low] / excess[high]) / np.log(high / low), *settings.order_range))
