"""The binomial bounds against tables, scipy's own, and their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from vanillaflow.certificates.binomial import (
    largest_fraction,
    order_statistic,
    sample_size,
    smallest_fraction,
)


@pytest.mark.parametrize(
    ("exceedances", "points", "low", "high"),
    [
        # Two-sided 95 %, as tables of Clopper and Pearson print them.
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (10, 100, 0.0490, 0.1762),
    ],
)
def test_the_table_of_clopper_and_pearson(exceedances, points, low, high):
    assert smallest_fraction(exceedances, points, 0.975) == pytest.approx(low, abs=5e-5)
    assert largest_fraction(exceedances, points, 0.975) == pytest.approx(high, abs=5e-5)


@given(st.data())
def test_limits_agree_with_scipy(data):
    points = data.draw(st.integers(1, 5000))
    exceedances = data.draw(st.integers(0, points))
    confidence = data.draw(st.sampled_from([0.5, 0.9, 0.95, 0.999]))
    for ours, alternative, theirs in (
        (largest_fraction, "less", lambda interval: interval.high),
        (smallest_fraction, "greater", lambda interval: interval.low),
    ):
        interval = binomtest(exceedances, points, alternative=alternative).proportion_ci(confidence, "exact")
        assert ours(exceedances, points, confidence) == pytest.approx(theirs(interval), rel=1e-9, abs=1e-12)


@given(st.integers(1, 10**6), st.floats(1e-6, 1 - 1e-6))
def test_without_exceedances_the_limit_has_a_closed_form(points, confidence):
    p = largest_fraction(0, points, confidence)
    assert p == pytest.approx(-np.expm1(np.log1p(-confidence) / points), rel=1e-9)
    assert p <= -np.log1p(-confidence) / points * (1 + 1e-9)


@pytest.mark.parametrize(
    ("confidence", "coverage", "needed"),
    # Wilks's sample sizes: 59 for 95/95 is the one that engineers know by heart.
    [
        (0.95, 0.95, 59),
        (0.95, 0.9, 29),
        (0.95, 0.99, 299),
        (0.99, 0.95, 90),
        (0.99, 0.99, 459),
        (0.75, 0.5, 2),
    ],
)
def test_wilks_sample_sizes(confidence, coverage, needed):
    assert sample_size(confidence, coverage) == needed
    assert order_statistic(needed, confidence, coverage) == needed
    if needed > 2:
        with pytest.raises(
            ValueError, match=f"{needed - 1} points are too few .* at least {needed} are needed"
        ):
            order_statistic(needed - 1, confidence, coverage)


@pytest.mark.parametrize(("points", "left_out"), [(59, 0), (93, 1), (124, 2), (153, 3), (181, 4), (208, 5)])
def test_wilks_higher_orders(points, left_out):
    """The sizes at which one more of the largest values can be left out, for 95/95."""
    assert order_statistic(points, 0.95, 0.95) == points - left_out
    if points > 59:
        assert order_statistic(points - 1, 0.95, 0.95) == points - left_out


@settings(max_examples=200)
@given(st.integers(1, 3000), st.floats(0.01, 0.9999), st.floats(0.01, 0.9999))
def test_the_order_statistic_is_the_smallest_that_will_do(points, confidence, coverage):
    if points < sample_size(confidence, coverage):
        with pytest.raises(ValueError, match="are too few"):
            order_statistic(points, confidence, coverage)
        return
    k = order_statistic(points, confidence, coverage)
    risk = 1 - confidence
    assert binom.sf(k - 1, points, coverage) <= risk * (1 + 1e-8)
    assert k == 1 or binom.sf(k - 2, points, coverage) > risk * (1 - 1e-8)
    # The same by Clopper and Pearson.
    assert largest_fraction(points - k, points, confidence) <= (1 - coverage) + 1e-8
    # The coverage of the largest is that for which only the largest will do.
    assert order_statistic(points, confidence, 1 - largest_fraction(0, points, confidence)) == points


@pytest.mark.parametrize("wrong", [0.0, 1.0, -0.1, 1.1, np.nan, np.inf, True, "0.9", None])
def test_confidence_and_coverage_are_within_0_and_1(wrong):
    for call in (
        lambda: sample_size(wrong, 0.9),
        lambda: sample_size(0.9, wrong),
        lambda: largest_fraction(0, 10, wrong),
        lambda: smallest_fraction(0, 10, wrong),
    ):
        with pytest.raises(ValueError, match=r"(confidence|coverage) must be"):
            call()


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True, 10**9])
def test_numbers_of_points(wrong):
    for call in (lambda: order_statistic(wrong, 0.9, 0.5), lambda: largest_fraction(0, wrong, 0.9)):
        with pytest.raises(ValueError, match="points must be a whole number"):
            call()
    with pytest.raises(ValueError, match="exceedances must be a whole number from 1 to 10, got 11"):
        largest_fraction(11, 10, 0.9)
