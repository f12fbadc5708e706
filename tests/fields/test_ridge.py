"""RidgeField and PiecewiseField: values, exact sub-flows, segments, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from vanillaflow import FieldError, PiecewiseField, Profile, RidgeField
from vanillaflow.fields.profiles import profile_names

laws = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 2**32 - 1)
SMOOTH = [name for name in profile_names() if "relu" not in name and name not in ("abs", "elu")]

SMALL = [None, 0.0, 1e-12, -1e-8, 1e-6, 9e-6, -1.1e-5, 1e-3]  # values of w.a; None leaves it to chance


def random_field(seed: int, dim: int, ridges: int) -> RidgeField:
    rng = np.random.default_rng(seed)
    a, w = rng.normal(size=(2, ridges, dim)) / np.sqrt(dim)
    return RidgeField(
        a,
        w,
        rng.normal(size=ridges),
        list(rng.choice(profile_names(), size=ridges)),
        A=rng.normal(size=(dim, dim)),
        c=rng.normal(size=dim),
    )


def solve(rate, x: np.ndarray, tau: float) -> np.ndarray:
    """x' = rate(x) for one point, to about 1e-12."""
    with np.errstate(all="ignore"):
        solution = solve_ivp(lambda _, y: rate(y), (0, tau), x, method="DOP853", rtol=1e-13, atol=1e-14)
    return solution.y[:, -1] if solution.success else np.full_like(x, np.nan)


@laws
@given(seed=seeds, dim=st.integers(1, 4), ridges=st.integers(0, 6))
def test_value_is_the_sum_of_affine_part_and_ridges(seed, dim, ridges):
    field = random_field(seed, dim, ridges)
    x = np.random.default_rng(seed).normal(size=(5, dim))
    expected = np.array([field.A @ p + field.c for p in x])
    for a, w, b, profile in zip(field.a, field.w, field.b, field.profiles):
        expected += np.array([a * profile.value(np.array([w @ p + b])) for p in x])
    # Sums of at most 12 terms in another order.
    np.testing.assert_allclose(field(0.0, x), expected, rtol=1e-12, atol=1e-12)
    assert field.dim == dim and field.ridges == ridges


@pytest.mark.parametrize("profile", SMOOTH)
@laws
@given(seed=seeds, tau=st.floats(-1, 1), mu=st.sampled_from(SMALL))
def test_ridge_flow_solves_its_equation(profile, seed, tau, mu):
    rng = np.random.default_rng(seed)
    a, w, x = rng.uniform(-1, 1, size=(3, 3))
    if mu is not None:  # tilt a so that w.a is small, where a difference quotient would lose digits
        a += w * (mu - w @ a) / (w @ w)
    field = RidgeField([a], [w], [rng.uniform(-1, 1)], profile)
    g = field.profiles[0].value
    exact = solve(lambda y: a * g(field.w @ y + field.b), x, tau)
    found = field.ridge_flow(0, tau, x[None])[0]
    if np.all(np.isfinite(exact)) and np.max(np.abs(exact)) < 50:
        # The solvers' 1e-12; the quotient (h - nu)/mu, used for |mu tau| > 1e-5, adds 1e-16/1e-5.
        np.testing.assert_allclose(found, exact, rtol=2e-10, atol=2e-10)
        np.testing.assert_allclose(field.ridge_flow(0, -tau, found[None])[0], x, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("profile", ["relu", "leaky_relu", "abs", "elu"])
@laws
@given(seed=seeds, tau=st.floats(-1, 1))
def test_ridge_flow_of_kinked_profiles(profile, seed, tau):
    rng = np.random.default_rng(seed)
    a, w, x = rng.uniform(-1, 1, size=(3, 2))
    field = RidgeField([a], [w], [0.3], profile)
    exact = solve(lambda y: a * field.profiles[0].value(field.w @ y + 0.3), x, tau)
    np.testing.assert_allclose(field.ridge_flow(0, tau, x[None])[0], exact, rtol=1e-9, atol=1e-9)


def test_ridge_flow_is_nan_where_it_blows_up():
    field = RidgeField([[1.0, 2.0]], [[1.0, 0.0]], [0.0], "power2")
    moved = field.ridge_flow(0, 1.0, np.array([[0.5, 0.0], [2.0, 0.0]]))
    np.testing.assert_allclose(moved[0], [1.0, 1.0], rtol=1e-14)  # x/(1 - x t), and y moves twice as far
    assert np.all(np.isnan(moved[1]))


@laws
@given(seed=seeds, dim=st.integers(1, 4), tau=st.floats(-1.5, 1.5), singular=st.booleans())
def test_affine_flow_solves_its_equation(seed, dim, tau, singular):
    rng = np.random.default_rng(seed)
    A, c, x = rng.normal(size=(dim, dim)), rng.normal(size=dim), rng.normal(size=dim)
    if singular:
        A[:, 0] = 0
    field = RidgeField(np.zeros((0, dim)), np.zeros((0, dim)), np.zeros(0), [], A=A, c=c)
    M, m = field.affine_flow(tau)
    exact = solve(lambda y: A @ y + c, x, tau)
    np.testing.assert_allclose(M @ x + m, exact, rtol=1e-10, atol=1e-10)


def test_tanh_is_the_class_of_the_paper():
    rng = np.random.default_rng(0)
    A, W, b, x = rng.normal(size=(2, 5)), rng.normal(size=(5, 2)), rng.normal(size=5), rng.normal(size=(7, 2))
    expected = np.tanh(x @ W.T + b) @ A.T
    np.testing.assert_allclose(RidgeField.tanh(A, W, b)(0.0, x), expected, rtol=1e-13, atol=1e-14)


def test_fields_are_copied_and_locked():
    a = np.ones((1, 2))
    field = RidgeField(a, [[1, 0]], [0], "sin")
    a[:] = 7
    assert field.a[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        field.a[0, 0] = 2
    assert repr(field) == "RidgeField(dim=2, ridges=1, profiles=sin)"
    assert "affine" in repr(RidgeField(np.zeros((0, 2)), np.zeros((0, 2)), [], []))


def test_own_profiles_are_welcome():
    wave = Profile("wave", lambda z: np.sin(3 * z), lambda z: 3 * np.cos(3 * z))
    field = RidgeField([[1.0]], [[1.0]], [0.0], wave)
    # nu' = sin(3 nu) is 3 nu = 2 arctan(e^{3t} tan(3 nu/2)).
    exact = 2 / 3 * np.arctan(np.exp(1.5) * np.tan(0.3))
    assert field.ridge_flow(0, 0.5, np.array([[0.2]]))[0, 0] == pytest.approx(exact, abs=1e-11)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1, 2]], [[1, 2, 3]], [0], "sin"), r"needs a and w of shape \(N, d\).*w \(1, 3\)"),
        (([1, 2], [1, 2], [0], "sin"), r"needs a and w of shape \(N, d\)"),
        (([[1, 2]], [[1, 2]], [0, 1], "sin"), r"b of shape \(N,\), got .* b \(2,\)"),
        (([[1, 2]], [[1, 2]], [0], ["sin", "cos"]), "1 ridge pieces but 2 profiles"),
        (([[1, 2]], [[1, 2]], [0], "sine"), "unknown profile 'sine'"),
        (([[1, 2]], [[1, 2]], [0], "sin", np.eye(3)), r"needs A \(2, 2\)"),
        (([[1, 2]], [[1, 2]], [0], "sin", None, [1]), r"c \(2,\)"),
        ((np.zeros((1, 0)), np.zeros((1, 0)), [0], "sin"), r"needs a and w"),
        (([[1, np.nan]], [[1, 2]], [0], "sin"), r"RidgeField a must be finite, found nan at index \(0, 1\)"),
        (([[1, 2]], [[np.inf, 2]], [0], "sin"), "RidgeField w must be finite"),
        (([[1, 2]], [["x", 2]], [0], "sin"), "RidgeField w must be an array of real numbers"),
    ],
)
def test_bad_ridge_fields_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RidgeField(*arguments)


def constant(*c: float) -> RidgeField:
    d = len(c)
    return RidgeField(np.zeros((0, d)), np.zeros((0, d)), np.zeros(0), [], c=c)


def test_piecewise_field_switches_at_its_times():
    field = PiecewiseField([constant(1.0), constant(2.0), constant(3.0)], [1.0, 2.5])
    x = np.zeros((1, 1))
    for t, v in [(0.0, 1), (0.999, 1), (1.0, 2), (2.4, 2), (2.5, 3), (100.0, 3)]:
        assert field(t, x)[0, 0] == v
    assert field.dim == 1
    assert "times=[1.0, 2.5]" in repr(field)


@pytest.mark.parametrize(
    ("duration", "lengths"),
    [(0.5, [0.5]), (1.0, [1.0]), (2.0, [1.0, 1.0]), (2.5, [1.0, 1.5]), (4.0, [1.0, 1.5, 1.5])],
)
def test_segments_tile_the_duration(duration, lengths):
    pieces = [constant(1.0), constant(2.0), constant(3.0)]
    segments = PiecewiseField(pieces, [1.0, 2.5]).segments(duration)
    assert [f for f, _ in segments] == pieces[: len(lengths)]
    assert [tau for _, tau in segments] == pytest.approx(lengths, abs=1e-15)
    assert constant(1.0, 2.0).segments(duration)[0][1] == duration


@pytest.mark.parametrize(
    ("fields", "times", "message"),
    [
        ([], [], "0 fields need 0 switching times"),
        ([constant(1.0)], [1.0], "1 fields need 0 switching times, got 1"),
        ([constant(1.0), constant(2.0)], [], "2 fields need 1 switching times, got 0"),
        ([constant(1.0), constant(2.0, 3.0)], [1.0], r"must have one dimension, got \[1, 2\]"),
        ([constant(1.0)] * 3, [2.0, 1.0], "must be positive and increasing"),
        ([constant(1.0)] * 2, [0.0], "must be positive and increasing"),
        ([constant(1.0)] * 2, [np.nan], "times must be finite"),
    ],
)
def test_bad_piecewise_fields_are_refused(fields, times, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseField(fields, times)


def test_errors_of_fields_are_field_errors():
    with pytest.raises(FieldError):
        PiecewiseField([constant(1.0)], [1.0])
    with pytest.raises(ValueError, match="duration must be positive"):
        PiecewiseField([constant(1.0)], []).segments(-1.0)
