"""Laws that every profile obeys: its derivative, its scalar flow, and where the flow ends."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from vanillaflow import FieldError, Profile
from vanillaflow.fields.profiles import get_profile, leaky_relu, power, profile_names

NAMES = [*profile_names(), "power5", "leaky_relu(0.3)", "leaky_relu(-0.5)"]
POINTS = np.concatenate([np.linspace(-2.5, 2.5, 41), [-1e-9, 1e-9]])

every_profile = pytest.mark.parametrize("name", NAMES)
laws = settings(max_examples=25, deadline=None)
starts = st.floats(-3, 3).map(lambda nu: round(nu, 6))  # the solver of the test stumbles over denormals
times = st.floats(-1.5, 1.5).map(lambda s: round(s, 6))


def exact_flow(profile: Profile, nu: float, s: float) -> float:
    """nu' = g(nu) by DOP853 at its tightest tolerance; NaN if it does not reach time s."""
    with np.errstate(all="ignore"):
        solution = solve_ivp(
            lambda _, y: profile.value(y), (0, s), [nu], method="DOP853", rtol=1e-13, atol=1e-15
        )
    return solution.y[0, -1] if solution.success and abs(solution.y[0, -1]) < 1e6 else np.nan


@every_profile
def test_derivative_is_the_limit_of_difference_quotients(name):
    profile = get_profile(name)
    z = POINTS[~np.isin(POINTS, profile.breaks) & (np.abs(POINTS) > 1e-6)]
    h = 1e-5
    quotient = (profile.value(z + h) - profile.value(z - h)) / (2 * h)
    # Truncation h^2/6 |g'''| and rounding 1e-16 |g|/h; the worst is power5 at 2.5: 6e-9 and 1e-9.
    np.testing.assert_allclose(profile.derivative(z), quotient, rtol=1e-8, atol=1e-8)


@every_profile
def test_value_and_flow_keep_shape_and_do_not_change_their_argument(name):
    profile = get_profile(name)
    nu = np.linspace(-0.5, 0.5, 6).reshape(2, 3)
    kept = nu.copy()
    assert profile.value(nu).shape == profile.derivative(nu).shape == profile.flow(nu, 0.1).shape == (2, 3)
    np.testing.assert_array_equal(nu, kept)
    np.testing.assert_array_equal(profile.flow(nu, 0.0), nu)


@every_profile
@laws
@given(nu=starts, s=times)
def test_flow_solves_the_scalar_equation(name, nu, s):
    profile = get_profile(name)
    exact = exact_flow(profile, nu, s)
    found = profile.flow(np.array([nu]), s)[0]
    if np.isnan(exact) or np.isnan(found):
        # Both end, or the solution is close to its end, where neither number means much.
        assert np.isnan(found) or abs(found) > 1e3
        return
    # Errors grow by dh/dnu = g(h)/g(nu), the conditioning of the flow itself; where g(nu) = 0 by e^{g' s}.
    before, after = profile.value(np.array([nu, found]))
    growth = abs(after / before) if before else 10
    assert abs(found - exact) <= 1e-10 * (1 + abs(exact)) * max(1, growth)


@every_profile
@laws
@given(nu=starts, s=st.floats(-0.7, 0.7), t=st.floats(-0.7, 0.7))
def test_flows_compose(name, nu, s, t):
    profile = get_profile(name)
    first = profile.flow(np.array([nu]), s)
    twice, once = profile.flow(first, t)[0], profile.flow(np.array([nu]), s + t)[0]
    if np.isfinite(twice) and abs(first[0]) < 20 and abs(once) < 20:
        # The rounding of the intermediate state is amplified by at most sup|g'| * |t| in the exponent.
        steep = np.max(np.abs(profile.derivative(np.linspace(min(first[0], once), max(first[0], once), 50))))
        assert abs(twice - once) <= 1e-10 * max(1, abs(once)) * np.exp(min(steep * abs(t), 15))


@every_profile
@pytest.mark.parametrize("s", [-0.8, -1e-3, 1e-3, 0.8])
def test_flow_is_increasing(name, s):
    h = get_profile(name).flow(np.linspace(-3, 3, 301), s)
    assert np.all(np.diff(h[np.isfinite(h)]) > 0)


@pytest.mark.parametrize(
    ("name", "nu", "s"),
    [
        ("power2", 1.0, 1.5),
        ("power2", -1.0, -1.5),
        ("power3", -1.0, 0.6),
        ("power4", 2.0, 0.1),
        ("power5", 1.0, 0.26),
        ("exp", 0.0, 1.0),
        ("exp", 1.0, 2.0),
    ],
)
def test_flow_is_nan_beyond_its_blow_up(name, nu, s):
    flow = get_profile(name).flow(np.array([nu, 0.01 * nu]), s)
    assert np.isnan(flow[0])
    assert np.isfinite(get_profile(name).flow(np.array([nu]), -s)[0])


def test_numerical_flow_loses_only_the_points_that_blow_up():
    # nu' = 1 + nu^2 is solved by tan(s + arctan nu), which ends where the argument reaches pi/2.
    tangent = Profile("1 + z^2", lambda z: 1 + z * z, lambda z: 2 * z)
    nu = np.array([-1.0, 0.0, 1.0, 5.0])
    flow = tangent.flow(nu, 1.2)
    np.testing.assert_array_equal(np.isnan(flow), [False, False, True, True])
    # The solver's 1e-12 grows by h'/nu' = (1 + h^2)/(1 + nu^2), at most 8 here.
    np.testing.assert_allclose(flow[:2], np.tan(1.2 + np.arctan(nu[:2])), rtol=1e-11)


@pytest.mark.parametrize(
    ("name", "nu", "s", "expected"),
    [
        # Far out, tanh and sigmoid are constant, elu and leaky_relu affine, sin is fixed at multiples of pi.
        ("tanh", 800.0, 50.0, 850.0),
        ("tanh", -800.0, -50.0, -750.0),
        ("tanh", 0.0, 40.0, 0.0),
        ("sigmoid", 800.0, -50.0, 750.0),
        ("sigmoid", -800.0, 50.0, -800.0),
        ("elu", -800.0, 3.0, -803.0),
        ("elu", 0.0, 3.0, 0.0),
        ("sin", 1e4 * np.pi, 5.0, 1e4 * np.pi),
        ("exp", -800.0, 5.0, -800.0),
        ("relu", -3.0, 2.0, -3.0),
        ("abs", -3.0, 2.0, -3.0 * np.exp(-2.0)),
    ],
)
def test_flow_far_out(name, nu, s, expected):
    assert get_profile(name).flow(np.array([nu]), s)[0] == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_names_aliases_and_parameters():
    assert get_profile("square") is get_profile("power2")
    assert get_profile("swish") is get_profile("silu")
    assert get_profile("power7").value(np.array(2.0)) == 128
    assert get_profile("leaky_relu(0.25)").value(np.array(-4.0)) == -1
    assert [leaky_relu(slope).name for slope in (0.0, 0.01, -1.0)] == ["relu", "leaky_relu", "abs"]
    mine = Profile("mine", np.sin, np.cos)
    assert get_profile(mine) is mine


UNKNOWN = ["tnah", "", "power1x", "powerful", "power12345", "leaky_relu(x)", 3, None, ["tanh"]]


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.usefixtures("unchecked")
def test_unknown_profile_is_named(name):
    with pytest.raises(FieldError, match=r"unknown profile .*; known are abs, arctan, cos"):
        get_profile(name)


@pytest.mark.usefixtures("unchecked")
def test_bad_parameters_of_profiles():
    with pytest.raises(FieldError, match="integer exponent of at least 2, got 1"):
        get_profile("power1")
    with pytest.raises(FieldError, match=r"integer exponent of at least 2, got 2\.5"):
        power(2.5)
    with pytest.raises(FieldError, match="slope of a leaky ReLU must be finite, got nan"):
        leaky_relu(float("nan"))
