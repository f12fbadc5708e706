"""The lowered network equals the flow on the whole box, with width d and slopes in (0, 1]."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agreement import rounding, worst_disagreement
from flow_cases import KINDS, flows, random_flow
from vanillaflow import Box, FeedforwardNetwork, PlanarFlow
from vanillaflow.box import search_points
from vanillaflow.lowering import lower
from vanillaflow.provenance import Provenance
from zoo_cases import NAMES, compiled, lowered

BOUNDED = settings(deadline=None, max_examples=40)


def check_form(flow: PlanarFlow, network: FeedforwardNetwork) -> None:
    assert network.dialect == "leaky_relu" and network.width == network.dim == flow.dim
    assert network.slopes.shape == (network.depth,)
    assert np.all((network.slopes > 0) & (network.slopes <= 1))
    assert network.depth <= 2 * flow.kinks
    assert network.domain == flow.domain and network.provenance == flow.provenance


def check_pass_through(flow: PlanarFlow, network: FeedforwardNetwork, x: np.ndarray) -> None:
    """The leaky ReLU leaves all neurons alone but those with a kink, two at most for a planar map."""
    y, changed = x, 0
    for W, b, slope in zip(network.weights[:-1], network.biases[:-1], network.slopes):
        y = y @ W.T + b
        changed += np.count_nonzero(np.any(y <= 0, axis=0))
        y = np.maximum(y, slope * y)
    assert changed <= 2 * flow.kinks


@pytest.mark.parametrize("name", NAMES)
def test_zoo_network_equals_its_flow_on_the_whole_box(name):
    flow, network = compiled(name), lowered(name)
    check_form(flow, network)
    # 10^4 points and more wherever they are cheap.
    points = 8192 if flow.dim <= 16 else 1024
    assert worst_disagreement(flow, network, points, rounds=10, seed=11) <= 1e-9
    check_pass_through(flow, network, search_points(flow.domain, points, seed=12))


@pytest.mark.parametrize("name", NAMES)
def test_zoo_networks_are_well_conditioned(name):
    """Condition numbers multiply a float32 rounding: 1e3 of them would still leave four digits."""
    network = lowered(name)
    assert network.condition_numbers().max() < 1e3
    assert np.abs(network.biases).max() < 1e3


@BOUNDED
@given(flows(), st.integers(0, 99))
def test_random_network_equals_its_flow(flow, seed):
    network = lower(flow)
    check_form(flow, network)
    x = search_points(flow.domain, 512, seed)
    worst = worst_disagreement(flow, network, 512, rounds=4, seed=seed)
    assert worst <= max(1e-9, rounding(network, x))
    check_pass_through(flow, network, x)


@pytest.mark.parametrize("d", [1, 2, 3, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_map_in_every_dimension(kind, d):
    for seed in range(3):
        flow = random_flow(seed, d, [kind, "plain", kind], affine=seed)
        network = flow.to_network()
        check_form(flow, network)
        worst = worst_disagreement(flow, network, 8192, rounds=6, seed=seed)
        assert worst <= max(1e-9, rounding(network, flow.domain.sample(256)))


@pytest.mark.parametrize("d", [1, 2, 5])
def test_flows_without_kinks(d):
    box = Box(-np.ones(d), np.ones(d))
    x = box.sample(64)
    for flow in (
        PlanarFlow.identity(d, box),
        random_flow(0, d, [], affine=2),
        random_flow(1, d, ["still", "translation"], affine=1),
    ):
        network = flow.to_network()
        assert network.depth == 0
        np.testing.assert_allclose(network(x), flow(x), rtol=0, atol=1e-14 * 100)


def test_depth_counts_shears_twice_and_maps_without_kink_not_at_all():
    assert random_flow(0, 3, ["plain", "shear", "still", "translation", "plain"]).to_network().depth == 4


def test_a_translation_by_a_planar_map_without_normal():
    """w = 0 and t < 0: x + a relu(-t), everywhere active, without a hyperplane. It was once left out."""
    flow = PlanarFlow(
        [[0.5, 0.2], [0.5, 0.1]], [[0.0, 0.0], [1.0, 0.0]], [-1.0, 0.6],
        stops=[0, 1], M=[2 * np.eye(2), [[0, 1], [1, 0]]], m=np.zeros((2, 2)), domain=Box([-1, -1], [1, 1]),
    )  # fmt: skip
    x = flow.domain.sample(256)
    np.testing.assert_allclose(flow.to_network()(x), flow(x), rtol=0, atol=1e-14)


def test_a_faint_direction_does_not_borrow_its_neighbours_basis():
    """|a| = 1e-15 along w, after a map orthogonal to it: the layer's basis was once singular."""
    flow = PlanarFlow([[1.0, 0.0], [0.0, 1e-15]], np.eye(2), np.zeros(2), domain=Box([-1, -1], [1, 1]))
    network = flow.to_network()
    assert network.condition_numbers().max() < 10
    x = flow.domain.sample(256)
    np.testing.assert_allclose(network(x), flow(x), rtol=0, atol=1e-14)


def test_sub_normal_numbers():
    flow = PlanarFlow(
        [[1e-200, 0.0], [0.5, 0.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 0.0], [1e-200, 0.0]], [0.0, 0.1, -1.0],
        domain=Box([-1, -1], [1, 1]),
    )  # fmt: skip
    x = flow.domain.sample(256)
    np.testing.assert_allclose(flow.to_network()(x), flow(x), rtol=0, atol=1e-14)


def test_provenance_is_kept():
    flow = random_flow(0, 2, ["plain"]).with_provenance(Provenance("test", 1.0, "split"))
    assert flow.to_network().provenance == flow.provenance


def test_refusals():
    flow = random_flow(0, 2, ["plain"] * 3)
    with pytest.raises(ValueError, match="lowering needs the domain"):
        flow[1:].to_network()
