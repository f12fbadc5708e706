"""max_seconds is kept by every method; and without it, or with more than enough, the result is the same."""

from dataclasses import replace

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow import compiler, deadline
from vanillaflow.constructions import attempts


@pytest.mark.parametrize(
    "options", [{"method": "split"}, {"method": "paper"}, {"method": "split", "slope": 0.5}]
)
def test_it_comes_back_in_time(options):
    target = vf.zoo.spiral_node().target()
    vf.compile(target, 0.3, method="split")  # Compiles the kernels.
    # It would take hours. How exactly the limit is kept is measured, see benchmarks/attack_seconds.py.
    with pytest.raises(vf.ToleranceNotReached):
        vf.compile(target, 1e-6, max_kinks=10**7, max_seconds=0.3, **options)


@pytest.mark.parametrize("method", ["refine", "ridge", "split", "paper"])
def test_with_no_time_at_all_there_is_the_affine_map(method, monkeypatch):
    monkeypatch.setattr(compiler, "_GRACE", 0.0)
    monkeypatch.setattr(attempts, "ATTEMPTS", replace(attempts.ATTEMPTS, last_seconds=60.0))
    target = vf.zoo.pendulum().target()
    with pytest.raises(vf.ToleranceNotReached, match=r"best flow found has error .*: time is up") as caught:
        vf.compile(target, 1e-6, method=method, max_seconds=1e-6)
    flow, error = caught.value.flow, caught.value.error
    x = target.domain.sample(512, seed=3)
    assert flow.kinks == 0 and 0 < np.abs(flow(x) - target(x)).max() <= 1.2 * error


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
        with deadline.extend(100.0):
            deadline.check()
        with pytest.raises(deadline.TimeIsUp):
            deadline.check()
    deadline.check()


@pytest.mark.parametrize("method", ["sampled", "statistical"])
def test_what_is_not_compared_at_all_points_is_not_stated(method):
    target = vf.zoo.pendulum().target()
    with pytest.raises(vf.VanillaflowError, match="1e-06 s are too few to compare at all points"):
        vf.certify(vf.PlanarFlow.identity(2, target.domain), target, method, max_seconds=1e-6)
