"""The decomposition into ridges is exact: its field equals SymPy's own evaluation of the expressions."""

from collections import Counter
from itertools import combinations_with_replacement

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from vanillaflow import Box, FieldError, from_equations
from vanillaflow.fields.equations.composite import composite_profile
from vanillaflow.fields.equations.decompose import decompose
from vanillaflow.fields.equations.functions import BY_NAME
from vanillaflow.fields.equations.polynomial import polarize

VARIABLES = sp.symbols("x y z u", real=True)
laws = settings(max_examples=40, deadline=None)

# Heads that only this project knows, as SymPy can evaluate them.
KNOWN = {
    BY_NAME["sigmoid"].head: lambda v: 1 / (1 + sp.exp(-v)),
    BY_NAME["softplus"].head: lambda v: sp.log(1 + sp.exp(v)),
    BY_NAME["relu"].head: lambda v: sp.Max(v, 0),
}


def evaluate(expressions, variables, points):
    """The expressions at the points by SymPy, in 30 digits."""
    for head, meaning in KNOWN.items():
        expressions = [e.replace(head, meaning) for e in expressions]
    values = [{v: sp.Float(p, 30) for v, p in zip(variables, point)} for point in points.tolist()]
    return np.array([[float(sp.N(e.subs(value), 30)) for e in expressions] for value in values])


def assert_exact(expressions, domain=None, tolerance=1e-13):
    variables = VARIABLES[: len(expressions)]
    field = decompose(expressions, variables, domain)
    box = domain or Box(-np.ones(len(expressions)), np.ones(len(expressions)))
    points = box.uniform(4, seed=1)
    expected = evaluate(expressions, variables, points)
    # Rounding of the terms, which may be larger than their sum: |a_k| |g_k| over all pieces, and |A| |x|.
    terms = np.abs(points @ field.w.T + field.b)
    size = 1 + np.abs(field.A).sum() * np.abs(points).max() + np.abs(field.c).sum()
    for k, profile in enumerate(field.profiles):
        w_size = 1 + np.abs(field.w[k]) @ np.abs(points).max(axis=0) + abs(field.b[k])
        slope = np.abs(profile.derivative(points @ field.w[k] + field.b[k])).max()
        size += np.abs(field.a[k]).max() * (np.abs(profile.value(terms[:, k])).max() + slope * w_size)
    np.testing.assert_allclose(field(0.0, points), expected, rtol=0, atol=tolerance * size)
    return field


numbers = st.one_of(
    st.integers(-3, 3).filter(bool).map(sp.Integer),
    st.sampled_from([sp.Rational(1, 3), sp.Rational(-5, 7), sp.Float(0.1), sp.Float(-2.7)]),
)
boxes = st.sampled_from(["none", "symmetric", "shifted", "narrow"])


def box_of(kind: str, d: int) -> Box | None:
    i = np.arange(d)
    return {
        "none": None,
        "symmetric": Box(-1.0 - i, 1.0 + i),
        "shifted": Box(0.3 + i, 2.0 + 3 * i),
        "narrow": Box(np.full(d, 5.0), np.full(d, 5.25)),
    }[kind]


@st.composite
def polynomials(draw):
    d = draw(st.integers(2, 4))
    monomials = st.lists(st.integers(0, d - 1), min_size=0, max_size=4)
    equation = st.lists(st.tuples(numbers, monomials), min_size=0, max_size=5)
    return [sp.Add(*(c * sp.Mul(*(VARIABLES[i] for i in m)) for c, m in draw(equation))) for _ in range(d)]


@laws
@given(expressions=polynomials(), kind=boxes)
def test_random_polynomials(expressions, kind):
    field = assert_exact(expressions, box_of(kind, len(expressions)))
    assert {p.name for p in field.profiles} <= {"power2", "power3", "power4"}


@laws
@given(expressions=polynomials())
def test_polynomials_are_centred_and_balanced(expressions):
    box = box_of("shifted", len(expressions))
    field = decompose(expressions, VARIABLES[: len(expressions)], box)
    single = (field.w != 0).sum(axis=1) == 1
    reach = np.abs(field.w) @ (box.width / 2)
    # The argument of a power in several variables vanishes at the centre of the box; a power of one variable
    # may stand off centre, where that saves a lower one.
    np.testing.assert_allclose((field.w @ box.center + field.b)[~single], 0, atol=1e-12)
    assert np.all(reach <= 4.0 + 1e-12)  # u + v + z + w is the longest form, 2 u + v the next


@st.composite
def ridge_functions(draw):
    """Functions of affine forms: registered ones, powers, and products of functions of one form."""
    d = draw(st.integers(1, 3))
    small = st.integers(-2, 2)

    def form():
        w = draw(st.lists(small, min_size=d, max_size=d).filter(any))
        return sum(c * v for c, v in zip(w, VARIABLES)) + draw(st.sampled_from([0, 1, sp.Float(0.3)]))

    def term():
        z, c = form(), draw(numbers)
        return draw(
            st.sampled_from(
                [
                    c * BY_NAME[draw(st.sampled_from(sorted(set(BY_NAME) - {"log", "sqrt", "tan"})))].head(z),
                    c * z ** draw(st.integers(1, 6)),
                    c * z / (1 + z**2),
                    c * sp.sin(2 * z + 1) * sp.exp(-z),
                    c / (2 + sp.cos(z)),
                    c * sp.log(1 + z**2),
                    c * sp.sqrt(2 + sp.tanh(z)),
                    c * sp.tan(z / 10),
                ]
            )
        )

    return [sp.Add(*(term() for _ in range(draw(st.integers(0, 3))))) for _ in range(d)]


@laws
@given(expressions=ridge_functions(), kind=boxes.filter(lambda kind: kind != "narrow"))
def test_random_functions_of_affine_forms(expressions, kind):
    assert_exact(expressions, box_of(kind, len(expressions)))


@pytest.mark.parametrize(
    ("equations", "profiles"),
    [
        # One piece for each different function of a form, however many equations it stands in.
        ({"x": "sin(y - x)", "y": "3*sin(x - y)"}, {"sin": 1}),
        ({"x": "tanh(2*x) - 3*tanh(-2*x)", "y": "cos(x - y) + cos(y - x)"}, {"tanh": 1, "cos": 1}),
        ({"x": "relu(y - x) - 2*relu(x - y)", "y": "relu(2*x - 2*y)"}, {"relu": 1}),
        ({"x": "abs(x)", "y": "abs(-3*x)"}, {"abs": 1}),
        ({"x": "sigmoid(x + y)", "y": "sigmoid(-x - y)"}, {"sigmoid": 1}),
        ({"x": "softplus(1 - x)", "y": "softplus(x - 1)"}, {"softplus": 1}),
        ({"x": "exp(x)*exp(-y)", "y": "exp(x - y)/2"}, {"exp": 1}),
        ({"x": "x/(1 + x**2)", "y": "2*x/(x**2 + 1)"}, {"z/(z**2 + 1)": 1}),
        ({"x": "1/(x + y + 3)", "y": "log(x + y + 3)"}, {"1/z": 1, "log(z)": 1}),
        ({"x": "tan(2*x + 1)", "y": "sqrt(2*x + 1)"}, {"tan(z)": 1, "sqrt(z)": 1}),
        ({"x": "sin(x)*exp(-x)", "y": "x**0.5"}, {"exp(-z)*sin(z)": 1, "sqrt(z)": 1}),
        ({"x": "(x - 2*y)**3", "y": "(2*y - x)**3"}, {"power3": 1}),
        ({"x": "(x - 2*y)**7", "y": "x**5"}, {"power7": 1, "power5": 1}),
        # Polynomials: the counts are the least possible.
        ({"x": "x*y", "y": "-x*y"}, {"power2": 2}),
        ({"x": "x**2 + 2*x*y + y**2", "y": "x"}, {"power2": 1}),
        ({"x": "x**2 + x*y - 3*y**2", "y": "0"}, {"power2": 2}),
        ({"x": "x**2", "y": "x*y", "z": "y**2"}, {"power2": 3}),
        ({"x": "x*y", "y": "x*z", "z": "0"}, {"power2": 4}),
        ({"x": "x**2*y", "y": "0"}, {"power3": 3}),
        ({"x": "x**2*y", "y": "x*y**2"}, {"power3": 4}),
        ({"x": "x*y*z", "y": "0", "z": "0"}, {"power3": 4}),
        ({"x": "x**3*y", "y": "0"}, {"power4": 4}),
        ({"x": "x**3*y + x*y**3", "y": "0"}, {"power4": 2}),
        ({"x": "x**3*y", "y": "x*y**3"}, {"power4": 4}),
        ({"x": "x**2*y**2", "y": "0"}, {"power4": 4}),
        ({"x": "x**2*y*z", "y": "0", "z": "0"}, {"power4": 6}),
        ({"x": "x*y*z*u", "y": "0", "z": "0", "u": "0"}, {"power4": 8}),
        # What cancels leaves nothing behind.
        ({"x": "(x + y)**2 - (x - y)**2 - 4*x*y", "y": "sin(x) + sin(-x)"}, {}),
        ({"x": "(x + sin(y))*(x - sin(y)) - x**2", "y": "0"}, {"sin(z)**2": 1}),
        ({"x": "x*(1 - x)*(x - 0.1)", "y": "y"}, {"power3": 1}),
        ({"x": "2*x - 3*(y - 1)/4", "y": "pi"}, {}),
    ],
)
def test_ridges_are_few_and_shared(equations, profiles):
    field = from_equations(equations)
    if "x*(1 - x)" in equations["x"]:  # with the box, the square joins the cube; without, it need not
        field = from_equations(equations, domain=Box([0, 0], [1, 1]))
    assert Counter(p.name for p in field.profiles) == profiles


def test_one_variable_needs_one_power_wherever_the_box_is():
    field = from_equations({"x": "x**3", "y": "y**4 + 1"}, domain=Box([0.3, 2], [2, 5]))
    assert [p.name for p in field.profiles] == ["power3", "power4"]
    np.testing.assert_allclose(field.b, 0, atol=1e-15)
    # x (x - 1) (x - 2) is a shifted cube and an affine remainder.
    assert from_equations({"x": "x*(x - 1)*(x - 2)"}, domain=Box([0], [2])).ridges == 1


def test_scaling_to_the_box_balances_the_variables():
    field = from_equations({"x": "x*y", "y": "0"}, domain=Box([-1, 900], [1, 1100]))
    np.testing.assert_allclose(np.abs(field.w), [[1, 0.01], [1, 0.01]], rtol=1e-15)
    np.testing.assert_allclose(np.abs(field.b), [10, 10], rtol=1e-15)
    np.testing.assert_allclose(field.A, [[1000, 0], [0, 0]], rtol=1e-15)


@pytest.mark.parametrize(
    "monomial",
    [m for r in (2, 3, 4) for m in combinations_with_replacement(range(4), r)],
)
def test_polarization_is_an_identity(monomial):
    terms = polarize(monomial)
    powers = sum(
        sp.Rational(weight.numerator, weight.denominator)
        * sum(int(n) * VARIABLES[i] for i, n in form.items()) ** len(monomial)
        for form, weight in terms
    )
    assert sp.expand(powers - sp.Mul(*(VARIABLES[i] for i in monomial))) == 0


Z = sp.Symbol("z", real=True)


@pytest.mark.parametrize(
    "g",
    [
        1 / (1 + Z**2),
        sp.sin(Z) ** 2 * sp.exp(-Z) / 2,
        Z**0.5 + Z**-2,
        sp.log(2 + sp.cos(Z)) ** 3,
        sp.atan(Z) * Z,
    ],
    ids=str,
)
def test_composite_profiles_carry_their_derivative(g):
    profile, points = composite_profile(g, Z), np.linspace(0.2, 3, 7)
    for exact, found in [(g, profile.value), (sp.diff(g, Z), profile.derivative)]:
        # A dozen roundings in each.
        np.testing.assert_allclose(found(points), [float(exact.subs(Z, p)) for p in points], rtol=1e-13)
    assert profile.closed_flow is None


def test_composite_profiles_know_their_kinks():
    relu = BY_NAME["relu"].head
    assert composite_profile(sp.exp(sp.Abs(2 * Z - 1)) + relu(Z) * Z, Z).breaks == (0.0, 0.5)
    assert composite_profile(sp.exp(Z) / Z, Z).breaks == ()


@pytest.mark.parametrize(
    ("equations", "message"),
    [
        (
            {"x": "sin(x)*y", "y": "x"},
            r"equation x: the term y\*sin\(x\) mixes functions of several variables",
        ),
        ({"x": "y", "y": "x + 2*x/y"}, r"equation y: the term 2\*x/y mixes"),
        ({"x": "sin(x*y)", "y": "x"}, r"the term sin\(x\*y\) mixes"),
        ({"x": "x**3*y**2", "y": "x"}, r"x\*\*3\*y\*\*2 is a polynomial of degree 5 in several variables"),
        ({"x": "(x + y + sin(x))**9", "y": "x"}, "made of functions of one affine form, such as"),
        ({"x": "(x + sin(y))**4", "y": "x"}, "mixes functions of several variables"),
    ],
)
def test_what_is_not_a_ridge_sum_is_named(equations, message):
    with pytest.raises(FieldError, match=message):
        from_equations(equations, exact=True)


def test_decompose_checks_the_box():
    with pytest.raises(FieldError, match="2 equations need a box of dimension 2, got 3"):
        decompose([VARIABLES[0], VARIABLES[1]], VARIABLES[:2], Box([0, 0, 0], [1, 1, 1]))


def test_decompose_refuses_functions_and_powers_it_cannot_evaluate():
    x = VARIABLES[0]
    with pytest.raises(FieldError, match=r"the function gamma .* is not supported"):
        decompose([sp.gamma(x)], [x])
    with pytest.raises(FieldError, match="the power 99 is too high; at most 64"):
        decompose([x**99], [x])


def test_coefficients_beyond_floating_point_are_refused():
    with pytest.raises(FieldError, match="coefficients too large for floating point; rescale"):
        from_equations({"x": "1e300*(1e3*x + 1)**4"})
