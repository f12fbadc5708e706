"""Packing: the layers hold maps that commute, so that their order within and across layers is no matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from flow_cases import flows, random_flow, states
from vanillaflow import Box, PlanarFlow
from vanillaflow.lowering.packing import in_order, pack
from vanillaflow.planar.normal_form import normal_form
from vanillaflow.planar.pushing import push

BOUNDED = settings(deadline=None, max_examples=60)


@st.composite
def structured_flows(draw) -> PlanarFlow:
    """Flows of 2 to 4 independent parts, rotated together, their maps interleaved."""
    dims = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    d, seed = sum(dims), draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    kinds = st.sampled_from(["plain", "shear", "near shear", "still", "translation"])
    rotation = np.linalg.qr(rng.standard_normal((d, d)))[0] if draw(st.booleans()) else np.eye(d)
    maps = []
    for part, end in zip(dims, np.cumsum(dims)):
        flow = random_flow(int(rng.integers(2**32)), part, draw(st.lists(kinds, max_size=6)))
        place = rotation[end - part : end]
        maps.append([(a @ place, w @ place, t) for a, w, t in zip(flow.a, flow.w, flow.t)])
    turns = rng.permutation([i for i, part in enumerate(maps) for _ in part]).astype(int)
    mixed = [maps[i].pop(0) for i in turns]
    stops = np.sort(rng.integers(0, len(mixed) + 1, draw(st.integers(0, 2))))
    return PlanarFlow(
        np.array([a for a, _, _ in mixed]).reshape(-1, d),
        np.array([w for _, w, _ in mixed]).reshape(-1, d),
        np.array([t for _, _, t in mixed]),
        stops=stops,
        M=np.eye(d) + 0.2 * rng.uniform(-1, 1, (stops.size, d, d)) / d,
        m=rng.standard_normal((stops.size, d)),
        domain=Box(-np.ones(d), np.ones(d)),
    )


def check(flow: PlanarFlow, layers: list[np.ndarray], x: np.ndarray) -> None:
    order = np.concatenate([np.zeros(0, dtype=int), *layers])
    assert sorted(order) == list(range(flow.kinks))
    assert all(1 <= len(layer) <= flow.dim for layer in layers)
    # Neither within a layer nor to another one does a map pass one that it does not commute with.
    products = np.abs(flow.w @ flow.a.T)
    commute = np.maximum(products, products.T) <= 1e-12 * np.linalg.norm(flow.a, axis=1).max(initial=1)
    level = np.repeat(np.arange(len(layers)), [len(layer) for layer in layers])[np.argsort(order)]
    earlier, later = np.nonzero(np.triu(~commute, 1))
    assert np.all(level[earlier] < level[later])
    reordered = in_order(flow, layers)
    size = max(1, np.abs(states(flow, x)).max())
    np.testing.assert_allclose(reordered(x), flow(x), rtol=0, atol=1e-11 * size)


@BOUNDED
@given(structured_flows(), st.integers(0, 99))
def test_reordered_structured_flows_are_the_same_map(flow, seed):
    flow = normal_form(flow)
    check(flow, pack(flow), flow.domain.sample(64, seed))


@BOUNDED
@given(flows(), st.integers(0, 99))
def test_reordered_flows_are_the_same_map(flow, seed):
    flow = normal_form(flow)
    check(flow, pack(flow), flow.domain.sample(64, seed))


@BOUNDED
@given(structured_flows())
def test_what_does_not_fit_is_never_together(flow):
    flow = normal_form(flow)
    layers = pack(flow, fits=lambda first, i: (i + first) % 2 == 0)
    check(flow, layers, flow.domain.sample(16))
    assert all(len(set(layer % 2)) == 1 for layer in layers)


@settings(deadline=None, max_examples=25)
@given(structured_flows(), st.integers(0, 99))
@pytest.mark.parametrize("dialect", ["leaky_relu", "prelu"])
def test_packed_networks_equal_their_flows(dialect, flow, seed):
    network, x = flow.to_network(dialect), flow.domain.sample(128, seed)
    np.testing.assert_allclose(network(x), flow(x), rtol=0, atol=1e-9)
    assert network.condition_numbers().max() < 1e3


def diagonal(d: int, kinks: int, slopes: float | None = None) -> PlanarFlow:
    """`kinks` planar maps along each coordinate, one coordinate after the other."""
    rng = np.random.default_rng(d)
    w = np.repeat(np.eye(d), kinks, axis=0)
    a = w * (rng.uniform(-0.5, 1, (len(w), 1)) if slopes is None else slopes - 1)
    return PlanarFlow(a, w, rng.uniform(-1, 1, len(w)), domain=Box(-np.ones(d), np.ones(d)))


def test_diagonal_kinks_have_the_depth_of_one_coordinate():
    flow = diagonal(7, 4)
    assert [len(layer) for layer in pack(flow)] == [7] * 4
    assert flow.to_network("prelu").depth == 4
    # One slope a layer: kinks of different slopes cannot share any.
    assert flow.to_network().depth == 28
    assert diagonal(7, 4, 0.5).to_network().depth == 4
    assert diagonal(7, 4, 0.5).to_network(slope=0.5).depth == 4
    assert flow.to_network("relu").depth == 28


def test_parallel_shears_commute_but_never_share_a_layer():
    flow = PlanarFlow([[0, 1.0]] * 3, [[1.0, 0]] * 3, [0, 0.1, 0.2], domain=Box([-1, -1], [1, 1]))
    assert [layer.tolist() for layer in pack(flow)] == [[0], [1], [2]]


def chain(particles: int) -> PlanarFlow:
    """Springs with two kinks each between neighbours on a line: shears that all commute."""
    d, maps = 2 * particles, []
    for spring in range(particles - 1):
        w, a = np.zeros(d), np.zeros(d)
        w[[spring, spring + 1]], a[particles + spring : particles + spring + 2] = [-1, 1], [0.3, -0.3]
        maps += [(a, w, -0.2), (a, w, 0.2)]
    a, w, t = (np.array(arrays) for arrays in zip(*maps))
    return PlanarFlow(a, w, t, domain=Box(-np.ones(d), np.ones(d)))


@pytest.mark.parametrize("dialect", ["leaky_relu", "prelu"])
def test_shears_of_a_chain(dialect):
    flow = chain(9)
    network, x = flow.to_network(dialect), flow.domain.sample(500)
    np.testing.assert_allclose(network(x), flow(x), rtol=0, atol=1e-12)
    assert network.depth <= flow.kinks / 2
    assert network.condition_numbers().max() < 50


def test_two_independent_parts_one_after_the_other_are_as_deep_as_one():
    """Affine maps of the first part, which the second does not feel, stand between its kinks and theirs."""
    one = random_flow(4, 2, ["plain"] * 5, affine=3)
    a, w, M, m = (np.zeros((n, *shape)) for n, shape in ((10, (4,)), (10, (4,)), (6, (4, 4)), (6, (4,))))
    M += np.eye(4)
    for part in range(2):
        maps, affine, place = (
            slice(5 * part, 5 * part + 5),
            slice(3 * part, 3 * part + 3),
            slice(2 * part, 2 * part + 2),
        )
        a[maps, place], w[maps, place] = one.a, one.w
        # Of condition below 4 altogether.
        M[affine, place, place] = np.eye(2) + 0.05 * one.M
        m[affine, place] = one.m
    stops = np.concatenate([one.stops, 5 + one.stops])
    flow = PlanarFlow(a, w, np.tile(one.t, 2), stops, M, m, domain=Box(-np.ones(4), np.ones(4)))
    network, x = flow.to_network("prelu"), flow.domain.sample(300)
    np.testing.assert_allclose(network(x), flow(x), rtol=0, atol=1e-11)
    assert network.depth == flow[:5].to_network("prelu").depth


@BOUNDED
@given(flows(), st.integers(0, 99))
def test_pushed_flows_are_the_same_map(flow, seed):
    moved, x = push(flow), flow.domain.sample(64, seed)
    size = max(1, np.abs(states(flow, x)).max(), np.abs(flow.t).max(initial=0))
    np.testing.assert_allclose(moved(x), flow(x), rtol=0, atol=1e-11 * size)
    np.testing.assert_allclose(moved.kappa, flow.kappa, rtol=1e-9, atol=1e-11)
    assert moved.stops.size <= flow.stops.size


def test_a_stiff_decay_stays_where_it_is():
    decay, turn = np.diag([1.0, 1e-3]), np.array([[0.0, 1.0], [-1.0, 0.0]])
    w = np.eye(2)
    flow = PlanarFlow(0.5 * w, w, np.zeros(2), [0, 1], np.stack([turn, decay]), np.ones((2, 2)))
    moved = push(flow)
    assert moved.stops.tolist() == [1]
    np.testing.assert_allclose(moved.M[0], decay @ turn, rtol=0, atol=1e-15)


def test_two_pendulums_side_by_side_are_as_deep_as_one():
    """Their direct sum, its kinks alternating, as splitting makes it."""
    one = vf.compile(vf.zoo.pendulum().target(), 0.2, method="split")
    d = 2 * one.dim
    both = {
        name: np.stack([np.kron([1, 0], v), np.kron([0, 1], v)], axis=1).reshape(-1, d)
        for name, v in (("a", one.a[:, None]), ("w", one.w[:, None]))
    }
    flow = PlanarFlow(
        both["a"],
        both["w"],
        np.repeat(one.t, 2),
        2 * one.stops,
        np.array([np.kron(np.eye(2), M) for M in one.M]).reshape(-1, d, d),
        np.tile(one.m, 2),
        domain=Box(np.tile(one.domain.low, 2), np.tile(one.domain.high, 2)),
    )
    x = flow.domain.sample(500)
    expected = np.concatenate([one(x[:, :2]), one(x[:, 2:])], axis=1)
    for dialect in ("leaky_relu", "prelu"):
        network = flow.to_network(dialect)
        assert network.depth == one.to_network(dialect).depth
        np.testing.assert_allclose(network(x), expected, rtol=0, atol=1e-11)
