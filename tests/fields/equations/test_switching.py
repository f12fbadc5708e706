"""Piecewise constant parameters: the flow is that of one field after the other."""

import numpy as np
import pytest

import vanillaflow as vf

STEPS = {"u": {"times": [0.5, 0.8], "values": [1, -1, 2]}}
BOX = vf.Box([-1], [1])


def test_the_rates_of_growth_add_up():
    field = vf.from_equations({"x": "u*x"}, STEPS)
    assert isinstance(field, vf.PiecewiseField)
    x = BOX.sample(20)
    np.testing.assert_allclose(vf.FlowMap(field, 1.0, BOX)(x), x * np.exp(0.5 - 0.3 + 0.4), rtol=1e-8)


def test_pieces_may_depend_on_time_too():
    field = vf.from_equations({"x": "u*x*t"}, STEPS)
    x = BOX.sample(20)
    growth = (0.25 - (0.64 - 0.25) + 2 * (1 - 0.64)) / 2
    np.testing.assert_allclose(vf.FlowMap(field, 1.0, BOX)(x), x * np.exp(growth), rtol=1e-8)
    with pytest.raises(vf.FieldError, match="depends on the time t"):
        vf.compile(vf.FlowMap(field, 1.0, BOX), 0.1, "split")


def test_several_parameters_switch_each_at_its_times():
    field = vf.from_equations({"x": "u + v"}, STEPS | {"v": {"times": [0.6], "values": [0, 10]}})
    assert field.times.tolist() == [0.5, 0.6, 0.8]
    assert [float(f(0.0, np.zeros((1, 1)))[0, 0]) for f in field.fields] == [1, -1, 9, 12]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"times": [1]}, "a number or have the keys times and values"),
        ({"times": 1, "values": [0, 1]}, "a number or have the keys times and values"),
        ({"times": [1], "values": [0]}, "one value more than times, got 1 and 1"),
        ({"times": [2, 1], "values": [0, 1, 2]}, "positive and increasing"),
        ({"times": [0], "values": [0, 1]}, "positive and increasing"),
        ({"times": ["a"], "values": [0, 1]}, "parameter u times must be a number, got 'a'"),
        ([0, 1], "parameter u must be a number"),
    ],
)
def test_what_is_not_piecewise_constant(value, reason):
    with pytest.raises(vf.FieldError, match=reason):
        vf.from_equations({"x": "u*x"}, {"u": value})
