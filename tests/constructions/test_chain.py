"""Laws of compile(times=...): every flow within the tolerance, and increments that compose to them."""

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow.constructions.increments import CarriedBox, tolerances

TIMES = (0.4, 0.7)


@pytest.fixture(scope="module")
def target():
    # Time-dependent and with an input, so that both are carried from one increment to the next.
    field = vf.from_equations({"x": "y", "y": "-sin(x) + u*cos(2*t)"}, inputs=["u"])
    return vf.FlowMap(field, 1.0, vf.Box([-1.5, -1.5, -0.5], [1.5, 1.5, 0.5]))


@pytest.fixture(scope="module")
def chain(target):
    return vf.compile(target, 0.06, times=TIMES)


def test_every_flow_is_within_the_tolerance_at_its_time(target, chain):
    x = target.domain.uniform(2000, seed=9)
    exact = target.trajectory(x, TIMES)
    assert np.abs(chain(x) - exact).max() <= 0.06
    for flow, time in zip(chain.flows, TIMES):
        assert vf.certify(flow, target.until(time), seed=5).bound <= 0.06
        assert flow.provenance.duration == pytest.approx(time)
        assert flow.provenance.tolerance == 0.06


def test_increments_compose_to_the_flows(target, chain):
    x = target.domain.uniform(500, seed=1)
    assert len(chain) == 2 and chain.kinks == sum(part.kinks for part in chain.increments)
    np.testing.assert_allclose(chain.increments[1](chain[0](x)), chain[1](x), atol=1e-12)
    np.testing.assert_allclose(chain(x), [flow(x) for flow in chain.flows], atol=1e-12)
    np.testing.assert_allclose(chain(x)[:, :, 2], np.stack([x[:, 2]] * 2), atol=1e-12)


def test_networks_of_the_increments_follow_one_another(target, chain):
    first, second = (part.to_network() for part in chain.increments)
    x = target.domain.uniform(500, seed=2)
    assert np.all(chain.increments[1].domain.contains(chain[0](x)))
    np.testing.assert_allclose(second(first(x)), chain[1](x), atol=1e-9)


def test_earlier_times_are_held_to_a_smaller_error_where_errors_grow():
    growing = vf.FlowMap(vf.RidgeField.tanh([[0.0]], [[1.0]], [0.0]), 1.0, vf.Box([-1.0], [1.0]))
    assert tolerances(growing, [0.5, 1.0], 1e-2) == pytest.approx([5e-3, 1e-2])
    linear = vf.FlowMap(vf.from_equations({"x": "x"}), 1.0, vf.Box([-1.0], [1.0]))
    # Errors grow by e^(1/2); half of the tolerance is left to what comes first.
    assert tolerances(linear, [0.5, 1.0], 1e-2) == pytest.approx([5e-3 * np.exp(-0.5), 1e-2], rel=1e-4)


def test_a_carried_box_is_sampled_in_the_image(target, chain):
    image = CarriedBox(chain[0], target.domain)
    for x in (image.sample(100), image.uniform(100), image.boundary(100), image.corners()):
        np.testing.assert_allclose(image.clip(x), x, atol=1e-9)
    outside = image.high[None] + 1.0
    assert not image.contains(outside)[0]
    assert target.domain.contains(chain[0].inverse(image.clip(outside)) * (1 - 1e-12))[0]


def test_what_stops_a_chain_carries_the_flow_from_time_zero(target):
    with pytest.raises(vf.ToleranceNotReached) as caught:
        vf.compile(target, 1e-3, times=TIMES, max_kinks=8)
    flow = caught.value.flow
    assert flow.domain == target.domain
    assert "time 0.4" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    "times", [[], [0.0, 1.0], [0.5, 0.5], [0.5, 0.4], [0.5, 1.5], [float("nan")], [[0.1, 0.2]], "soon"]
)
def test_times_that_are_none_are_refused(target, times):
    with pytest.raises(ValueError, match="times"):
        vf.compile(target, 0.1, times=times)


def test_several_times_take_the_default_method_and_a_field(target):
    with pytest.raises(ValueError, match="refine"):
        vf.compile(target, 0.1, "split", times=TIMES)
    with pytest.raises(ValueError, match="slope"):
        vf.compile(target, 0.1, slope=0.5, times=TIMES)
    x = target.domain.uniform(200)
    with pytest.raises(ValueError, match="samples"):
        vf.compile(vf.FlowMap.from_samples(x, x), 0.1, times=[0.5])


def test_what_has_decayed_to_nothing_does_not_grow():
    # After time 1 the Jacobian of the flow of x' = -1000 x is zero in floating point.
    field = vf.RidgeField(np.zeros((0, 2)), np.zeros((0, 2)), [], [], A=[[-1000.0, 0.0], [0.0, 0.0]])
    target = vf.FlowMap(field, 2.0, vf.Box([-1, -1], [1, 1]))
    assert tolerances(target, [1.0, 2.0], 1e-2) == pytest.approx([5e-3, 1e-2])
