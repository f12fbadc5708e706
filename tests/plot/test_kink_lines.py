"""Kink lines: where the flow bends, and nowhere else (see test_arrangement for the cells between them)."""

import numpy as np
import pytest

import vanillaflow as vf
from flow_cases import random_flow, states


def test_lines_are_where_the_kinks_are(two_axes):
    flow = random_flow(11, 2, ["plain"] * 12, affine=3)
    figure = two_axes.figure
    ax = vf.plot.kink_lines(flow, ax=two_axes)
    (lines,) = ax.collections
    maps = (lines.get_array() - 1).astype(int)
    curves = lines.get_segments()
    assert len(curves) == len(maps) > 3
    for layer, curve in zip(maps, curves):
        middles = (curve[1:] + curve[:-1]) / 2
        before = states(flow, np.vstack([curve, middles]))[layer]
        assert np.max(np.abs(before @ flow.w[layer] - flow.t[layer])) <= 1e-9 * np.linalg.norm(flow.w[layer])
    # Every curve ends on an edge of the box or is closed.
    low, high = flow.domain.low, flow.domain.high
    for curve in curves:
        on_edge = [np.any(np.isclose(end, low) | np.isclose(end, high)) for end in curve[[0, -1]]]
        assert all(on_edge) or np.array_equal(curve[0], curve[-1])
    assert (ax.get_xlim(), ax.get_ylim()) == ((low[0], high[0]), (low[1], high[1]))
    assert figure.axes[-1].get_ylabel() == "planar map"
    assert (lines.norm.vmin, lines.norm.vmax) == (1, 12)


def test_the_derivative_jumps_across_every_line():
    flow = random_flow(12, 2, ["plain"] * 6)
    (lines,) = vf.plot.kink_lines(flow).collections
    for curve in lines.get_segments():
        middle, along = (curve[0] + curve[1]) / 2, curve[1] - curve[0]
        across = 1e-7 * np.array([-along[1], along[0]]) / np.linalg.norm(along)
        J = flow.jacobian(np.array([middle - across, middle + across]))
        assert np.max(np.abs(J[0] - J[1])) > 1e-6


def test_a_slice_of_three_dimensions():
    flow = random_flow(13, 3, ["plain"] * 8)
    at = flow.domain.low + 0.4 * flow.domain.width
    ax = vf.plot.kink_lines(flow, dims=(1, 2), at=at)
    (lines,) = ax.collections
    for layer, curve in zip((lines.get_array() - 1).astype(int), lines.get_segments()):
        x = np.tile(at, (len(curve), 1))
        x[:, [1, 2]] = curve
        before = states(flow, x)[layer]
        assert np.max(np.abs(before @ flow.w[layer] - flow.t[layer])) <= 1e-9 * np.linalg.norm(flow.w[layer])


def test_one_color_needs_no_bar():
    flow = random_flow(13, 2, ["plain"] * 3)
    ax = vf.plot.kink_lines(flow, flow.domain, color="k", lw=2)
    assert len(ax.figure.axes) == 1
    assert np.allclose(ax.collections[0].get_colors(), [[0, 0, 0, 1]])


def test_a_flow_without_kinks(tmp_path):
    ax = vf.plot.kink_lines(vf.PlanarFlow.identity(2, vf.Box([0, 0], [1, 1])))
    ax.figure.savefig(tmp_path / "none.svg")
    assert len(ax.collections[0].get_segments()) == 0


def test_networks_are_refused():
    flow = random_flow(13, 2, ["plain"] * 3)
    with pytest.raises(TypeError, match="needs a PlanarFlow"):
        vf.plot.kink_lines(flow.to_network())
    with pytest.raises(ValueError, match="different coordinates"):
        vf.plot.kink_lines(flow, dims=(0, 2))
