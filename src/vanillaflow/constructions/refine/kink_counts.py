"""How many kinks to fit next, from how far the fits so far are from what is wanted.

The excess of a fit is its error over the wanted one; it falls with kinks^-order. Two fits tell the order, and
a fit on either side brackets the number sought. Fits are noisy (each ends in its own local minimum), so that
the bracket need not become narrow.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_ORDER, _ORDER_RANGE = 1.6, (1.0, 2.2)
# The excess aimed at.
_AIM = 0.93
_LEAST_GROWTH, _MOST_GROWTH = 1.1, 6.0
# Good enough is an excess from here to 1, or kinks so few times those of a fit that fell short.
_CLOSE, _NEXT = 0.8, 1.15
# With many kinks a fit takes minutes: better a few kinks too many than one fit more.
_MANY, _CLOSE_OF_MANY, _MOST_GROWTH_OF_MANY = 200, 0.6, 2.0
_MOST_RUNGS = 8


def next_rung(excess: Mapping[int, float], max_kinks: int) -> int | None:
    """The kinks to fit next, given the excess with those tried; None if the best of these is good enough.

    Also None if `max_kinks` or the number of fits leaves nothing to try.
    """
    order = _order(excess)
    enough = min((kinks for kinks in excess if excess[kinks] <= 1), default=None)
    if enough is None:
        kinks = max(excess)
        most = _MOST_GROWTH if kinks <= _MANY else _MOST_GROWTH_OF_MANY
        factor = np.clip((excess[kinks] / _AIM) ** (1 / order), _LEAST_GROWTH, most)
        if kinks * factor > _MANY:
            # The first few kinks are often slow to help.
            factor = np.clip((excess[kinks] / _AIM) ** (1 / max(order, _ORDER)), _LEAST_GROWTH, most)
        return min(int(np.ceil(kinks * factor)), max_kinks) if kinks < max_kinks else None
    short = max((kinks for kinks in excess if kinks < enough), default=0)
    close = _CLOSE if enough <= _MANY else _CLOSE_OF_MANY
    near = enough <= max(_NEXT * short, short + 1)
    if excess[enough] >= close or near or len(excess) >= _MOST_RUNGS:
        return None
    kinks = enough * (excess[enough] / _AIM) ** (1 / order)
    return int(np.clip(kinks, short + 1, enough - 1))


def _order(excess: Mapping[int, float]) -> float:
    """From the two fits that are nearest to an excess of 1."""
    if len(excess) < 2:
        return _ORDER
    low, high = sorted(sorted(excess, key=lambda kinks: abs(np.log(excess[kinks])))[:2])
    return float(np.clip(np.log(excess[low] / excess[high]) / np.log(high / low), *_ORDER_RANGE))
