"""The kink arrangement: its cells tile the box, and are where the flow is affine."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_cases import flows, random_flow, states, walk
from vanillaflow import Box, PlanarFlow
from vanillaflow.planar.arrangement import arrangement


def arranged(flow, dims=(0, 1)):
    """The arrangement of the flow's domain, cut through its center, and the corners as points of it."""
    plane = Box(flow.domain.low[list(dims)], flow.domain.high[list(dims)])
    found = arrangement(flow, plane, flow.domain.center, dims)
    x = np.tile(flow.domain.center, (len(found.points), 1))
    x[:, dims] = found.points
    return found, x, plane


@given(flow=flows(dims=(2, 3, 6)))
@settings(max_examples=60, deadline=None)
def test_the_cells_tile_the_box(flow):
    found, _, plane = arranged(flow, (flow.dim - 1, 0))
    areas = found.areas()
    assert np.all(areas > -1e-12 * np.prod(plane.width))
    assert areas.sum() == pytest.approx(np.prod(plane.width), rel=1e-12)
    assert plane.contains(found.points).all()
    # Euler: V - E + C = 1, where every edge but those of the boundary belongs to two cells.
    edges = {
        frozenset(edge) for cell in found.cells() for edge in zip(cell.tolist(), np.roll(cell, -1).tolist())
    }
    assert len(found.points) - len(edges) + len(found) == 1


@given(flow=flows(dims=(2, 3, 6)))
@settings(max_examples=60, deadline=None)
def test_corners_go_where_the_flow_takes_them(flow):
    found, x, _ = arranged(flow)
    exact = walk(flow, x)
    assert np.max(np.abs(found.images - exact.image)) <= 1e-9 * exact.reach


@given(flow=flows(dims=(2, 3), most=6))
@settings(max_examples=60, deadline=None)
def test_on_every_cell_the_derivative_is_constant(flow):
    found, x, plane = arranged(flow)
    for cell, area in zip(found.cells(), found.areas()):
        # In slivers there is no room between rounding and the kinks.
        if area < 1e-6 * np.prod(plane.width):
            continue
        middle = x[cell].mean(axis=0)
        inside = walk(flow, np.vstack([middle, 0.1 * middle + 0.9 * x[cell]]))
        J = inside.jacobian
        assert np.max(np.abs(J - J[0])) <= 1e-9 * max(1, np.max(np.abs(J)))
        if flow.dim == 2:
            image = found.images[cell]
            following = np.roll(image, -1, axis=0)
            swept = np.sum(image[:, 0] * following[:, 1] - image[:, 1] * following[:, 0]) / 2
            grown = np.exp(inside.log_abs_det[0]) * area
            assert abs(swept) == pytest.approx(grown, rel=1e-6, abs=1e-11 * inside.reach**2)


@given(flow=flows(dims=(2, 3)))
@settings(max_examples=60, deadline=None)
def test_segments_lie_on_their_kinks(flow):
    found, x, _ = arranged(flow)
    ends = x[found.segments]
    for part in (0.0, 0.3, 1.0):
        on = (1 - part) * ends[:, 0] + part * ends[:, 1]
        before = states(flow, on)
        for q, layer in enumerate(found.depth):
            y, w, t = before[layer, q], flow.w[layer], flow.t[layer]
            assert abs(y @ w - t) <= 1e-9 * (np.abs(y) @ np.abs(w) + abs(t))


@given(seed=st.integers(0, 2**32 - 1), d=st.sampled_from([2, 3]))
@settings(max_examples=40, deadline=None)
def test_no_kink_is_missed(seed, d):
    """Wherever the sides of the kinks change between two points, a segment of that kink is between them."""
    flow = random_flow(seed, d, ["plain", "shear", "plain", "expanding", "plain"], affine=2)
    found, _, plane = arranged(flow)
    u = plane.sample(2000, seed=1)
    points = np.tile(flow.domain.center, (len(u), 1))
    points[:, :2] = u
    heights = np.einsum("lnd,ld->ln", states(flow, points)[:-1], flow.w) - flow.t[:, None]
    for layer in range(flow.kinks):
        both = np.any(heights[layer] > 0) and np.any(heights[layer] < 0)
        assert not both or np.any(found.depth == layer)
    # Points of one cell are on the same sides of all kinks.
    side = heights > 0
    for cell in found.cells():
        p, q = found.points[cell], np.roll(found.points[cell], -1, axis=0)
        cross = (q - p)[:, 0] * (u[:, None, 1] - p[:, 1]) - (q - p)[:, 1] * (u[:, None, 0] - p[:, 0])
        within = np.all(cross > 1e-9, axis=1)
        assert np.all(side[:, within] == side[:, within][:, :1])


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_lines_in_general_position_make_as_many_cells_as_they_should(count):
    """Planar maps that hardly move anything: their kinks are lines, here all crossing within the box."""
    angles = np.pi * (np.arange(count) + 0.5) / count
    w = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    flow = PlanarFlow(1e-9 * w, w, 0.05 * np.cos(7 * np.arange(count)))
    found = arrangement(flow, Box([-3, -3], [3, 3]))
    assert len(found) == (count**2 + count + 2) // 2
    assert np.bincount(found.depth).tolist() == list(range(1, count + 1))
    curves = found.curves()
    assert [depth for depth, _ in curves] == list(range(count))
    for depth, curve in curves:
        ends = found.points[curve[[0, -1]]]
        assert np.all(np.max(np.abs(ends), axis=1) == pytest.approx(3))
        assert len(curve) == depth + 2


@given(flow=flows(dims=(2, 3)))
@settings(max_examples=40, deadline=None)
def test_curves_hold_every_segment_once(flow):
    found, _, _ = arranged(flow)
    joined = sorted(
        (depth, *sorted(edge))
        for depth, curve in found.curves()
        for edge in zip(curve[:-1].tolist(), curve[1:].tolist())
    )
    assert joined == sorted((d, *sorted(s)) for d, s in zip(found.depth.tolist(), found.segments.tolist()))


def test_a_kink_in_a_slice_may_be_closed():
    """In three dimensions bent by |x|, |y| the level of a third kink is a diamond in the slice z = 0."""
    unit = np.eye(3)
    flow = PlanarFlow(
        [unit[2], unit[2], unit[2], unit[2], 0.5 * unit[2]],
        [unit[0], -unit[0], unit[1], -unit[1], unit[2]],
        [0, 0, 0, 0, 0.5],
    )
    found = arrangement(flow, Box([-1, -1], [1, 1]), np.zeros(3))
    (diamond,) = [found.points[curve] for depth, curve in found.curves() if depth == 4]
    assert np.array_equal(diamond[0], diamond[-1])
    assert np.abs(diamond).sum(axis=1) == pytest.approx(0.5)
    assert len(found) == 8


def test_the_same_kink_again_cuts_nothing():
    w = np.array([[1.0, 0.3]] * 3 + [[0.0, 1.0]])
    flow = PlanarFlow(0.2 * w, w, [0.1, 0.1, 0.1, 1.0])
    found = arrangement(flow, Box([-1, -1], [1, 0.5]))
    assert len(found) == 2 and found.depth.tolist() == [0]


def test_too_many_cells():
    flow = random_flow(0, 2, ["plain"] * 20)
    with pytest.raises(ValueError, match="more than 10 linear pieces"):
        arrangement(flow, flow.domain, max_cells=10)
