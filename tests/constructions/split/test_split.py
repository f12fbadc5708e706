"""Sub-flows, plans and the split construction, on autonomous fields and on fields that switch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import vanillaflow as vf
from vanillaflow import Box, FieldError, FlowMap, PiecewiseField, RidgeField, ToleranceNotReached
from vanillaflow.box import search_points
from vanillaflow.constructions.construction import Limits
from vanillaflow.constructions.split.construction import Split
from vanillaflow.constructions.split.plan import plan
from vanillaflow.constructions.split.schemes import SCHEMES
from vanillaflow.constructions.split.sub_flows import SubFlow, sub_flows

SQUARE = Box([-1, -1], [1, 1])
PROFILES = ["tanh", "sin", "sigmoid", "softplus", "relu", "elu"]


def random_field(seed: int, d: int = 2, ridges: int = 3, affine: bool = True) -> RidgeField:
    rng = np.random.default_rng(seed)
    a, w = rng.standard_normal((2, ridges, d)) / np.sqrt(d)
    A, c = (rng.standard_normal((d, d)), rng.standard_normal(d)) if affine else (None, None)
    return RidgeField(
        a, w, rng.standard_normal(ridges), [PROFILES[rng.integers(6)] for _ in range(ridges)], A, c
    )


def solve(rate, tau: float, x: np.ndarray) -> np.ndarray:
    solution = solve_ivp(
        lambda _, y: rate(y.reshape(x.shape)).ravel(), (0, tau), x.ravel(), "DOP853", rtol=1e-11, atol=1e-11
    )
    assert solution.success
    return solution.y[:, -1].reshape(x.shape)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 5]), st.integers(-1, 2), st.floats(-1, 1))
def test_sub_flow_solves_its_piece(seed, d, piece, tau):
    field = random_field(seed, d)
    x = np.random.default_rng(seed).uniform(-2, 2, (20, d))

    def rate(y):
        if piece < 0:
            return y @ field.A.T + field.c
        value = field.profiles[piece].value(y @ field.w[piece] + field.b[piece])
        return value[:, None] * field.a[piece]

    # The solver's tolerance, enlarged by the growth of an error: rates are below about 3.
    np.testing.assert_allclose(
        SubFlow(field, (piece,) if piece >= 0 else (), tau)(x), solve(rate, tau, x), rtol=1e-7, atol=1e-7
    )


def segments_of(field: PiecewiseField | RidgeField, duration: float, scheme: str, steps: int):
    flows = list(sub_flows(field.segments(duration), SCHEMES[scheme], steps))
    totals: dict[tuple[int, tuple[int, ...]], float] = {}
    for flow in flows:
        key = (id(flow.field), flow.pieces)
        totals[key] = totals.get(key, 0.0) + flow.tau
    return flows, totals


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("steps", [1, 3, 10])
def test_sub_flows_of_a_switching_field(scheme, steps):
    """Every piece of every segment acts for as long as its segment lasts, and segments come in order."""
    fields = [random_field(0), random_field(1, affine=False), random_field(2, ridges=0), random_field(3)]
    field = PiecewiseField(fields, [0.2, 1.1, 1.5])
    flows, totals = segments_of(field, 1.4, scheme, steps)
    lengths = {id(f): length for f, length in zip(fields, (0.2, 0.9, 0.3))}
    assert {key[0] for key in totals} == set(lengths)
    for (segment, _), total in totals.items():
        assert total == pytest.approx(lengths[segment], abs=1e-13)
    order = [fields.index(flow.field) for flow in flows]
    assert order == sorted(order)
    pieces = {(fields.index(flow.field), flow.pieces) for flow in flows}
    assert pieces == {(0, ()), (0, (0,)), (0, (1,)), (0, (2,)), (1, (0,)), (1, (1,)), (1, (2,)), (2, ())}


def test_splitting_error_of_a_switching_field():
    """The scheme keeps its order across the switches."""
    field = PiecewiseField([random_field(4), random_field(5), random_field(6)], [0.3, 0.6])
    target = FlowMap(field, 1.0, SQUARE)
    x = search_points(SQUARE, 64, 0)
    y = target(x)

    def error(steps: int) -> float:
        flows = list(sub_flows(field.segments(1.0), SCHEMES["strang"], steps))
        return plan(SCHEMES["strang"], steps, flows, x, y).splitting_error

    # 20 and 40 steps are shared out as 6, 6, 8 and 12, 12, 16: an honest halving.
    assert abs(np.log2(error(20) / error(40)) - 2) < 0.3


@pytest.mark.parametrize("seed", [0, 1])
def test_a_switching_field_compiles(seed):
    field = PiecewiseField([random_field(seed), random_field(seed + 10)], [0.4])
    target = FlowMap(field, 1.0, SQUARE)
    made = Split(target, Limits(5000), schemes=("strang", "suzuki")).within(5e-2)
    flow = made.flow
    x = SQUARE.sample(256, seed=9)
    half = solve(lambda y: field.fields[0](0.0, y), 0.4, x)
    np.testing.assert_allclose(
        flow(x), solve(lambda y: field.fields[1](0.0, y), 0.6, half), rtol=0, atol=5.5e-2
    )
    assert "splitting error" in made.how


def test_a_plan_predicts_its_kinks():
    """What a plan builds has about as many kinks as it promised, and about the error that was left for it."""
    target = vf.zoo.hopfield().target()
    x = search_points(target.domain, 256, 0)
    y = target(x)
    flows = list(sub_flows(target.ridge_segments(), SCHEMES["strang"], 8))
    p = plan(SCHEMES["strang"], 8, flows, x, y)
    assert p.kinks_for(p.splitting_error) == np.inf
    for tolerance in (2 * p.splitting_error, 4 * p.splitting_error):
        promised = p.kinks_for(tolerance)
        density = p.density(promised)
        assert p.kinks(density) == pytest.approx(promised, rel=0.1)
        flow = p.build(density, target)
        assert flow.kinks == p.kinks(density)
        # The prediction adds worst cases up; it may not be beaten by the errors.
        assert np.max(np.abs(flow(x) - y)) <= 1.1 * tolerance
    # Four times as much room for the piecewise-linear error needs half the kinks: m^2 error is constant.
    rooms = [p.kinks_for(p.splitting_error + room) for room in (1e-3, 4e-3)]
    assert rooms[0] / rooms[1] == pytest.approx(2, rel=1e-9)


def test_a_sub_flow_that_blows_up_makes_its_plan_useless_not_the_compiler():
    """x^2/4 split off as a ridge leaves every bound within the time that a long step asks of it."""
    box = Box([0.5, 0.5], [1.5, 1.5])
    field = RidgeField([[3.0, 0]], [[1.0, 0]], [0.0], "power2", A=[[-6.0, 0], [0, -1]])
    target = FlowMap(field, 1.0, box)
    x = search_points(box, 64, 0)
    y = target(x)
    flows = list(sub_flows(field.segments(1.0), SCHEMES["lie"], 1))[::-1]
    assert plan(SCHEMES["lie"], 1, flows, x, y).splitting_error == np.inf
    flow = Split(target, Limits(5000)).within(5e-2).flow
    assert np.max(np.abs(flow(x) - y)) <= 5e-2


def test_relu_fields_need_one_kink_per_sub_flow():
    """Their displacement is piecewise linear already: nothing is left to be resolved but the corner.

    Two ReLU ridges once took 835 kinks, spent on rounding errors that looked like curvature.
    """
    field = RidgeField([[1.0, 0.5], [-0.3, 1.0]], [[1.0, 0.2], [0.5, 1.0]], [0.1, -0.2], "relu")
    target = FlowMap(field, 1.0, SQUARE)
    flow = Split(target, Limits(1000), schemes=("strang", "suzuki")).within(1e-2).flow
    assert flow.kinks <= 20
    one = RidgeField(field.a[:1], field.w[:1], field.b[:1], "relu")
    exact = Split(FlowMap(one, 1.0, SQUARE), Limits(1000)).within(1e-6).flow
    x = SQUARE.sample(256)
    assert exact.kinks == 1
    np.testing.assert_allclose(exact(x), one.ridge_flow(0, 1.0, x), rtol=0, atol=1e-12)


def test_fields_without_ridges():
    nothing = np.zeros((0, 2))
    rotation = RidgeField(nothing, nothing, [], [], A=[[0, -1], [1, 0]], c=[1, 0])
    flow = Split(FlowMap(rotation, 1.0, SQUARE), Limits(10)).within(1e-6).flow
    x = SQUARE.sample(64)
    assert flow.kinks == 0
    np.testing.assert_allclose(flow(x), solve(lambda y: rotation(0.0, y), 1.0, x), rtol=0, atol=1e-9)
    rest = Split(FlowMap(RidgeField(nothing, nothing, [], []), 1.0, SQUARE), Limits(10)).within(1e-6).flow
    np.testing.assert_array_equal(rest(x), x)


@pytest.mark.parametrize("d", [1, 3])
def test_any_dimension(d):
    field = RidgeField(np.eye(d), -np.eye(d), np.linspace(0, 0.5, d), "tanh")
    box = Box(-np.ones(d), np.ones(d))
    flow = Split(FlowMap(field, 1.0, box), Limits(100)).within(1e-3).flow
    x = box.sample(128, seed=5)
    np.testing.assert_allclose(flow(x), solve(lambda y: field(0.0, y), 1.0, x), rtol=0, atol=1.2e-3)


@pytest.mark.parametrize("max_kinks", [1, 5, 20, 60])
def test_refusal_below_the_kinks_that_it_takes(max_kinks):
    target = vf.zoo.pendulum().target()
    with pytest.raises(
        ToleranceNotReached, match=rf"(above the limit of|steps and) {max_kinks}\b"
    ) as refusal:
        Split(target, Limits(max_kinks)).within(1e-3)
    x = search_points(target.domain, 1024, 0)
    flow = refusal.value.flow
    assert flow is not None and flow.kinks <= 1.5 * max_kinks
    assert refusal.value.error == pytest.approx(np.max(np.abs(flow(x) - target(x))), rel=1e-6)


def test_refusal_of_an_impossible_tolerance():
    target = FlowMap(random_field(0), 1.0, SQUARE)
    with pytest.raises(ToleranceNotReached, match="no splitting scheme of up to 256 steps and 300 sub-flows"):
        Split(target, Limits(300), schemes=("strang",)).within(1e-14)


def test_refusal_of_a_field_without_ridges():
    target = FlowMap(lambda t, x: -x, 1.0, SQUARE)
    with pytest.raises(
        FieldError, match="needs a RidgeField or PiecewiseField, the target's field is a CallableField"
    ):
        Split(target, Limits(300)).within(1e-1)
