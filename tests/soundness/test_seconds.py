"""max_seconds is kept by every method; and without it, or with more than enough, the result is the same."""

from time import perf_counter

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow import deadline

# Given so much, back after 1.1 times that and two seconds more.
LIMIT = 0.3


@pytest.mark.parametrize(
    "options", [{"method": "split"}, {"method": "paper"}, {"method": "split", "slope": 0.5}]
)
def test_it_comes_back_in_time(options):
    target = vf.zoo.spiral_node().target()
    vf.compile(target, 0.3, method="split")  # Compiles the kernels.
    begun = perf_counter()
    with pytest.raises(vf.ToleranceNotReached):
        vf.compile(target, 1e-6, max_kinks=10**7, max_seconds=LIMIT, **options)
    assert perf_counter() - begun < 1.1 * LIMIT + 2


def test_a_limit_that_is_not_reached_changes_nothing():
    target = vf.zoo.pendulum().target()
    one, other = (vf.compile(target, 0.1, "split", max_seconds=s) for s in (np.inf, 1000.0))
    np.testing.assert_array_equal(one.a, other.a)
    np.testing.assert_array_equal(one.t, other.t)


def test_deadlines_within_one_another():
    deadline.check()
    with deadline.within(np.inf):
        deadline.check()
    with deadline.within(0.0):
        with pytest.raises(deadline.TimeIsUp), deadline.within(100.0):
            deadline.check()
        with deadline.extended(100.0):
            deadline.check()
        with pytest.raises(deadline.TimeIsUp):
            deadline.check()
    deadline.check()
