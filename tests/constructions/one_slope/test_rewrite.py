"""Flows in the strict class: close to the flow they came from, every kappa alpha or 1/alpha, one slope."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_cases import KINDS, random_flow, states
from vanillaflow import Box, PlanarFlow, ToleranceNotReached
from vanillaflow.box import search_points
from vanillaflow.constructions.one_slope.rewrite import with_one_slope
from vanillaflow.planar.shears import LEAST_COSINE
from vanillaflow.provenance import Provenance

ALPHAS = (0.01, 0.1, 0.5, 0.9, 0.99)
# Maps that stretch or shear by a thousand have ranges, and so numbers of kinks, a thousand times as large.
MILD = [kind for kind in KINDS if kind not in ("strong shear", "contracting", "expanding")]


def distance(flow: PlanarFlow, other: PlanarFlow, seed: int) -> float:
    x = search_points(flow.domain, 4096, seed)
    return float(np.max(np.abs(flow(x) - other(x))))


def check_class(flow: PlanarFlow, alpha: float) -> None:
    kappa = flow.kappa
    np.testing.assert_array_less(np.minimum(np.abs(kappa / alpha - 1), np.abs(kappa * alpha - 1)), 1e-12)
    reach = np.linalg.norm(flow.a, axis=1) * np.linalg.norm(flow.w, axis=1)
    assert np.all(np.abs(kappa - 1) > LEAST_COSINE * reach)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 3]),
    st.lists(st.sampled_from(MILD), max_size=6),
    st.sampled_from(ALPHAS),
    st.integers(0, 2),
)
def test_laws(seed, d, kinds, alpha, affine):
    flow = random_flow(seed, d, kinds, affine)
    tolerance = 1e-2 * max(1.0, float(np.abs(states(flow, flow.domain.corners())).max()))
    made = with_one_slope(flow, alpha, tolerance)
    assert made.domain == flow.domain
    check_class(made, alpha)
    assert distance(flow, made, seed % 1000 + 100) <= tolerance
    network = made.to_network(slope=alpha)
    assert network.depth == made.kinks and network.width == d
    np.testing.assert_array_equal(network.slopes, np.full(network.depth, alpha))
    x = search_points(flow.domain, 512, 5)
    # An intermediate state may be 1 / alpha times as large, and every layer adds its rounding.
    unit = (10 + made.kinks) * np.finfo(float).eps * max(1.0, float(np.abs(network.biases).max()))
    np.testing.assert_allclose(network(x), made(x), rtol=0, atol=100 / alpha * unit)


@pytest.mark.parametrize("kind", ["strong shear", "contracting", "expanding"])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_extreme_maps(kind, alpha):
    flow = random_flow(2, 2, [kind, "plain"])
    tolerance = 1e-2 * max(1.0, float(np.abs(states(flow, flow.domain.corners())).max()))
    made = with_one_slope(flow, alpha, tolerance)
    check_class(made, alpha)
    assert distance(flow, made, 77) <= tolerance


@pytest.mark.parametrize("alpha", ALPHAS)
def test_shears_are_exact(alpha):
    flow = random_flow(4, 3, ["shear"] * 5, affine=2)
    made = with_one_slope(flow, alpha, 1e-3)
    check_class(made, alpha)
    assert distance(flow, made, 8) <= 1e-12 / alpha
    if alpha <= 0.5:
        assert made.kinks <= 2 * flow.kinks


@pytest.mark.parametrize("alpha", ALPHAS)
def test_powers_of_alpha_are_exact(alpha):
    a = np.array([[1 / alpha - 1, 0.0], [alpha**2 - 1, 0.0], [0.0, alpha - 1]])
    w = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    flow = PlanarFlow(a, w, [0.1, 0.3, -0.2], domain=Box([-1, -1], [1, 1]))
    made = with_one_slope(flow, alpha, 1e-6)
    check_class(made, alpha)
    assert made.kinks <= 4
    assert distance(flow, made, 8) <= 1e-13 / alpha


def test_neighbours_on_one_line_share_a_staircase():
    """Ten kinks of one ridge are one function: it takes hardly more kinks than a single one as strong."""
    t = np.linspace(-0.5, 0.5, 10)
    box = Box([-1, -1], [1, 1])
    ridge = PlanarFlow(np.tile([0.07, 0.0], (10, 1)), np.tile([1.0, 0.0], (10, 1)), t, domain=box)
    single = PlanarFlow([[1.07**10 - 1, 0.0]], [[1.0, 0.0]], [0.0], domain=box)
    kinks = [with_one_slope(flow, 0.3, 1e-3).kinks for flow in (ridge, single)]
    assert kinks[0] <= 1.5 * kinks[1] + 10


def test_any_tolerance_is_reached_and_kinks_grow_like_its_inverse():
    flow = random_flow(11, 2, ["plain"] * 3)
    kinks = []
    for tolerance in (1e-2, 1e-3, 1e-4):
        made = with_one_slope(flow, 0.4, tolerance)
        assert distance(flow, made, 9) <= tolerance
        kinks.append(made.kinks)
    assert kinks[0] < kinks[1] < kinks[2] < 20 * kinks[1]


def test_without_kinks():
    flow = PlanarFlow.identity(2, Box([0, 0], [1, 1]))
    assert with_one_slope(flow, 0.5, 1e-3).kinks == 0
    affine = random_flow(3, 2, ["always", "never", "translation", "still"], affine=2)
    made = with_one_slope(affine, 0.5, 1e-3)
    assert made.kinks == 0 and distance(affine, made, 1) <= 1e-12


def test_strict_flows_keep_their_number_of_kinks():
    flow = random_flow(6, 2, ["plain", "shear", "plain"])
    once = with_one_slope(flow, 0.5, 1e-2)
    again = with_one_slope(once, 0.5, 1e-6)
    assert again.kinks <= once.kinks
    assert distance(once, again, 4) <= 1e-6


def test_provenance_adds_the_distance():
    flow = random_flow(6, 2, ["plain"] * 2).with_provenance(Provenance("s", 1.0, "split", error=0.1))
    made = with_one_slope(flow, 0.5, 1e-2)
    assert made.provenance is not None and 0.1 <= made.provenance.error <= 0.11
    stage, kinks, found = made.provenance.path[-1]
    assert (stage, kinks) == ("one slope, 0.5", made.kinks) and 0 <= found <= 1e-2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, 1e-2), r"alpha must be within \(0, 1\), got 1"),
        ((2.0, 1e-2), r"alpha must be within \(0, 1\), got 2"),
        ((0.0, 1e-2), "alpha must be positive and finite"),
        ((-0.5, 1e-2), "alpha must be positive and finite"),
        ((float("nan"), 1e-2), "alpha must be positive and finite"),
        ((0.5, 0.0), "tolerance must be positive and finite"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        with_one_slope(random_flow(0, 2, ["plain"]), *arguments)


def test_refuses_a_flow_without_domain():
    with pytest.raises(ValueError, match="this flow has none"):
        with_one_slope(random_flow(0, 2, ["plain"] * 2)[1:], 0.5, 1e-2)


def test_says_how_many_kinks_a_hopeless_tolerance_needs():
    with pytest.raises(ToleranceNotReached, match="above the limit of 200000") as caught:
        with_one_slope(random_flow(0, 2, ["plain"]), 0.5, 1e-12)
    assert caught.value.needed > 200_000
    closest = caught.value.flow
    assert closest is not None and closest.kinks == pytest.approx(200_000, rel=0.01)
    assert 1e-12 < caught.value.error < 1e-4


def test_says_that_rounding_is_in_the_way():
    with pytest.raises(ToleranceNotReached, match="rounding alone") as caught:
        with_one_slope(random_flow(4, 3, ["shear"] * 5), 0.01, 1e-17)
    assert 0 < caught.value.error < 1e-11


def test_lowering_refuses_another_slope():
    flow = random_flow(1, 2, ["plain"] * 3)
    with pytest.raises(ValueError, match=r"a planar map takes the slope 0\.\d+, not 0.5"):
        flow.to_network(slope=0.5)
    made = with_one_slope(flow, 0.5, 1e-1)
    assert made.kinks > 0
    with pytest.raises(ValueError, match=r"a planar map takes the slope 0\.5, not 0\.4"):
        made.to_network(slope=0.4)
    with pytest.raises(ValueError, match=r"must be in \(0, 1\]"):
        made.to_network(slope=1.5)
