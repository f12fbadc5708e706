"""Equations that are no sums of ridges: evaluated as SymPy evaluates them, with time."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from vanillaflow.fields.equations.expression_field import ExpressionField

X, Y, T = sp.symbols("x y t", real=True)
UNARY = [sp.sin, sp.cos, sp.tanh, sp.exp, sp.atan, sp.Abs, lambda e: e**2, lambda e: e**3, lambda e: -e]
BINARY = [lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a - b]


@st.composite
def expressions(draw, depth: int = 3) -> sp.Expr:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from([X, Y, T, sp.Rational(1, 3), sp.Integer(2), sp.Float(0.7)]))
    if draw(st.booleans()):
        return draw(st.sampled_from(UNARY))(draw(expressions(depth - 1)))
    return draw(st.sampled_from(BINARY))(draw(expressions(depth - 1)), draw(expressions(depth - 1)))


@given(expressions(), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=150)
def test_values_are_those_of_sympy(expression, seed):
    assume(not expression.has(sp.zoo, sp.nan, sp.oo))
    field = ExpressionField([expression, Y], [X, Y], T, "a test")
    rng = np.random.default_rng(seed)
    x, t = rng.normal(size=(4, 2)), float(rng.normal())
    v = field(t, x)
    assert v.shape == x.shape and np.array_equal(v[:, 1], x[:, 1])
    for row, found in zip(x, v[:, 0]):
        # Thirty digits: where terms cancel, the float64 value may be off by their size.
        exact = expression.evalf(30, subs={X: row[0], Y: row[1], T: t})
        if exact.is_Float and abs(exact) < 1e6 and np.isfinite(found):
            size = max(
                abs(float(part.evalf(subs={X: row[0], Y: row[1], T: t}))) for part in _parts(expression)
            )
            assert abs(found - float(exact)) <= 1e-9 * (1 + size) ** 2


def _parts(expression: sp.Expr) -> list[sp.Expr]:
    return [
        part for part in sp.preorder_traversal(expression) if part.evalf(5, subs={X: 1, Y: 1, T: 1}).is_real
    ]


@pytest.mark.parametrize(
    ("equations", "value"),
    [
        ({"x": "sin(x)*y", "y": "x"}, lambda t, x, y: np.sin(x) * y),
        ({"x": "x/(1 + y**2)", "y": "x"}, lambda t, x, y: x / (1 + y**2)),
        ({"x": "x**3*y**2", "y": "x"}, lambda t, x, y: x**3 * y**2),
        ({"x": "exp(-t)*y + cos(2*pi*t)", "y": "x"}, lambda t, x, y: np.exp(-t) * y + np.cos(2 * np.pi * t)),
        ({"x": "sqrt(x**2 + y**2)", "y": "x"}, lambda t, x, y: np.hypot(x, y)),
        ({"x": "sigmoid(x*y) + relu(x - y**2)*t", "y": "x"}, None),
        ({"x": "t", "y": "x"}, lambda t, x, y: t),
    ],
)
def test_equations_of_any_form(equations, value):
    field = vf.from_equations(equations)
    assert isinstance(field, ExpressionField) and field.dim == 2
    x = np.random.default_rng(0).normal(size=(50, 2))
    v = field(0.3, x)
    assert v.shape == (50, 2) and np.array_equal(v[:, 1], x[:, 0])
    if value is not None:
        np.testing.assert_allclose(v[:, 0], value(0.3, x[:, 0], x[:, 1]), rtol=1e-13, atol=1e-14)


def test_exact_refuses_what_is_no_sum_of_ridges():
    with pytest.raises(vf.FieldError, match="equation x depends on the time t"):
        vf.from_equations({"x": "-x + sin(t)"}, exact=True)
    assert isinstance(vf.from_equations({"x": "-x"}, exact=True), vf.RidgeField)


def test_a_variable_or_parameter_may_be_called_t():
    assert isinstance(vf.from_equations({"t": "-t"}), vf.RidgeField)
    field = vf.from_equations({"x": "-t*x"}, {"t": 2.0})
    assert isinstance(field, vf.RidgeField) and field.A[0, 0] == -2


def test_the_construction_says_why_it_needs_ridges():
    field = vf.from_equations({"x": "x*sin(y)", "y": "-x"})
    target = vf.FlowMap(field, 0.1, vf.Box([-1, -1], [1, 1]))
    with pytest.raises(vf.FieldError, match=r"needs a RidgeField .*: equation x: the term x\*sin\(y\) mixes"):
        vf.compile(target, 0.1, method="split")


def test_a_forced_oscillator_is_compiled():
    """x'' = -x + cos(t) from (x, y): its flow over time 1 is affine, so that an affine network is exact."""
    field = vf.from_equations({"x": "y", "y": "-x + cos(t)"})
    target = vf.FlowMap(field, 1.0, vf.Box([-1, -1], [1, 1]))
    flow = vf.compile(target, 1e-2)
    x = target.domain.sample(100)
    # The particular solution that starts at rest is t sin(t) / 2.
    exact = x @ np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    exact += [np.sin(1) / 2, (np.sin(1) + np.cos(1)) / 2]
    np.testing.assert_allclose(target(x), exact, atol=1e-8)
    assert np.abs(flow(x) - exact).max() <= 1e-2
