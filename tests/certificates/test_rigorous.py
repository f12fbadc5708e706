"""Rigorous bounds: they hold everywhere, grow with damage, and come close to the error that is found."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from vanillaflow.constructions.refine.parameters import project
from vanillaflow.enclosures.field_programs import program_of
from vanillaflow.enclosures.forms import SMOOTH, Forms, apply, intervals, real_power
from vanillaflow.enclosures.integrator import integrator
from vanillaflow.enclosures.layer_forms import layer_forms
from vanillaflow.enclosures.monomials import monomials
from vanillaflow.enclosures.operations import Kinked
from vanillaflow.enclosures.patches import first_cells, halve, integrate, patches
from vanillaflow.enclosures.planar_forms import planar_forms
from vanillaflow.enclosures.series import Series, product
from vanillaflow.network.precision import in_precision

numbers = st.floats(-8, 8, allow_subnormal=False).map(lambda v: round(v, 6))


def random_flow(d, kinks, seed, domain):
    rng = np.random.default_rng(seed)
    a, w = 0.3 * rng.normal(size=(kinks, d)), rng.normal(size=(kinks, d))
    t = rng.normal(size=kinks)
    M = np.eye(d) + 0.2 * rng.normal(size=(d, d))
    return project(a, w, t, M, rng.normal(size=d)).flow(domain)


def cell(low, high):
    """One cell as forms, and random points of it as values of its symbols."""
    center, half = (np.asarray(high) + low) / 2, (np.asarray(high) - low) / 2
    g = np.zeros((center.size, center.size, 1))
    g[np.arange(center.size), np.arange(center.size), 0] = half
    return Forms(center[:, None], g, np.zeros((center.size, 1)))


def distance(forms, e, y):
    """How far y (points, m) is outside the forms with the first s symbols e (points, s), the others free."""
    s = e.shape[1]
    value = forms.c[:, 0] + e @ forms.g[:s, :, 0]
    free = np.abs(forms.g[s:, :, 0]).sum(axis=0) + forms.r[:, 0]
    return float(np.max(np.abs(y - value) - free))


@settings(max_examples=60, deadline=None)
@given(st.lists(numbers, min_size=12, max_size=12), st.lists(st.floats(-1, 1), min_size=2, max_size=2))
def test_operations_hold_the_exact_rational_results(values, e):
    def form(c, g1, g2, r):
        return Forms(np.array([[c]]), np.array([[[g1]], [[g2]]]), np.array([[abs(r)]]))

    def exact(c, g1, g2, r, where):
        return (
            Fraction(c)
            + Fraction(g1) * Fraction(e[0])
            + Fraction(g2) * Fraction(e[1])
            + where * abs(Fraction(r))
        )

    def holds(result, value):
        middle = Fraction(float(result.c[0, 0])) + sum(
            Fraction(float(result.g[i, 0, 0])) * Fraction(e[i]) for i in range(2)
        )
        return abs(value - middle) <= Fraction(float(result.r[0, 0]))

    x, y = form(*values[:4]), form(*values[4:8])
    series = []
    for first, second in ((x, form(*values[8:])), (y, x)):
        pair = Series(2, 1, 2, 1)
        pair[0], pair[1] = first, second
        series.append(pair)
    for where in (-1, 0, 1):
        a, b, c = exact(*values[:4], where), exact(*values[4:8], -where), exact(*values[8:], where)
        a2 = exact(*values[:4], -where)
        assert holds(x + y, a + b)
        assert holds(x.times(values[8]), a * Fraction(values[8]))
        assert holds(x.shift(values[8]), a + Fraction(values[8]))
        assert holds(product(series[0], series[1], 0), a * b)
        # (x + c h) (y + x h): the coefficient of h.
        assert holds(product(series[0], series[1], 1), a * a2 + c * b)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(numbers, min_size=24, max_size=24),
    st.lists(st.floats(-1, 1).map(lambda v: round(v, 3)), min_size=2, max_size=2),
)
def test_products_of_polynomials_hold_the_exact_rational_results(values, e):
    """Of degree 2 in two symbols, with a symbol more that is no monomial."""
    known = monomials(2, 2)
    first, second = (Fraction(v) for v in e)
    powers = [first ** int(i) * second ** int(j) for i, j in known.exponents]
    symbols = [*powers, Fraction(1, 3)]

    def series(c, g, r):
        made = Series(1, 1, 6, 1, known)
        made[0] = Forms(np.array([[c]]), np.reshape(g, (6, 1, 1)).astype(float), np.array([[abs(r)]]))
        return made

    def value(c, g, r, where):
        return Fraction(c) + sum(Fraction(a) * m for a, m in zip(g, symbols)) + where * abs(Fraction(r))

    x, y = ((v[0], v[1:7], v[7]) for v in (values[:8], values[8:16]))
    result = product(series(*x), series(*y), 0)
    middle = Fraction(float(result.c[0, 0])) + sum(
        Fraction(float(result.g[i, 0, 0])) * m for i, m in enumerate(symbols)
    )
    for where in (-1, 0, 1):
        exact = value(*x, where) * value(*y, -where)
        assert abs(exact - middle) <= Fraction(float(result.r[0, 0]))


@pytest.mark.parametrize(("dim", "degree"), [(1, 5), (2, 4), (3, 3), (4, 2), (5, 1)])
def test_monomials(dim, degree):
    known = monomials(dim, degree)
    np.testing.assert_array_equal(known.exponents[:dim], np.eye(dim))
    sums = known.exponents.sum(axis=1)
    assert np.all(np.diff(sums) >= 0) and sums.max() == degree
    assert len(np.unique(known.exponents, axis=0)) == len(known)
    np.testing.assert_array_equal(
        known.exponents[known.left] + known.exponents[known.right], known.exponents[known.result]
    )
    assert known.result.size == sum(1 for i in sums for j in sums if i + j <= degree)
    assert known.squares == np.count_nonzero(2 * sums <= degree)


@pytest.mark.parametrize(
    ("field", "duration", "low", "high"),
    [
        pytest.param(vf.zoo.pendulum().field, 0.8, [0.2, -0.6], [0.6, -0.1], id="pendulum"),
        pytest.param(vf.zoo.spiral_node().field, 0.2, [0.3, -0.5], [0.5, -0.3], id="spiral_node"),
        pytest.param(vf.zoo.lorenz().field, 0.1, [1.0, -1.0, 14.0], [3.0, 1.0, 16.0], id="lorenz"),
        pytest.param(vf.from_equations({"x": "cos(3*t) - x**2/3"}), 1.5, [-0.5], [0.5], id="in time"),
    ],
)
def test_taylor_models_hold_the_flow_on_patches_and_cells(field, duration, low, high):
    box, d = vf.Box(low, high), len(low)
    target = vf.FlowMap(field, duration, box, rtol=1e-12)
    exact, known = integrator(field, duration, 1e-9), monomials(d, 3)
    found = integrate(exact, known, *first_cells(box, 2**d))
    assert np.isfinite(found.rest).all()
    # Far closer than forms without monomials, whose rest is that of the squares.
    plain, _ = exact(cell(low, high))
    free = (np.abs(plain.g[d:]).sum(axis=0) + plain.r).max()
    assert found.rest.max() <= 0.2 * free
    rng = np.random.default_rng(3)
    for part in (1.0, 0.3, 1e-3):
        patch = rng.integers(len(found), size=20)
        halves = part * found.halves[patch]
        centers = found.centers[patch] + rng.uniform(-1, 1, (20, d)) * (1 - part) * found.halves[patch]
        forms = found.forms(patch, centers, halves)
        e = np.concatenate([rng.uniform(-1, 1, (60, d)), rng.choice([-1.0, 1.0], (20, d))])
        for i in range(20):
            one = Forms(forms.c[:, i : i + 1], forms.g[:, :, i : i + 1], forms.r[:, i : i + 1])
            assert distance(one, e, target(centers[i] + e * halves[i])) <= 1e-9


def test_patches_are_cut_until_little_is_left():
    system = vf.zoo.pendulum()
    exact = integrator(system.field, 1.0, 1e-6)
    found = patches(exact, monomials(2, 3), system.domain, 4, 1e-4, 10_000, lambda: False)
    assert found.rest.max() <= 1e-4 and len(found) > 4
    few = patches(exact, monomials(2, 3), system.domain, 4, 1e-4, 20, lambda: False)
    assert len(few) <= 20
    for each in (found, few):
        area = np.prod(2 * each.halves, axis=1).sum()
        assert area == pytest.approx(np.prod(system.domain.width), rel=1e-9)
    ends = vf.from_equations({"x": "x**2 + 1", "y": "y"})
    lost = patches(
        integrator(ends, 2.0, 1e-6), monomials(2, 3), vf.Box([0, 0], [1, 1]), 4, 1e-4, 20, lambda: False
    )
    assert np.isinf(lost.rest).any()


@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_functions_hold_their_values(name):
    rng = np.random.default_rng(0)
    positive = name in ("log", "reciprocal")
    for scale in (1e-8, 1e-3, 0.1, 1.0):
        c = rng.uniform(2.5 if positive else -4, 5, (1, 400))
        g, r = scale * rng.normal(size=(3, 1, 400)) / 3, scale * 0.2 * rng.random((1, 400))
        r = np.minimum(r, np.maximum(c - np.abs(g).sum(axis=0) - 0.1, 0)) if positive else r
        g = g * np.minimum(1, (c - 0.2) / 3) if positive else g
        result = apply(Forms(c, g, r), SMOOTH[name])
        assert np.all(np.isfinite(result.r))
        for _ in range(20):
            e, rest = rng.choice([-1, 0.3, 1], size=(3, 1, 1)), r * rng.choice([-1, 1])
            exact = SMOOTH[name][0](c + (g * e).sum(axis=0) + rest)
            off = np.abs(exact - result.c - (result.g * e).sum(axis=0))
            # The values here are rounded themselves, as their argument is.
            assert np.all(off <= result.r * (1 + 1e-9) + 1e-14 * (1 + np.abs(exact)))
    if positive:
        across = apply(intervals(np.array([[-1.0]]), np.array([[1.0]])), SMOOTH[name])
        assert not np.isfinite(across.r[0, 0])


def test_real_powers_hold_their_values():
    for p in (-1.5, 0.5, 1.5, 2.7):
        x = np.linspace(0.5, 1.5, 50)
        result = apply(intervals(np.array([[0.5]]), np.array([[1.5]])), real_power(p))
        assert np.all(np.abs(x**p - result.c[0, 0]) <= result.r[0, 0])


EVERY = {
    "x": "y*cos(t) + exp(-x**2)/4 - arctan(y)/3",
    "y": "-sin(x) - 0.2*y + tanh(x*y) + sigmoid(x) - softplus(y)/5 + log(3 + x) * sqrt(4 + y) / (2 + cos(x))",
}


CORNERS = [
    pytest.param(
        vf.RidgeField(
            [[0.5, -0.2], [-0.4, 0.6], [0.3, 0.5], [0.2, 0.4], [-0.3, 0.2]],
            [[1.0, 0.4], [0.5, -1.0], [-0.7, 0.9], [0.3, 1.0], [1.0, -0.2]],
            [0.1, -0.2, 0.3, 0.0, 0.05],
            ["relu", "abs", "leaky_relu(0.3)", "elu", "tanh"],
            A=[[-0.3, 1.0], [-1.0, -0.3]],
        ),
        id="profiles",
    ),
    pytest.param(
        vf.from_equations({"x": "y", "y": "-abs(x)*x/2 - relu(y - 0.2) + exp(-abs(x))/5"}), id="equations"
    ),
]


@pytest.mark.parametrize("field", CORNERS)
def test_the_integrator_holds_the_flow_across_corners(field):
    rng = np.random.default_rng(4)
    n, half, known = 40, 0.02, monomials(2, 2)
    centers = np.concatenate([rng.uniform(-0.9, 0.9, (2, n - 1)), np.zeros((2, 1))], axis=1)
    g = np.zeros((len(known), 2, n))
    g[0, 0] = g[1, 1] = half
    target = vf.FlowMap(field, 0.3, vf.Box([-1, -1], [1, 1]), rtol=1e-12)
    forms, found = integrator(field, 0.3, 1e-2)(Forms(centers, g, np.zeros((2, n))), known)
    free = np.abs(forms.g[len(known) :]).sum(axis=0) + forms.r
    assert found.all() and free.max() <= 0.02
    for e in np.concatenate([rng.uniform(-1, 1, (15, 2)), [[0, 0], [1, 1], [-1, 1]]]):
        powers = np.prod(e**known.exponents, axis=1)
        inside = forms.c + np.einsum("s,smn->mn", powers, forms.g[: len(known)])
        assert np.all(np.abs(target((centers + half * e[:, None]).T).T - inside) <= free + 1e-10)


def test_a_certificate_of_a_field_with_a_corner():
    field = vf.from_equations({"x": "y", "y": "-abs(x)"})
    target = vf.FlowMap(field, 0.2, vf.Box([-0.5, -0.5], [0.5, 0.5]))
    flow = vf.PlanarFlow.identity(2, target.domain)
    certificate = vf.certify(flow, target, "rigorous", factor=2.5)
    x = target.domain.uniform(20_000, 2)
    assert np.abs(flow(x) - target(x)).max() <= certificate.bound <= 2.5 * certificate.largest * (1 + 1e-9)


@pytest.mark.parametrize(("left", "right"), [(0.0, 1.0), (-1.0, 1.0), (0.3, 1.0), (1.0, -0.5)])
def test_kinked_functions_hold_their_values(left, right):
    rng = np.random.default_rng(0)
    n = 500
    x = Series(3, 1, 2, n)
    for k in range(3):
        x[k] = Forms(rng.normal(size=(1, n)), 0.5 * rng.normal(size=(2, 1, n)), 0.1 * rng.random((1, n)))
    found = [Kinked(0, left, right)([x], k) for k in range(3)]
    reach = x[0].radius
    mixed = np.abs(x[0].c) < reach
    assert mixed.any() and not mixed.all() and np.all(np.isfinite(found[2].r) == ~mixed)
    for e in rng.uniform(-1, 1, (40, 2, 1, 1)):
        free = rng.choice([-1.0, 0.2, 1.0])
        z = [x[k].c + (e * x[k].g).sum(axis=0) + free * x[k].r for k in range(3)]
        slope = np.where(z[0] > 0, right, left)
        # A function of time: the second derivative of z is twice its coefficient.
        for k, exact in enumerate((slope * z[0], slope * z[1], slope * z[2])):
            off = np.abs(exact - found[k].c - (e * found[k].g).sum(axis=0))
            assert np.all(off <= found[k].r + 1e-12)


@pytest.mark.parametrize(
    "equations",
    [
        {"x": "y", "y": "-sinh(x)/5 - sqrt(4 + x)"},
        {"x": "-x/(1 + x**2)", "y": "-log(3 + y)"},
        {"x": "exp(-x**2) - y", "y": "tan(x/3) - cosh(y)"},
    ],
)
def test_functions_of_one_combination_are_known_by_their_formula(equations):
    field = vf.from_equations(equations)
    assert isinstance(field, vf.RidgeField)
    x = np.random.default_rng(0).uniform(-1, 1, (2, 7))
    forms = program_of(field).slope(
        Forms(x, np.zeros((0, 2, 7)), np.zeros((2, 7))),
        Forms(np.zeros((1, 7)), np.zeros((0, 1, 7)), np.zeros((1, 7))),
    )
    np.testing.assert_allclose(forms.c.T, field(0.0, x.T), rtol=1e-13, atol=1e-14)
    assert np.all(forms.r <= 1e-12)


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(vf.zoo.pendulum().field, id="pendulum"),
        pytest.param(vf.zoo.spiral_node().field, id="spiral_node"),
        pytest.param(vf.from_equations(EVERY), id="every function"),
        pytest.param(
            vf.RidgeField(
                [[1, 0.2], [0.1, -1], [0.3, 0.5], [0, 0.4]],
                [[0.5, 1], [1, -0.3], [0.2, 0.8], [1, 0]],
                [0.1, -0.2, 0.3, 0],
                ["silu", "gelu", "softplus", "power3"],
                A=[[0, 1], [-1, 0]],
            ),
            id="profiles",
        ),
        pytest.param(
            vf.PiecewiseField(
                [vf.zoo.pendulum().field, vf.RidgeField([[0, 2.0]], [[1, 0]], [0], "cos")], [0.35]
            ),
            id="switching",
        ),
    ],
)
def test_the_integrator_holds_the_flow(field):
    low, high = np.array([0.3, -0.5]), np.array([0.45, -0.3])
    duration = 0.25 if field is vf.zoo.spiral_node().field else 0.8
    exact = integrator(field, duration, 1e-9)
    forms, found = exact(cell(low, high))
    assert found.all()
    rng = np.random.default_rng(1)
    e = np.concatenate([rng.uniform(-1, 1, (300, 2)), [[1, 1], [-1, 1], [1, -1], [-1, -1]]])
    x = (low + high) / 2 + e * (high - low) / 2
    target = vf.FlowMap(field, duration, vf.Box(low, high), rtol=1e-12)
    assert distance(forms, e, target(x)) <= 1e-10
    # And not by being large: for a point hardly anything is left but remainders.
    point, _ = exact(cell(low, low))
    free = np.abs(point.g).sum(axis=0) + point.r
    assert free.max() <= 1e-8
    assert np.abs(point.c[:, 0] - target(low[None])[0]).max() <= free.max() + 1e-10


def test_the_integrator_against_fifty_digits():
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 50
    field = vf.from_equations({"x": "y", "y": "-sin(x) - y/5"})
    exact = integrator(field, 1.0, 1e-11)
    # As the field has it in float64.
    damping = mpmath.mpf(0.2)

    def rate(t, y):
        return [y[1], -mpmath.sin(y[0]) - damping * y[1]]

    for start in ([0.5, -1.25], [-2, 2], [1.75, 0.125]):
        forms, found = exact(cell(np.array(start), np.array(start)))
        solution = mpmath.odefun(rate, 0, [mpmath.mpf(v) for v in start])(1)
        assert found.all()
        for i in range(2):
            rest = np.abs(forms.g[:, i, 0]).sum() + forms.r[i, 0]
            assert abs(mpmath.mpf(float(forms.c[i, 0])) - solution[i]) <= rest <= 1e-10


def test_where_the_flow_ends_nothing_is_found():
    field = vf.from_equations({"x": "x**2 + 1", "y": "y"})
    forms, found = integrator(field, 2.0, 1e-6)(cell([0.0, 0.0], [0.1, 0.1]))
    assert not found.any() and np.isfinite(forms.c).all()


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("dialect", ["planar", "leaky_relu", "prelu", "relu"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_forms_of_networks_hold_their_values(d, dialect, dtype):
    flow = random_flow(d, 9, d, vf.Box(-np.ones(d), np.ones(d)))
    if dialect == "planar":
        if dtype == "float32":
            pytest.skip("a PlanarFlow is evaluated in float64")
        evaluate, forms_of = flow, lambda *cells: planar_forms(flow, *cells)
    else:
        network = flow.to_network(dialect)
        evaluate = in_precision(network, dtype)
        forms_of = lambda *cells: layer_forms(network, dtype, *cells)  # noqa: E731
    rng = np.random.default_rng(d)
    for half in (1.0, 0.2, 1e-3):
        center = rng.uniform(-1 + half, 1 - half, (1, d)) if half < 1 else np.zeros((1, d))
        forms = forms_of(center, np.full((1, d), half))
        e = rng.uniform(-1, 1, (500, d))
        assert distance(forms, e, evaluate(center + half * e)) <= 0


@pytest.fixture(scope="module")
def compiled():
    target = vf.FlowMap(vf.zoo.pendulum().field, 0.6, vf.Box([-1.5, -1.5], [1.5, 1.5]))
    return vf.compile(target, 4e-2), target


def test_the_bound_is_above_every_error_and_close_to_the_largest(compiled):
    flow, target = compiled
    certificate = vf.certify(flow, target, "rigorous", factor=1.3)
    x = target.domain.uniform(50_000, seed=8)
    errors = np.abs(flow(x) - target(x))
    assert (
        errors.max() <= certificate.largest * 1.02 <= certificate.bound * 1.02 <= 1.33 * certificate.largest
    )
    assert np.all(errors.max(axis=0) <= certificate.per_output)
    assert certificate.confidence == 1 and certificate.method == "rigorous"
    assert "everywhere" in certificate.statement


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bound_of_a_network(compiled, dtype):
    flow, target = compiled
    network = flow.to_network()
    certificate = vf.certify(network, target, "rigorous", dtype=dtype, factor=1.5)
    x = target.domain.uniform(20_000, seed=8)
    errors = np.abs(in_precision(network, dtype)(x) - target(x)).max()
    assert errors <= certificate.bound <= 1.5 * certificate.largest * (1 + 1e-9)


@pytest.mark.parametrize("part", ["weight", "kink"])
def test_damage_shows_in_the_bound(compiled, part):
    flow, target = compiled
    a, t = flow.a.copy(), flow.t.copy()
    if part == "weight":
        a[0] *= 1.1
    else:
        t[len(t) // 2] += 0.3
    damaged = vf.PlanarFlow(a, flow.w, t, flow.stops, flow.M, flow.m, domain=flow.domain)
    certificate = vf.certify(damaged, target, "rigorous", factor=1.5)
    x = target.domain.uniform(50_000, seed=8)
    assert np.abs(damaged(x) - target(x)).max() <= certificate.bound


def test_the_bisection_ends_where_it_is_told(compiled):
    flow, target = compiled
    few = vf.certify(flow, target, "rigorous", max_cells=300)
    assert few.points <= 300 and few.bound > few.largest
    late = vf.certify(flow, target, "rigorous", max_seconds=1e-9)
    assert np.isfinite(late.bound)
    assert vf.certify(flow, target, "rigorous", goal=3 * few.largest).bound <= 3 * few.largest


def test_certificates_are_saved_and_proved_again(compiled, tmp_path):
    flow, target = compiled
    certificate = vf.certify(flow, target, "rigorous", factor=1.5)
    certificate.save(tmp_path / "proof.json")
    read = vf.Certificate.load(tmp_path / "proof.json")
    assert read.bound == certificate.bound
    assert "is proved" in read.check(flow, target)
    other = vf.PlanarFlow(flow.a, flow.w, flow.t * (1 + 1e-12), flow.stops, flow.M, flow.m, flow.domain)
    with pytest.raises(vf.CertificateRefused, match="another network"):
        read.check(other, target)


def test_fields_without_a_program_are_refused():
    target = vf.FlowMap(vf.from_callable(lambda x: -x, 2), 1.0, vf.Box([-1, -1], [1, 1]))
    with pytest.raises(vf.FieldError, match="rigorous"):
        vf.certify(vf.PlanarFlow.identity(2, target.domain), target, "rigorous")
    # A name alone is no proof of what a function is.
    for name in ("tanh", "power3", "power_law", "of my own"):
        mine = vf.Profile(name, lambda z: 2 * np.tanh(z), lambda z: 2 - 2 * np.tanh(z) ** 2)
        with pytest.raises(vf.FieldError, match=name):
            program_of(vf.RidgeField([[1.0], [2.0]], [[1.0], [1.0]], [0.0, 1.0], ["tanh", mine]))
    with pytest.raises(ValueError, match="factor"):
        vf.certify(vf.PlanarFlow.identity(2, target.domain), target, "rigorous", factor=1.0)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_cells_cover_the_box(d):
    box = vf.Box(-np.arange(1.0, d + 1), np.ones(d))
    centers, halves = first_cells(box, 30)
    x = np.concatenate([box.sample(256), box.corners()])
    inside = np.all(np.abs(x[:, None] - centers) <= halves, axis=2)
    assert inside.any(axis=1).all()
    centers, halves = halve(centers, halves, np.arange(len(centers)) % d)
    assert np.all(np.abs(x[:, None] - centers) <= halves, axis=2).any(axis=1).all()


def test_expressions_agree_with_sympy():
    field = vf.from_equations(EVERY)
    program = program_of(field)
    x, t = np.array([[0.4], [-0.7]]), 0.3
    forms = program.slope(
        Forms(x, np.zeros((0, 2, 1)), np.zeros((2, 1))),
        Forms(np.full((1, 1), t), np.zeros((0, 1, 1)), np.zeros((1, 1))),
    )
    np.testing.assert_allclose(forms.c[:, 0], field(t, x.T)[0], rtol=1e-13)
    assert isinstance(field.expressions[0], sp.Expr)
