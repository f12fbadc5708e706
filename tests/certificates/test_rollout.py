"""Rollouts: repeated application, and how its error grows."""

import numpy as np
import pytest

import vanillaflow as vf
from flow_cases import random_flow
from zoo_cases import compiled, target


def test_a_rollout_is_repeated_application():
    flow = random_flow(3, 2, ["plain"] * 4, affine=1)
    x = flow.domain.sample(20, seed=0)
    states = flow.rollout(x, 3)
    assert states.shape == (4, 20, 2)
    np.testing.assert_array_equal(states[0], x)
    np.testing.assert_array_equal(states[3], flow(flow(flow(x))))
    np.testing.assert_array_equal(flow.rollout(x, 0), x[None])
    with pytest.raises(ValueError, match="steps must not be negative, got -1"):
        flow.rollout(x, -1)


def test_errors_of_an_affine_field_follow_the_geometric_sum():
    """A flow of x' = x that is off by e per step is off by e (q^n - 1) / (q - 1) after n, q = exp(T)."""
    field = vf.RidgeField(np.zeros((0, 1)), np.zeros((0, 1)), [], [], A=[[1.0]])
    exact = vf.FlowMap(field, 0.1, vf.Box([-1], [1]))
    q, e = np.exp(0.1), 1e-3
    none = np.zeros((0, 1))
    flow = vf.PlanarFlow(none, none, [], [0], [[[q]]], [[e]], domain=exact.domain)
    errors, counted = vf.rollout_errors(flow, exact, 5)
    n = np.arange(6)
    np.testing.assert_allclose(errors, e * (q**n - 1) / (q - 1), rtol=1e-6, atol=1e-12)
    # Those in [-q^-k, q^-k] are still in the box after k steps; of the boundary points none is.
    assert counted[0] == counted[1] == 1 and np.all(np.diff(counted[1:]) < 0)
    assert counted[5] == pytest.approx(q**-4 * 2 / 3, abs=2e-3)


def test_the_pendulum_stays_near_its_flow():
    """Damped, so that the error per step is hardly amplified: over ten steps it stays below ten times one."""
    flow, exact = compiled("pendulum"), target("pendulum")
    errors, counted = vf.rollout_errors(flow, exact, 10, points=256)
    single = vf.certify(flow, exact).bound
    assert errors[1] <= single and errors.max() < 10 * single
    assert counted[-1] > 0.5


def test_no_point_left_and_refusals():
    field = vf.RidgeField(np.zeros((0, 1)), np.zeros((0, 1)), [], [], c=[5.0])
    exact = vf.FlowMap(field, 1.0, vf.Box([0], [1]))
    errors, counted = vf.rollout_errors(vf.PlanarFlow.identity(1), exact, 3)
    assert errors[1] == pytest.approx(5.0) and np.isnan(errors[2:]).all()
    np.testing.assert_array_equal(counted, [1, 1, 0, 0])
    with pytest.raises(ValueError, match="the flow has dimension 2 but the target has dimension 1"):
        vf.rollout_errors(vf.PlanarFlow.identity(2), exact, 3)
    with pytest.raises(ValueError, match="steps must be positive"):
        vf.rollout_errors(vf.PlanarFlow.identity(1), exact, 0)
