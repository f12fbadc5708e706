"""Laws of PlanarFlow, over every system of the zoo and over random flows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_cases import flows, inside_and_outside, random_flow, states, walk
from vanillaflow import Box, PlanarFlow
from vanillaflow.planar.flow import concatenate
from vanillaflow.provenance import Provenance
from zoo_cases import NAMES, compiled, target

BOUNDED = settings(deadline=None, max_examples=40)
SQUARE = Box([-1, -1], [1, 1])
ONE = ([[0.5, 0.0]], [[1.0, 0.0]], [0.1])


def stretch(jacobians: np.ndarray) -> float:
    """The most that any of the matrices enlarges the max norm."""
    return float(np.max(np.abs(jacobians).sum(axis=2), initial=1))


def check_inverse(flow: PlanarFlow, x: np.ndarray) -> None:
    # Rounding of an image is a few eps of the largest number on the way, per map; the inverse enlarges it
    # by at most the largest stretch of the inverse. 64 stands for "a few" times the dimension of a product.
    way = walk(flow, x)
    back = inverse_stretch(way.jacobian)
    y = flow(x)
    unit = 64 * (flow.kinks + flow.stops.size + 1) * np.finfo(float).eps * max(way.reach, 1)
    assert np.max(np.abs(flow.inverse(y) - x), initial=0) <= unit * back
    assert np.max(np.abs(flow(flow.inverse(y)) - y), initial=0) <= unit * back * stretch(way.jacobian)


def inverse_stretch(jacobians: np.ndarray) -> float:
    return stretch(np.linalg.inv(jacobians)) if len(jacobians) else 1.0


def check_derivative(flow: PlanarFlow, x: np.ndarray) -> None:
    """jacobian and log_abs_det against the reference, finite differences and each other."""
    way = walk(flow, x)
    J, log_det = flow.jacobian(x), flow.log_abs_det(x)
    # A point on a kink to rounding may fall on either side of it.
    safe = way.clearance > 1e-9 * (1 + np.abs(x).max(axis=1))
    assert safe.mean() > 0.9
    x, J, log_det = x[safe], J[safe], log_det[safe]
    largest = max(1.0, float(np.max(np.abs(way.jacobian[safe]), initial=0)))
    np.testing.assert_allclose(J, way.jacobian[safe], rtol=0, atol=1e-11 * largest)
    np.testing.assert_allclose(log_det, way.log_abs_det[safe], rtol=0, atol=1e-11 * (1 + flow.kinks))
    # The LU factors of J know its determinant to eps times its condition number.
    conditions = np.linalg.cond(J)
    direct = np.linalg.slogdet(J)[1]
    assert np.all(np.abs(direct - log_det) <= 1e-14 * (flow.kinks + flow.dim) * (10 + conditions))
    # Between kinks the flow is affine: differences have no truncation error, only rounding / step.
    step = 1e-4
    clear = way.clearance[safe] > 2 * step
    x, J = x[clear][:64], J[clear][:64]
    for i in range(flow.dim):
        e = step * np.eye(flow.dim)[i]
        slope = (flow(x + e) - flow(x - e)) / (2 * step)
        np.testing.assert_allclose(slope, J[:, :, i], rtol=0, atol=1e-9 * max(1, way.reach) * largest)


# Laws over the zoo.


@pytest.mark.parametrize("name", NAMES)
def test_zoo_flow_is_invertible_inside_and_outside_the_box(name):
    flow = compiled(name)
    n = 512 if flow.dim <= 16 else 64
    x = inside_and_outside(flow.domain, n, seed=3)
    inside, outside = x[:-n], x[-n:]
    assert np.max(np.abs(flow.inverse(flow(inside)) - inside)) <= 1e-9
    assert np.max(np.abs(flow(flow.inverse(flow(inside))) - flow(inside))) <= 1e-9
    check_inverse(flow, outside)


@pytest.mark.parametrize("name", NAMES)
def test_zoo_preimages_exist_everywhere(name):
    """Onto, too: points that no trajectory need reach have preimages."""
    flow = compiled(name)
    y = inside_and_outside(flow.domain, 256 if flow.dim <= 16 else 64, seed=8)
    x = flow.inverse(y)
    np.testing.assert_allclose(flow(x), y, rtol=0, atol=1e-9 * max(1, np.abs(states(flow, x)).max()))


@pytest.mark.parametrize("name", NAMES)
def test_zoo_derivatives(name):
    flow = compiled(name)
    check_derivative(flow, flow.domain.sample(128 if flow.dim <= 16 else 32, seed=4))


@pytest.mark.parametrize("name", NAMES)
def test_zoo_slices_compose(name):
    flow = compiled(name)
    x = inside_and_outside(flow.domain, 64, seed=6)
    for j in (0, 1, flow.kinks // 3, -1, flow.kinks - 1, flow.kinks, flow.kinks + 7):
        np.testing.assert_array_equal((flow[j:] @ flow[:j])(x), flow(x))


@pytest.mark.parametrize("name", NAMES)
def test_zoo_flow_shrinks_volume_as_the_field_says(name):
    """Liouville: log det of the exact flow is the integral of the divergence along the trajectory.

    The compiled flow's steps from slope to slope around the exact one's; averaged over the box the two agree
    roughly, to a tenth per coordinate at these loose tolerances. A wrong sign or a lost factor shows.
    """
    flow, exact = compiled(name), target(name)
    field = exact.field
    if flow.dim > 16:
        pytest.skip("the divergence along trajectories is expensive here and the law is the same")
    x = flow.domain.sample(256, seed=1)
    times = np.linspace(0, exact.duration, 9)
    divergence = np.trace(field.A) + np.stack(
        [
            sum(
                mu * profile.derivative(y @ w + b)
                for mu, profile, w, b in zip(field.mu, field.profiles, field.w, field.b)
            )
            for y in exact.trajectory(x, times)
        ]
    )
    simpson = np.array([1, 4, 2, 4, 2, 4, 2, 4, 1]) * (times[1] - times[0]) / 3
    assert abs(np.mean(simpson @ divergence) - np.mean(flow.log_abs_det(x))) < 0.1 * flow.dim


# Laws over random flows.


@BOUNDED
@given(flows(), st.integers(0, 99))
def test_inverse(flow, seed):
    check_inverse(flow, inside_and_outside(flow.domain, 64, seed))


@BOUNDED
@given(flows(), st.integers(0, 99))
def test_forward_equals_the_plain_composition(flow, seed):
    x = inside_and_outside(flow.domain, 64, seed)
    way = walk(flow, x)
    # A flow that stretches by up to 1e6 after a rounding of eps reach.
    np.testing.assert_allclose(flow(x), way.image, rtol=0, atol=1e-9 * max(1, way.reach))


@BOUNDED
@given(flows(), st.integers(0, 99))
def test_derivatives(flow, seed):
    check_derivative(flow, flow.domain.sample(128, seed))


@BOUNDED
@given(flows(dims=(1, 2, 3)), st.integers(0, 99))
def test_slices_compose_at_every_place(flow, seed):
    x = inside_and_outside(flow.domain, 16, seed)
    for j in range(-flow.kinks - 1, flow.kinks + 2):
        np.testing.assert_array_equal((flow[j:] @ flow[:j])(x), flow(x))
        np.testing.assert_array_equal(flow[:j].then(flow[j:])(x), flow(x))
    i, j = flow.kinks // 3, 2 * flow.kinks // 3
    np.testing.assert_array_equal(concatenate([flow[:i], flow[i:j], flow[j:]])(x), flow(x))
    np.testing.assert_array_equal(flow[:](x), flow(x))


@BOUNDED
@given(flows(dims=(3,)), flows(dims=(3,)), st.integers(0, 99))
def test_composition_is_composition(f, g, seed):
    x = f.domain.sample(64, seed)
    h = g @ f
    np.testing.assert_array_equal(h(x), g(f(x)))
    assert h.domain == f.domain and h.kinks == f.kinks + g.kinks
    assert f.then(g, f).kinks == 2 * f.kinks + g.kinks
    np.testing.assert_allclose(
        h.log_abs_det(x), f.log_abs_det(x) + g.log_abs_det(f(x)), rtol=0, atol=1e-11 * (1 + h.kinks)
    )


def test_affine_maps_at_both_ends_and_sharing_a_stop():
    flow = PlanarFlow(
        *ONE, stops=[0, 0, 1, 1], M=[2 * np.eye(2), [[0, 1], [1, 0]], 3 * np.eye(2), np.eye(2)],
        m=[[1, 0], [0, 0], [0, 5], [7, 0]],
    )  # fmt: skip
    # (x, y) -> (2x + 1, 2y) -> (2y, 2x + 1) -> first coordinate kinked at 0.1 -> times 3, plus (7, 5).
    np.testing.assert_allclose(flow(np.array([[2.0, 3.0]])), [[3 * (6 + 0.5 * 5.9) + 7, 3 * 5 + 5]])
    np.testing.assert_allclose(flow(np.array([[2.0, -3.0]])), [[3 * -6 + 7, 3 * 5 + 5]])
    assert flow.log_abs_det(np.array([[2.0, 3.0]])) == pytest.approx(np.log(4) + np.log(9) + np.log(1.5))
    assert flow[:0].stops.size == 0 and flow[1:].stops.size == 0


def test_slices_of_a_flow_of_affine_maps_only():
    flow = PlanarFlow(np.zeros((0, 2)), np.zeros((0, 2)), [], stops=[0], M=[2 * np.eye(2)], m=[[1, 1]])
    x = SQUARE.sample(8)
    for j in (-1, 0, 1):
        np.testing.assert_array_equal((flow[j:] @ flow[:j])(x), flow(x))
    np.testing.assert_array_equal(flow[:](x), 2 * x + 1)


def test_domain_stays_with_the_first_slice():
    flow = random_flow(0, 2, ["plain"] * 4)
    assert flow[:2].domain == flow.domain and flow[2:].domain is None


def test_identity_and_no_points():
    flow = PlanarFlow.identity(3, Box([0, 0, 0], [1, 1, 1]))
    x = flow.domain.sample(7)
    np.testing.assert_array_equal(flow(x), x)
    np.testing.assert_array_equal(flow.inverse(x), x)
    np.testing.assert_array_equal(flow.log_abs_det(x), np.zeros(7))
    np.testing.assert_array_equal(flow.jacobian(x), np.broadcast_to(np.eye(3), (7, 3, 3)))
    for f in (flow, random_flow(1, 3, ["plain"] * 3, affine=1)):
        none = np.zeros((0, 3))
        assert f(none).shape == f.inverse(none).shape == (0, 3)
        assert f.log_abs_det(none).shape == (0,) and f.jacobian(none).shape == (0, 3, 3)


def test_any_layout_of_points_and_any_number_of_them():
    flow = random_flow(5, 3, ["plain"] * 6, affine=2)
    x = flow.domain.sample(1025, seed=2)
    y = flow(x)
    np.testing.assert_array_equal(flow(np.asfortranarray(x)), y)
    np.testing.assert_array_equal(flow(np.repeat(x, 2, axis=0)[::2]), y)
    # A point has the same image in every batch.
    np.testing.assert_array_equal(np.concatenate([flow(x[i : i + 1]) for i in range(0, 1025, 100)]), y[::100])
    single = x.astype(np.float32)
    assert flow(single).dtype == np.float32
    # Some tens of operations on numbers of size ten.
    np.testing.assert_allclose(flow(single), flow(single.astype(np.float64)), rtol=0, atol=1e-4)


def test_not_a_number_stays_visible():
    flow = random_flow(5, 2, ["plain"] * 3)
    assert np.all(np.isnan(flow(np.array([[np.nan, 0.0]]))))
    assert np.all(np.isnan(flow.inverse(np.array([[np.nan, 0.0]]))))


def test_provenance_travels_and_arrays_are_locked():
    flow = random_flow(5, 2, ["plain"] * 3)
    provenance = Provenance("test", 1.0, "split")
    named = flow.with_provenance(provenance)
    assert named.provenance is provenance and flow.provenance is None and named.domain == flow.domain
    with pytest.raises(ValueError, match="read-only"):
        named.a[0, 0] = 1.0
    a = np.array([[0.5, 0.0]])
    copied = PlanarFlow(a, *ONE[1:])
    a[0, 0] = 9
    assert copied.a[0, 0] == 0.5


# Refusals.

AFFINE = {"stops": [0], "M": [np.eye(2)], "m": [[0, 0]]}


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0.5], [1.0], [0.1]), {}, r"needs a and w of shape \(L, d\) and t \(L,\), got a \(1,\)"),
        (([[0.5]], [[1.0, 0.0]], [0.1]), {}, r"got a \(1, 1\), w \(1, 2\), t \(1,\)"),
        (([[0.5]], [[1.0]], [0.1, 0.2]), {}, r"t \(2,\)"),
        ((np.zeros((1, 0)), np.zeros((1, 0)), [0.1]), {}, r"got a \(1, 0\)"),
        (([[np.nan, 0.0]], *ONE[1:]), {}, r"PlanarFlow a must be finite, found nan at index \(0, 0\)"),
        ((ONE[0], [[1.0, np.inf]], ONE[2]), {}, r"PlanarFlow w must be finite, found inf at index \(0, 1\)"),
        ((*ONE[:2], [-np.inf]), {}, r"PlanarFlow t must be finite, found -inf at index \(0,\)"),
        ((*ONE[:2], ["x"]), {}, "PlanarFlow t must be an array of real numbers"),
        (ONE, AFFINE | {"M": [[[np.nan, 0], [0, 1]]]}, "PlanarFlow M must be finite"),
        (ONE, AFFINE | {"m": [[np.inf, 0]]}, "PlanarFlow m must be finite"),
        (ONE, AFFINE | {"stops": [np.nan]}, "PlanarFlow stops must be finite"),
        (ONE, AFFINE | {"stops": [0.5]}, "PlanarFlow stops must be whole numbers"),
        (ONE, AFFINE | {"M": [np.eye(3)]}, r"needs M \(J, 2, 2\) and m \(J, 2\) for its J = 1 stops"),
        (ONE, AFFINE | {"stops": [0, 1]}, "for its J = 2 stops"),
        (ONE, {"stops": [0]}, r"got M \(0, 2, 2\)"),
        (ONE, AFFINE | {"stops": [2]}, r"stops must be non-decreasing within 0\.\.1"),
        (ONE, AFFINE | {"stops": [-1]}, r"stops must be non-decreasing within 0\.\.1"),
        (
            ONE,
            {"stops": [1, 0], "M": [np.eye(2)] * 2, "m": np.zeros((2, 2))},
            r"stops must be non-decreasing within 0\.\.1",
        ),
        (ONE, {"domain": Box([0], [1])}, "has dimension 2 but its domain has dimension 1"),
        (([[-1.0, 0.0]], *ONE[1:]), {}, r"planar map 0 has kappa = 1 \+ w.a = 0; it must be positive"),
        (([[-2.0, 0.0]], *ONE[1:]), {}, r"planar map 0 has kappa = 1 \+ w.a = -1"),
        (([[1e200, 0.0]], [[1e200, 0.0]], ONE[2]), {}, r"kappa = 1 \+ w.a = inf; it must be positive"),
        (ONE, AFFINE | {"M": [np.zeros((2, 2))]}, "affine map 0 of the PlanarFlow is singular"),
    ],
)
def test_refuses(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        PlanarFlow(*arguments, **options)


def test_refuses_wrong_points():
    flow = random_flow(0, 3, ["plain"])
    for points in (np.zeros((4, 2)), np.zeros(3), np.zeros((1, 4, 3))):
        for method in (flow, flow.inverse, flow.log_abs_det, flow.jacobian):
            with pytest.raises(ValueError, match=r"expected points of shape \(n, 3\), got \("):
                method(points)


def test_refuses_wrong_slices_and_compositions():
    flow = random_flow(0, 3, ["plain"] * 3)
    with pytest.raises(TypeError, match="indexed by slices"):
        flow[0]
    with pytest.raises(ValueError, match="only be sliced with step 1"):
        flow[::2]
    with pytest.raises(ValueError, match=r"composed flows need one dimension, got \[3, 2\]"):
        flow.then(random_flow(0, 2, ["plain"]))
    with pytest.raises(ValueError, match=r"composed flows need one dimension, got \[\]"):
        concatenate([])
