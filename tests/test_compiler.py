"""compile(): within tolerance by an independent judge, or an exception that says how far it came."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import vanillaflow as vf
from vanillaflow import (
    Box,
    FieldError,
    FlowLeavesDomain,
    FlowMap,
    PiecewiseField,
    RidgeField,
    ToleranceNotReached,
)
from vanillaflow.box import search_points
from zoo_cases import NAMES, SMALL, TOLERANCE, compiled, target

SQUARE = Box([-1, -1], [1, 1])


def judge(exact: FlowMap, x: np.ndarray, method: str = "DOP853") -> np.ndarray:
    """The exact flow by scipy's own driver, all points as one system."""
    shape = x.shape
    solution = solve_ivp(
        lambda t, y: exact.field(t, y.reshape(shape)).ravel(),
        (0.0, exact.duration),
        x.ravel(),
        method=method,
        rtol=1e-9,
        atol=1e-10,
    )
    assert solution.success
    return solution.y[:, -1].reshape(shape)


@pytest.mark.parametrize("name", NAMES)
def test_zoo_within_tolerance_by_an_independent_search(name):
    """Fresh points of another seed, and a climb from the worst of them, judged by solve_ivp."""
    flow, exact = compiled(name), target(name)
    box, rng = exact.domain, np.random.default_rng(2024)
    x = search_points(box, 1024 if name in SMALL else 64, seed=2024)
    errors = np.abs(flow(x) - judge(exact, x)).max(axis=1)
    worst = float(errors.max())
    x = x[np.argsort(-errors)[:8]]
    for radius in (0.1, 0.03, 0.01):
        moves = radius * box.width * rng.standard_normal((64, box.dim))
        tried = box.clip(np.repeat(x, 8, axis=0) + moves)
        errors = np.abs(flow(tried) - judge(exact, tried)).max(axis=1)
        worst = max(worst, float(errors.max()))
        x = tried[np.argsort(-errors)[:8]]
    assert worst <= TOLERANCE
    # What the compiler found is at most a few per cent below what this search found.
    assert worst <= 1.05 * flow.provenance.error


@pytest.mark.parametrize("name", SMALL)
def test_judges_agree(name):
    """An implicit solver, and one point at a time, so that no batch hides a step size."""
    exact = target(name)
    for x in exact.domain.uniform(3, seed=1)[:, None, :]:
        np.testing.assert_allclose(exact(x), judge(exact, x, "Radau"), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_provenance_says_how_it_was_made(name):
    flow = compiled(name)
    made = flow.provenance
    assert (made.system, made.method, made.error_method) == (name, "split", "sampled")
    assert made.tolerance == TOLERANCE and 0 < made.error <= made.tolerance
    assert made.duration == target(name).duration and flow.domain == target(name).domain
    [(how, kinks, error)] = made.path
    assert kinks == flow.kinks and error == made.error and "splitting error" in how


def test_deterministic_for_a_seed():
    exact = target("lotka_volterra")
    first = vf.compile(exact, 1e-1, method="split")
    for array in ("a", "w", "t", "M", "m", "stops"):
        np.testing.assert_array_equal(getattr(first, array), getattr(compiled("lotka_volterra"), array))
    assert first.provenance.error == compiled("lotka_volterra").provenance.error


def test_reports_its_stages():
    lines: list[str] = []
    flow = vf.compile(target("pendulum"), 2e-1, method="split", report=lines.append)
    assert any(f"{flow.kinks} kinks" in line for line in lines)
    assert any("worst point" in line for line in lines)


def test_one_dimension():
    box = Box([-1], [1])
    exact = FlowMap(RidgeField([[1.0]], [[2.0]], [0.3], "tanh", A=[[-0.5]]), 1.0, box)
    for method in ("split", "paper"):
        flow = vf.compile(exact, 5e-2, method=method)
        x = box.sample(256, seed=3)
        assert np.max(np.abs(flow(x) - judge(exact, x))) <= 5e-2
        np.testing.assert_allclose(flow.to_network()(x), flow(x), rtol=0, atol=1e-12)
        # Increasing, as flows on the line are.
        assert np.all(np.diff(flow(np.linspace(-3, 3, 100)[:, None])[:, 0]) > 0)


def test_a_field_that_switches():
    first = RidgeField([[1.0, 0.0]], [[0.0, 1.0]], [0.0], "tanh")
    second = RidgeField([[0.0, 1.0]], [[1.0, 0.5]], [0.2], "sin", A=[[0.0, 1.0], [0.0, 0.0]])
    exact = FlowMap(PiecewiseField([first, second], [0.6]), 1.0, SQUARE)
    flow = vf.compile(exact, 2e-2, method="split")
    x = SQUARE.sample(256, seed=3)
    half = judge(FlowMap(first, 0.6, SQUARE), x)
    assert np.max(np.abs(flow(x) - judge(FlowMap(second, 0.4, SQUARE), half))) <= 2e-2


def test_paper_method_on_an_easy_case():
    exact = FlowMap(vf.zoo.pendulum().field, 0.2, SQUARE)
    flow = vf.compile(exact, 1e-1, method="paper")
    x = SQUARE.sample(512, seed=5)
    assert np.max(np.abs(flow(x) - judge(exact, x))) <= 1e-1
    assert flow.provenance.method == "paper"


def test_paper_method_says_what_it_would_need():
    with pytest.raises(ToleranceNotReached, match="the paper's construction would need") as refusal:
        vf.compile(target("pendulum"), 1e-3, method="paper")
    assert refusal.value.needed > 20_000


@pytest.mark.parametrize("max_kinks", [1, 20])
def test_tolerance_not_reached_carries_what_there_is(max_kinks):
    exact = target("pendulum")
    with pytest.raises(ToleranceNotReached) as refusal:
        vf.compile(exact, 1e-3, method="split", max_kinks=max_kinks)
    flow, error = refusal.value.flow, refusal.value.error
    assert flow is not None and flow.dim == 2
    x = exact.domain.sample(512, seed=3)
    assert 1e-3 < np.max(np.abs(flow(x) - judge(exact, x))) <= 1.2 * error
    assert f"{max_kinks}" in str(refusal.value)


@pytest.mark.parametrize("method", ["split", "paper"])
@pytest.mark.parametrize(
    ("tol", "message"),
    [
        (0, "tol must be positive and finite, got 0"),
        (-1e-2, "tol must be positive and finite, got -0.01"),
        (np.nan, "tol must be positive and finite, got nan"),
        (np.inf, "tol must be positive and finite, got inf"),
    ],
)
def test_refuses_tolerances(tol, message, method):
    with pytest.raises(ValueError, match=message):
        vf.compile(target("pendulum"), tol, method=method)


def test_refuses_methods_and_limits():
    with pytest.raises(ValueError, match=r"unknown method 'magic'; known are .*split.*paper"):
        vf.compile(target("pendulum"), 1e-1, method="magic")
    with pytest.raises(ValueError, match="max_kinks must be positive and finite, got 0"):
        vf.compile(target("pendulum"), 1e-1, method="split", max_kinks=0)


@pytest.mark.parametrize("method", ["split", "paper"])
def test_refuses_a_flow_that_blows_up_and_says_where_and_when(method):
    """x' = x^2 from x0 > 0 is lost at time 1 / x0: first, within the box, from its face x0 = 1, at time 1."""
    field = RidgeField([[1.0, 0.0]], [[1.0, 0.0]], [0.0], "power2", A=[[0.0, 0.0], [0.0, -1.0]])
    exact = FlowMap(field, 2.0, SQUARE)
    with pytest.raises(
        FlowLeavesDomain, match=r"at time .* of 2 when started from \(.*; use a smaller box"
    ) as lost:
        vf.compile(exact, 1e-1, method=method)
    assert lost.value.point[0] >= 0.5
    assert lost.value.time == pytest.approx(1 / lost.value.point[0], rel=1e-3)
    # On a box from where every trajectory lasts, the same field compiles.
    fine = FlowMap(field, 2.0, Box([-1, -1], [0.3, 1]))
    assert vf.compile(fine, 1e-1, method="split").provenance.error <= 1e-1


@pytest.mark.parametrize("method", ["split", "paper"])
def test_refuses_a_field_without_ridges(method):
    with pytest.raises(
        FieldError, match="needs a RidgeField or PiecewiseField, the target's field is a CallableField"
    ):
        vf.compile(FlowMap(lambda t, x: -x, 1.0, SQUARE), 1e-1, method=method)
