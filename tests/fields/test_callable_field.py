"""from_callable: the function's values, and a reason for every function that is no vector field."""

import numpy as np
import pytest

import vanillaflow as vf


def pendulum(t, x):
    return np.stack([x[:, 1], -np.sin(x[:, 0]) - 0.2 * x[:, 1]], axis=1)


class Counting:
    """Another answer at every call."""

    calls = 0

    def __call__(self, x):
        self.calls += 1
        return x + self.calls


def in_place(x):
    x *= 2
    return x


def test_values_and_flow_are_those_of_the_function():
    field = vf.from_callable(pendulum, 2)
    exact = vf.zoo.pendulum().target()
    x = exact.domain.sample(100)
    np.testing.assert_array_equal(field(0.3, x), pendulum(0.3, x))
    flow = vf.FlowMap(field, 1.0, exact.domain)
    np.testing.assert_allclose(flow(x), exact(x), atol=1e-8)
    assert repr(field) == "CallableField(pendulum, dim=2)"


def test_functions_of_the_state_alone_of_time_and_with_options():
    x = np.ones((3, 2))
    assert np.array_equal(vf.from_callable(lambda x: -x, 2)(5.0, x), -x)
    assert np.array_equal(vf.from_callable(lambda t, x: t * x, 2)(5.0, x), 5 * x)
    assert np.array_equal(vf.from_callable(lambda x, rate=3.0: rate * x, 2)(5.0, x), 3 * x)
    assert vf.from_callable(lambda x: np.zeros(x.shape, dtype=int), 2)(0.0, x).dtype == np.float64


def test_undefined_values_are_for_the_flow_to_report():
    field = vf.from_callable(lambda x: np.log(x), 1)
    assert np.isnan(field(0.0, np.array([[-1.0]]))).all()
    with pytest.raises(vf.FlowLeavesDomain):
        vf.FlowMap(field, 1.0, vf.Box([-1], [1]))(np.array([[-1.0]]))


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (3, r"needs a function of \(t, x\) or \(x\), got int"),
        (lambda: 0, "takes 0 arguments"),
        (lambda t, x, u: x, "takes 3 arguments"),
        (lambda x: x[:, :1], r"maps points of shape \(12, 2\) to \(12, 1\)"),
        (lambda x: x[0], "maps points of shape"),
        (lambda x: x + np.random.default_rng().normal(), "other values when it is called again"),
        (Counting(), "other values when it is called again"),
        (in_place, "changes its argument in place"),
        (lambda x: x - x.mean(axis=0), "for a point alone than among others"),
        (lambda x: x.astype(np.float32), "computes in float32, too coarse"),
        (lambda x: x + 1j, "values of type complex128"),
        (lambda x: x @ np.eye(3), "fails for points of shape .*: ValueError"),
        (lambda x: None, "values of type object"),
    ],
)
def test_refusals(function, reason):
    with pytest.raises(vf.FieldError, match=reason) as caught:
        vf.from_callable(function, 2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dim", [0, -1, 2.0, True, None])
def test_dimension(dim):
    with pytest.raises(vf.FieldError, match="dim must be a positive integer"):
        vf.from_callable(lambda x: x, dim)
