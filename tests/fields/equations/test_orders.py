"""Equations of higher order: the first-order system they stand for, and errors in the user's own words."""

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow.fields.equations.orders import MAX_ORDER, decode_primes, encode_primes, first_order


def test_second_order_is_the_first_order_system():
    field = vf.from_equations({"x''": "-sin(x) - k*x'"}, {"k": 0.2})
    same = vf.from_equations({"x": "v", "v": "-sin(x) - 0.2*v"})
    assert isinstance(field, vf.RidgeField)
    x = np.random.default_rng(0).normal(size=(50, 2))
    np.testing.assert_array_equal(field(0.0, x), same(0.0, x))


def test_orders_mix_and_primes_of_other_variables_may_be_used():
    field = vf.from_equations({"x''": "y - x'", "y'": "x'", "z'''": "z'' + x"})
    x = np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    np.testing.assert_array_equal(field(0.0, x), [[2.0, 1.0, 2.0, 5.0, 6.0, 7.0]])


def test_what_the_coordinates_are():
    assert first_order({"x''": "a", "y": "b"}) == {"x": "x'", "x'": "a", "y": "b"}
    assert first_order({"x'": "a"}) == first_order({"x": "a"}) == {"x": "a"}


@pytest.mark.parametrize("text", ["x'", "x'' + y_1'", "f(x')*2", "'a'", "", "x3'''"])
def test_primes_become_letters_of_the_same_width_and_back(text):
    assert decode_primes(encode_primes(text)) == text
    assert len(encode_primes(text)) == len(text)


@pytest.mark.parametrize(
    ("equations", "message"),
    [
        ({"x''": "x'''"}, "equation x'', column 1: unknown name"),
        ({"x''": "2*y'"}, "equation x'', column 3: unknown name 'y''"),
        ({"x''": "x', x"}, "equation x'', column 1: tuple is not supported"),
        ({"x''": "1", "x": "2"}, "two equations for 'x'"),
        ({"x" + (MAX_ORDER + 1) * "'": "0"}, "at most 8 is supported"),
        ({"''": "0"}, "is not a name"),
        ({"sin'": "0"}, "taken by the function sin"),
        ({"x": "x'"}, "equation x, column 2"),
    ],
)
def test_errors_speak_of_primes(equations, message):
    with pytest.raises(vf.FieldError) as error:
        vf.from_equations(equations)
    assert message in str(error.value)
    assert "ʹ" not in str(error.value)
