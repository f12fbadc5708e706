"""Reachable sets hold every image, and not much more."""

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow.verification.reachable import ReachableSet


@pytest.fixture(scope="module")
def proved():
    target = vf.FlowMap(vf.zoo.pendulum().field, 0.6, vf.Box([-1.5, -1.5], [1.5, 1.5]))
    flow = vf.compile(target, 2e-2)
    return flow, target, vf.certify(flow, target, "rigorous", factor=1.5)


def random_set(d, k, s, seed=0):
    rng = np.random.default_rng(seed)
    box = vf.Box(-np.ones(d), np.ones(d))
    generators = rng.normal(size=(k, s, d)) / s
    axes = np.broadcast_to(0.05 * np.eye(d), (k, d, d))
    return ReachableSet(
        rng.normal(size=(k, d)), np.concatenate([generators, axes], axis=1), box, np.full(d, 0.01)
    )


@pytest.mark.parametrize("box", [None, vf.Box([0.5, -0.5], [1.0, 0.0]), vf.Box([0.2, 0.2], [0.201, 0.7])])
def test_it_holds_every_image(proved, box):
    flow, target, certificate = proved
    found = vf.reach(flow, target, box, certificate)
    starts = target.domain if box is None else box
    y = target(np.concatenate([starts.uniform(20_000, 3), starts.boundary(2000, 1), starts.corners()]))
    assert found.contains(y).all() and found.hull.contains(y).all()
    # And what it holds besides is of the size of the network's error.
    reach = np.abs(found.hull.width - (y.max(axis=0) - y.min(axis=0)))
    assert np.all(reach <= 4 * found.margin + 0.05 * (y.max(axis=0) - y.min(axis=0)))
    assert not found.contains(y.max(axis=0, keepdims=True) + 3 * found.margin + 0.1).any()


def test_the_hopfield_network_in_three_dimensions():
    system = vf.zoo.hopfield()
    target = vf.FlowMap(system.field, 0.3, vf.Box([-0.5] * 3, [0.5] * 3))
    flow = vf.compile(target, 5e-2)
    certificate = vf.certify(flow, target, "rigorous", factor=2.0)
    box = vf.Box([0.0] * 3, [0.4] * 3)
    found = vf.reach(flow, target, box, certificate, max_cells=200)
    assert len(found) <= 200
    assert found.contains(target(box.sample(2000))).all()
    with pytest.raises(ValueError, match="two dimensions"):
        found.polygons()


@pytest.mark.parametrize(("d", "s"), [(1, 1), (2, 1), (2, 3), (3, 2), (3, 4)])
def test_contains_agrees_with_linear_programming(d, s):
    from scipy.optimize import linprog

    found = random_set(d, 3, s)
    rng = np.random.default_rng(1)
    y = found.centers[rng.integers(3, size=60)] + 0.6 * found.hull.width / 3 * rng.normal(size=(60, d))
    inside = np.zeros(len(y), dtype=bool)
    for c, g in zip(found.centers, found.generators):
        for i, point in enumerate(y):
            # Is there an |e| <= 1 with c + e g = y?
            answer = linprog(np.zeros(len(g)), A_eq=g.T, b_eq=point - c, bounds=[(-1, 1)] * len(g))
            inside[i] |= answer.status == 0
    np.testing.assert_array_equal(found.contains(y), inside)
    assert 0 < inside.sum() < len(y)


def test_points_of_a_zonotope_are_in_it():
    for d in (1, 2, 3, 4):
        found = random_set(d, 5, 3, seed=d)
        e = np.random.default_rng(d).choice([-1.0, 0.3, 1.0], size=(200, found.generators.shape[1]))
        for c, g in zip(found.centers, found.generators):
            assert found.contains(c + e @ g).all()


def test_polygons_are_the_zonotopes():
    found = random_set(2, 4, 3)
    e = np.random.default_rng(0).uniform(-1, 1, size=(4000, 5))
    for j, corners in enumerate(found.polygons()):
        assert corners.shape == (10, 2)
        x, y = corners.T
        area = 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))
        g = found.generators[j]
        # The area of a zonotope is 4 sum_(i<j) |det(g_i, g_j)|.
        pairs = np.abs(np.linalg.det(g[np.array(np.triu_indices(5, 1)).T]))
        assert area == pytest.approx(4 * pairs.sum())
        one = ReachableSet(found.centers[j : j + 1], g[None], found.box, found.margin)
        assert one.contains(corners).all() and one.contains(found.centers[j] + e @ g).all()
        assert not one.contains(found.centers[j] + 1.001 * (corners - found.centers[j])).any()


def test_it_can_be_drawn(proved, tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    flow, target, certificate = proved
    found = vf.reach(flow, target, vf.Box([0.5, -0.5], [1.0, 0.0]), certificate)
    ax = found.plot(facecolor="0.8")
    (drawn,) = ax.collections
    assert len(drawn.get_paths()) == len(found)
    ax.figure.savefig(tmp_path / "reach.svg")
    assert found.plot(ax) is ax
    low, high = found.hull.low, found.hull.high
    assert ax.get_xlim()[0] <= low[0] and ax.get_ylim()[1] >= high[1]


def test_starts_outside_are_refused(proved):
    flow, target, certificate = proved
    with pytest.raises(ValueError, match="coordinate 0"):
        vf.reach(flow, target, vf.Box([0, 0], [2, 1]), certificate)
