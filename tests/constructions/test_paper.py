"""The paper's literal construction: right where it is affordable, and an honest count where it is not."""

import numpy as np
import pytest

import vanillaflow as vf
from construction_cases import limits
from vanillaflow import (
    Box,
    FieldError,
    FlowLeavesDomain,
    FlowMap,
    PiecewiseField,
    RidgeField,
    ToleranceNotReached,
)
from vanillaflow.constructions.paper import Paper

SQUARE = Box([-1, -1], [1, 1])


def small_neural_ode(seed: int = 0) -> RidgeField:
    rng = np.random.default_rng(seed)
    return RidgeField.tanh(
        0.5 * rng.standard_normal((2, 3)), rng.standard_normal((3, 2)), rng.standard_normal(3)
    )


@pytest.mark.parametrize(
    ("field", "duration", "tolerance"),
    [
        (small_neural_ode(), 0.5, 5e-2),
        (PiecewiseField([small_neural_ode(1), small_neural_ode(2)], [0.2]), 0.5, 5e-2),
        (vf.zoo.pendulum().field, 0.2, 1e-1),
    ],
)
def test_within_tolerance_where_it_is_affordable(field, duration, tolerance):
    target = FlowMap(field, duration, SQUARE)
    made = Paper(target, limits()).within(tolerance)
    flow = made.flow
    x = SQUARE.sample(1024, seed=7)
    assert np.max(np.abs(flow(x) - target(x))) <= tolerance
    assert "Euler steps" in made.how and flow.domain == SQUARE
    # Every planar map moves one coordinate: the directions are a_ij e_j, seen in carried coordinates that
    # affine steps near the identity hardly turn.
    np.testing.assert_allclose(flow.inverse(flow(x)), x, rtol=0, atol=1e-9)


def test_the_count_that_it_reports_follows_the_law():
    """n ~ 1/tol Euler steps times K ~ tol^(-1/2) kinks: tol^(-3/2)."""
    target = vf.zoo.pendulum().target()
    needed = {}
    for tolerance in (1e-2, 1e-3, 1e-4):
        with pytest.raises(ToleranceNotReached, match=r"would need .* planar maps") as refusal:
            Paper(target, limits(1000)).within(tolerance)
        assert refusal.value.flow is None and refusal.value.error == np.inf
        needed[tolerance] = refusal.value.needed
    # Rounding K up to a whole number is worth some per cent at most.
    assert np.log10(needed[1e-3] / needed[1e-2]) == pytest.approx(1.5, abs=0.1)
    assert np.log10(needed[1e-4] / needed[1e-3]) == pytest.approx(1.5, abs=0.1)
    assert 1e4 < needed[1e-3] < 1e7


def test_the_count_is_what_it_builds():
    target = FlowMap(small_neural_ode(), 0.5, SQUARE)
    flow = Paper(target, limits()).within(5e-2).flow
    with pytest.raises(ToleranceNotReached) as refusal:
        Paper(target, limits(flow.kinks - 1)).within(5e-2)
    assert refusal.value.needed == flow.kinks


@pytest.mark.parametrize("tolerance", [1e-1, 1.0, 100.0])
@pytest.mark.parametrize(
    "field",
    [
        RidgeField([[-50.0, 0.0]], [[1.0, 0.3]], [0.1], "tanh"),
        RidgeField([[-0.5, 0.0]], [[1.0, 0.3]], [0.1], "tanh", A=[[-40.0, 0.0], [0.0, -1.0]]),
        RidgeField(np.zeros((0, 2)), np.zeros((0, 2)), [], [], A=[[-1.0, 0.0], [0.0, -1.0]]),
    ],
)
def test_steps_are_short_enough_to_be_invertible(field, tolerance):
    """However loose the tolerance: an Euler step of x' = -x of length 1 maps everything to zero."""
    target = FlowMap(field, 1.0, SQUARE)
    flow = Paper(target, limits()).within(tolerance).flow
    x = SQUARE.sample(64)
    assert np.max(np.abs(flow(x) - target(x))) <= tolerance
    assert np.all(flow.kappa > 0.25)


def test_refusals():
    with pytest.raises(FieldError, match="needs a RidgeField or PiecewiseField"):
        Paper(FlowMap(lambda t, x: -x, 1.0, SQUARE), limits(300)).within(1e-1)
    explosive = RidgeField([[1.0, 0.0]], [[1.0, 0.0]], [0.0], "power2")
    with pytest.raises(FlowLeavesDomain, match="started from"):
        Paper(FlowMap(explosive, 2.0, SQUARE), limits(300)).within(1e-1)
