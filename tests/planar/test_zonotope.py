"""Lower bounds of linear functions along a flow: sound always, tight enough on the zoo."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_cases import flows, states
from vanillaflow import Box, PlanarFlow
from vanillaflow.box import search_points
from vanillaflow.planar.zonotope import cells, lowest_before, lowest_values
from zoo_cases import NAMES, compiled


def sampled_lowest(
    flow: PlanarFlow, probes: np.ndarray, tilts: np.ndarray, tilted_probes: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same minima over the points x, and the range of the probes' values."""
    before = states(flow, x)[:-1]
    values = probes @ before.transpose(0, 2, 1)
    z = np.maximum(np.einsum("ld,lnd->ln", flow.w, before) - flow.t[:, None], 0)
    after = before + z[:, :, None] * tilts[:, None, :]
    tilted = (tilted_probes @ after.transpose(0, 2, 1)).min(axis=2)
    return values.min(axis=2), tilted, values.max(axis=2) - values.min(axis=2)


@settings(deadline=None, max_examples=40)
@given(flows(), st.integers(0, 2**32 - 1))
def test_bounds_are_sound(flow, seed):
    rng = np.random.default_rng(seed)
    probes, tilted_probes = rng.standard_normal((2, flow.kinks, 3, flow.dim))
    tilts = rng.standard_normal((flow.kinks, flow.dim)) * rng.choice([0.0, 1.0], (flow.kinks, 1))
    every, tilted = np.arange(flow.kinks), np.flatnonzero(np.any(tilts, axis=1))
    low, low_tilted = lowest_values(
        flow, flow.domain, every, probes, tilted, tilts[tilted], tilted_probes[tilted]
    )
    # Above 10^4 points, the corners among them, where a zonotope that is exact has its minimum.
    x = search_points(flow.domain, 8192, seed % 1000)
    seen, seen_tilted, _ = sampled_lowest(flow, probes, tilts, tilted_probes, x)
    assert np.all(low <= seen)
    assert np.all(low_tilted <= seen_tilted[tilted])
    assert np.all(np.isfinite(low)) and np.all(np.isfinite(low_tilted))


@pytest.mark.parametrize("name", NAMES)
def test_bounds_are_sound_and_not_absurd_on_the_zoo(name):
    flow = compiled(name)
    probes = np.broadcast_to(
        np.concatenate([np.eye(flow.dim), -np.eye(flow.dim)]), (flow.kinks, 2 * flow.dim, flow.dim)
    )
    nothing = np.zeros((flow.kinks, flow.dim))
    low = lowest_before(flow, flow.domain, np.arange(flow.kinks), np.ascontiguousarray(probes))
    x = search_points(flow.domain, 4096 if flow.dim <= 5 else 256, seed=7)
    seen, _, spread = sampled_lowest(flow, probes, nothing, probes, x)
    assert np.all(low <= seen)
    # Samples of a box in many dimensions miss its corners, where the extremes are. Five times the spread
    # still costs a shift of the order of the state only.
    assert np.max((seen - low) / spread) < 5


def test_bounds_are_exact_where_no_relaxation_is_needed():
    """An affine map, then a kink at the center of the box, where the cells meet."""
    box = Box([-1, -2], [1, 2])
    flow = PlanarFlow(
        [[2.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]], [1.0, 0.0],
        stops=[0], M=[2 * np.eye(2)], m=[[1, 0]], domain=box,
    )  # fmt: skip
    probes = np.array([[[1.0, 0.0], [0.0, 1.0]]] * 2)
    low = lowest_before(flow, box, np.arange(2), probes)
    # Asked for elsewhere, the same.
    np.testing.assert_array_equal(lowest_before(flow, box, np.array([1]), probes[1:]), low[1:])
    # Before the first map: x in [-1, 3], y in [-4, 4]. It moves x > 1 by (2, 1) (x - 1): y stays above -4.
    np.testing.assert_allclose(low, [[-1, -4], [-1, -4]], rtol=0, atol=1e-8)


def test_what_a_run_undoes_leaves_no_trace():
    """Forty times x > t up by 100 and down again: one by one, each pair would enlarge the bounds 42 times."""
    up = np.arange(80) % 2 == 0
    a = np.where(up, 99.0, -0.99)[:, None] * [1.0, 0.0] + up[:, None] * [0.0, 0.05]
    t = np.repeat(np.linspace(-0.9, 0.9, 40), 2)
    flow = PlanarFlow(a, np.tile([1.0, 0.0], (80, 1)), t, domain=Box([-1, -1], [1, 1]))
    probes = np.tile(np.concatenate([np.eye(2), -np.eye(2)]), (80, 1, 1))
    nothing = np.zeros((80, 2))
    low = lowest_before(flow, flow.domain, np.arange(flow.kinks), probes)
    seen, _, spread = sampled_lowest(flow, probes, nothing, probes, search_points(flow.domain, 4096, 0))
    assert np.all(low <= seen)
    assert np.max((seen - low) / spread) < 0.1


@settings(deadline=None, max_examples=40)
@given(flows(dims=(1, 2, 3)), st.integers(0, 2**32 - 1))
def test_bounds_of_runs_are_sound(flow, seed):
    """Neighbours get the same w, of another size and sign, so that most maps are in runs."""
    rng = np.random.default_rng(seed)
    w = flow.w[np.arange(flow.kinks) // 4 * 4] * rng.choice([1.0, -1.0, 0.5, -3.0], (flow.kinks, 1))
    size = 2 * np.linalg.norm(flow.a, axis=1) * np.linalg.norm(w, axis=1)
    flow = PlanarFlow(
        flow.a / np.maximum(size, 1)[:, None], w, flow.t, flow.stops, flow.M, flow.m, flow.domain
    )
    probes, tilted_probes = rng.standard_normal((2, flow.kinks, 3, flow.dim))
    tilts = 0.1 * rng.standard_normal((flow.kinks, flow.dim)) * rng.choice([0.0, 1.0], (flow.kinks, 1))
    every, tilted = np.arange(flow.kinks), np.flatnonzero(np.any(tilts, axis=1))
    low, low_tilted = lowest_values(
        flow, flow.domain, every, probes, tilted, tilts[tilted], tilted_probes[tilted]
    )
    seen, seen_tilted, _ = sampled_lowest(
        flow, probes, tilts, tilted_probes, search_points(flow.domain, 4096, seed % 1000)
    )
    assert np.all(low <= seen) and np.all(low_tilted <= seen_tilted[tilted])


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 70), st.integers(1, 300), st.integers(0, 99))
def test_cells_cover_the_box_without_overlap(d, most, seed):
    rng = np.random.default_rng(seed)
    low = rng.uniform(-5, 5, d)
    box = Box(low, low + rng.uniform(0.1, 3, d))
    centers, halves = cells(box, most)
    assert most / 2 < len(centers) <= most
    assert np.prod(2 * halves / box.width, axis=1).sum() == pytest.approx(1)
    assert len(np.unique(centers.round(9), axis=0)) == len(centers)
    x = box.uniform(20, seed)
    inside = np.abs(x[:, None, :] - centers) <= halves * (1 + 1e-9)
    assert np.all(inside.all(axis=2).any(axis=1))
    np.testing.assert_allclose((centers - halves).min(axis=0), box.low)
    np.testing.assert_allclose((centers + halves).max(axis=0), box.high)
