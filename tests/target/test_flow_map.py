"""FlowMap against solutions in closed form, and what it says when the flow does not exist."""

import jaxtyping
import numpy as np
import pytest
from scipy.linalg import expm

from vanillaflow import Box, FieldError, FlowLeavesDomain, FlowMap, PiecewiseField, RidgeField


@pytest.fixture
def unchecked():
    """Wrong types get past the annotations, as they do outside tests, and meet the code's own checks."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


SQUARE = Box([-1, -1], [1, 1])


def linear(A, c=None) -> RidgeField:
    d = len(A)
    return RidgeField(np.zeros((0, d)), np.zeros((0, d)), np.zeros(0), [], A=A, c=c)


def parabola(sign: float = -1.0) -> RidgeField:
    """x' = sign x^2, solved by x/(1 - sign x t)."""
    return RidgeField([[sign]], [[1.0]], [0.0], "power2")


@pytest.mark.parametrize(
    "A", [[[0, 1], [-1, 0]], [[-3, 1], [0, 2]], [[0, 1], [0, 0]], [[-50, 0], [0, -1]]], ids=str
)
def test_linear_fields_flow_by_the_matrix_exponential(A):
    x = SQUARE.sample(50)
    found = FlowMap(linear(A), 1.5, SQUARE)(x)
    # rtol 1e-10 locally; the errors of up to some hundred steps grow with the flow, at most e^3.
    np.testing.assert_allclose(found, x @ expm(1.5 * np.array(A)).T, rtol=0, atol=2e-9)


def test_nonlinear_flow_in_closed_form():
    box = Box([0.1], [3.0])
    x = box.sample(64)
    np.testing.assert_allclose(FlowMap(parabola(), 2.0, box)(x), x / (1 + 2 * x), rtol=1e-9)


def test_single_points_and_batches_agree():
    target = FlowMap(parabola(), 1.0, Box([0.1], [3.0]))
    x = target.domain.sample(5000)  # more than one batch
    y = target(x)
    np.testing.assert_allclose(y, x / (1 + x), rtol=1e-9)
    np.testing.assert_allclose(target(x[:1]), y[:1], rtol=1e-9)
    assert target(np.zeros((0, 1))).shape == (0, 1)


def test_the_solver_is_not_fooled_by_one_fast_point_among_slow_ones():
    # One step size serves a batch: every point must get its accuracy, not the batch on average.
    box = Box([1e-3], [100.0])
    x = np.concatenate([np.full((500, 1), 1e-3), [[100.0]]])
    np.testing.assert_allclose(FlowMap(parabola(), 1.0, box)(x), x / (1 + x), rtol=0, atol=1e-7)


def test_piecewise_fields_are_solved_exactly_across_the_switch():
    first, second = linear([[0, 1], [-1, 0]]), linear([[-1, 0], [0, -2]], c=[1.0, 0.0])
    target = FlowMap(PiecewiseField([first, second], [0.7]), 1.6, SQUARE)
    x = SQUARE.sample(20)
    turned = x @ expm(0.7 * first.A).T
    M, m = second.affine_flow(0.9)
    # As accurate as without the jump: a step across it would leave an error of order h, some 1e-3.
    np.testing.assert_allclose(target(x), turned @ M.T + m, rtol=0, atol=1e-9)


def test_trajectories_pass_through_the_flow():
    target = FlowMap(linear([[0, 1], [-1, 0]]), 2.0, SQUARE)
    x = SQUARE.sample(10)
    times = np.array([0.0, 0.5, 2.0])
    states = target.trajectory(x, times)
    assert states.shape == (3, 10, 2)
    for t, state in zip(times, states):
        np.testing.assert_allclose(state, x @ expm(t * np.array([[0, 1], [-1, 0]])).T, rtol=0, atol=1e-9)
    switching = FlowMap(PiecewiseField([linear([[1.0]]), linear([[-1.0]])], [1.0]), 2.0, Box([1], [2]))
    up_and_down = switching.trajectory(np.array([[1.5]]), np.array([0.5, 1.0, 2.0]))
    np.testing.assert_allclose(up_and_down[:, 0, 0], 1.5 * np.exp([0.5, 1.0, 0.0]), rtol=1e-9)


def test_time_dependent_callables_are_fields_too():
    target = FlowMap(lambda t, x: np.cos(t) * np.ones_like(x), 1.0, Box([0], [1]))
    np.testing.assert_allclose(target(np.array([[0.25]])), [[0.25 + np.sin(1.0)]], rtol=1e-9)


def test_blow_up_names_the_point_and_the_time():
    target = FlowMap(parabola(+1.0), 1.0, Box([-1], [4]), name="parabola")
    with pytest.raises(
        FlowLeavesDomain, match=r"started from \(2\).*use a smaller box or a shorter duration"
    ) as error:
        target(np.array([[0.5], [-1.0], [2.0], [0.1]]))
    np.testing.assert_array_equal(error.value.point, [2.0])
    assert error.value.time == pytest.approx(0.5, abs=1e-5)  # x0 = 2 ends at t = 1/2
    np.testing.assert_allclose(target(np.array([[0.5]])), [[1.0]], rtol=1e-8)


def test_undefined_fields_name_the_point():
    def root(t, x):
        return np.sqrt(x)

    with pytest.raises(
        FlowLeavesDomain, match=r"meets an undefined field at time 0 of 1 .*started from \(-0\.5\)"
    ):
        FlowMap(root, 1.0, Box([-1], [1]))(np.array([[0.5], [-0.5]]))
    # x' = -1/(2x) reaches 0 from 0.5 at time 0.25.
    with pytest.raises(FlowLeavesDomain) as error:
        FlowMap(lambda t, x: -0.5 / x, 1.0, Box([0.1], [1]))(np.array([[0.5]]))
    assert 0.2 < error.value.time < 0.3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("field", 1.0, SQUARE), FieldError, "a field must be callable as field.t, x., got str"),
        ((parabola(), 1.0, SQUARE), FieldError, "the field has dimension 1 but the box has dimension 2"),
        ((parabola(), 1.0, [0, 1]), FieldError, "domain must be a Box, got list"),
        ((parabola(), 0.0, Box([0], [1])), ValueError, r"duration must be positive and finite, got 0\.0"),
        ((parabola(), -1, Box([0], [1])), ValueError, "duration must be positive and finite, got -1"),
        ((parabola(), np.nan, Box([0], [1])), ValueError, "duration must be positive and finite, got nan"),
        ((parabola(), np.inf, Box([0], [1])), ValueError, "duration must be positive and finite, got inf"),
        ((parabola(), "1", Box([0], [1])), ValueError, "duration must be a positive number, got '1'"),
        ((parabola(), True, Box([0], [1])), ValueError, "duration must be a positive number, got True"),
        ((parabola(), None, Box([0], [1])), ValueError, "duration must be a positive number, got None"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_targets_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        FlowMap(*arguments)


@pytest.mark.usefixtures("unchecked")
def test_bad_points_and_bad_fields_are_refused():
    target = FlowMap(parabola(), 1.0, Box([0], [1]))
    for points in (np.zeros(1), np.zeros((3, 2)), 0.5):
        with pytest.raises(ValueError, match=r"expected points of shape \(n, 1\), got"):
            target(points)
    with pytest.raises(FlowLeavesDomain, match="undefined field"):
        target(np.array([[np.nan]]))
    with pytest.raises(FieldError, match=r"maps points of shape \(12, 1\) to \(1,\)"):
        FlowMap(lambda t, x: x[0], 1.0, Box([0], [1]))


def test_names():
    assert FlowMap(parabola(), 1.0, Box([0], [1])).name == "unnamed"
    assert FlowMap(parabola(), 1.0, Box([0], [1]), name="parabola").name == "parabola"
