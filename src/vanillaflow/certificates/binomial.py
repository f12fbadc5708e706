"""What n independent points say of the part of a box where an error is large: exact binomial bounds.

Let F(e) be the part of the box, by volume, where the error is at most e, and e_(1) <= ... <= e_(n) the errors
at n independent uniform points, in order. Whatever the error is as a function,

    P( F(e_(k)) < q )  <=  P( Bin(n, q) >= k ),

with equality where F is continuous: F(e_(k)) lies below q only if at least k of the points fall where F of
the error does, a part of the box of volume at most q. So e_(k) bounds the error on a part q of the box with
confidence 1 - P(Bin(n, q) >= k); for the largest of all, k = n, that is 1 - q^n. Wilks, "Determination of
sample sizes for setting tolerance limits", Ann. Math. Statist. 12 (1941). 1 - q is the limit of Clopper and
Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26
(1934), for n - k points above the bound.
"""

from __future__ import annotations

from bisect import bisect_left
from math import ceil, log, log1p

from scipy.special import betainc, betaincinv

from ..validation import require_count, require_fraction

MOST_POINTS = 10**7
# A risk this much, relatively, above the one allowed is rounding: the coverage of the largest error is only
# known to so many digits.
_ROUNDING = 1e-9


def sample_size(confidence: float, coverage: float) -> int:
    """The smallest n for which the largest of n errors will do: coverage^n <= 1 - confidence.

    n = log(1 - confidence) / log(coverage), rounded up. Raises ValueError for bad arguments.
    """
    risk_log = log1p(-require_fraction("confidence", confidence))
    exact = risk_log / log(require_fraction("coverage", coverage))
    return max(1, ceil(exact * (1 - _ROUNDING)))


def order_statistic(points: int, confidence: float, coverage: float) -> int:
    """The smallest k for which e_(k) of `points` errors bounds the error on a part `coverage` of the box.

    That is the smallest with P(Bin(points, coverage) >= k) <= 1 - confidence. Raises ValueError for bad
    arguments, and saying how many points are needed where there is no such k.
    """
    require_count("points", points, MOST_POINTS)
    needed = sample_size(confidence, coverage)
    if points < needed:
        raise ValueError(
            f"{points} points are too few for confidence {confidence!r} and coverage {coverage!r}; "
            f"at least {needed} are needed"
        )
    risk = (1 - confidence) * (1 + _ROUNDING)

    def will_do(k: int) -> bool:
        # P(Bin(n, q) >= k), as the incomplete beta function I_q(k, n - k + 1); it falls with k.
        return bool(betainc(k, points - k + 1, coverage) <= risk)

    return 1 + bisect_left(range(1, points), True, key=will_do)


def largest_fraction(exceedances: int, points: int, confidence: float) -> float:
    """The upper limit of Clopper and Pearson for the part of the box where `exceedances` of `points` fell.

    The p with P(Bin(points, p) <= exceedances) = 1 - confidence; 1 if all points fell there. If none did,
    it is 1 - (1 - confidence)^(1/points), about log(1/(1 - confidence)) / points. Raises ValueError for bad
    arguments.
    """
    _require_exceedances(exceedances, points)
    require_fraction("confidence", confidence)
    if exceedances == points:
        return 1.0
    return float(betaincinv(exceedances + 1, points - exceedances, confidence))


def smallest_fraction(exceedances: int, points: int, confidence: float) -> float:
    """The lower limit of Clopper and Pearson: the p with P(Bin(points, p) >= exceedances) = 1 - confidence.

    0 if no point fell there. Raises ValueError for bad arguments.
    """
    _require_exceedances(exceedances, points)
    require_fraction("confidence", confidence)
    if exceedances == 0:
        return 0.0
    return float(betaincinv(exceedances, points - exceedances + 1, 1 - confidence))


def _require_exceedances(exceedances: int, points: int) -> None:
    require_count("points", points, MOST_POINTS)
    if exceedances != 0:
        require_count("exceedances", exceedances, points)
