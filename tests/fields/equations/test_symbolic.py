"""SymPy expressions as fields: the same as their text, and reasons for those that are none."""

import numpy as np
import pytest
import sympy as sp

import vanillaflow as vf

x, y, k = sp.symbols("x y k")


@pytest.mark.parametrize(
    "expressions",
    [
        sp.Matrix([y, -sp.sin(x) - k * y]),
        [y, -sp.sin(x) - k * y],
        lambda x, y: (y, -sp.sin(x) - k * y),
    ],
)
def test_matrices_sequences_and_functions(expressions):
    field = vf.from_sympy(expressions, [x, y], {k: 0.2})
    same = vf.from_equations({"x": "y", "y": "-sin(x) - 0.2*y"})
    points = np.random.default_rng(0).normal(size=(50, 2))
    assert isinstance(field, vf.RidgeField)
    np.testing.assert_allclose(field(0.0, points), same(0.0, points), atol=1e-15)


def test_names_time_and_any_expression():
    t = sp.Symbol("t", positive=True)
    field = vf.from_sympy([x * sp.exp(-t * x) + sp.Symbol("k", integer=True)], ["x"], {"k": 2})
    points = np.array([[0.5], [1.5]])
    np.testing.assert_allclose(field(0.3, points), points * np.exp(-0.3 * points) + 2, atol=1e-15)


@pytest.mark.parametrize(
    ("expressions", "variables", "reason"),
    [
        ([x, y], ["x"], "1 variables need as many expressions, got 2"),
        ([x + y], ["x"], "has the symbol y, which is neither"),
        ([x], [], "variables must be different symbols"),
        ([x, x], [x, x], "variables must be different symbols"),
        (["x"], [x], "must be a sequence or Matrix of SymPy expressions"),
        (3, [x], "must be a sequence or Matrix of SymPy expressions"),
        ([x * sp.gamma(x)], [x], "the function gamma"),
    ],
)
def test_what_is_no_field(expressions, variables, reason):
    with pytest.raises(vf.FieldError, match=reason):
        vf.from_sympy(expressions, variables)


def test_exact_refuses_what_is_no_ridge_sum():
    with pytest.raises(vf.FieldError, match="depends on the time t"):
        vf.from_sympy([x * sp.Symbol("t")], [x], exact=True)
