"""Layers: the grid after so many planar maps, up to the flow, beside the exact one."""

import numpy as np
import pytest

import vanillaflow as vf
import zoo_cases
from flow_cases import random_flow, states


def grids(axes):
    return [np.array(ax.collections[0].get_segments()) for ax in axes]


def test_panels_are_the_states_between_the_planar_maps():
    flow = random_flow(2, 2, ["plain"] * 12, affine=2)
    axes = vf.plot.layers(flow, 4, lines=5, points=9)
    assert len(axes) == 5
    first, *between, last = grids(axes)
    x = first.reshape(-1, 2)
    assert np.allclose(np.unique(x, axis=0)[[0, -1]], [flow.domain.low, flow.domain.high])
    for k, grid in zip((3, 6, 9), between):
        # Affine maps right behind the k-th planar map belong to it.
        assert np.allclose(grid.reshape(-1, 2), states(flow, x)[k], atol=1e-12)
    assert np.allclose(last.reshape(-1, 2), flow(x), atol=1e-12)
    titles = [ax.get_title() for ax in axes]
    assert titles[:4] == ["starting points", "3 planar maps", "6 planar maps", "9 planar maps"]
    assert titles[4].startswith("the flow: all 12")


def test_beside_the_exact_flow():
    flow, target = zoo_cases.compiled("pendulum"), zoo_cases.target("pendulum")
    axes = vf.plot.layers(flow, 3, target=target, lines=5, points=9)
    *_, last, exact = grids(axes)
    assert axes[-1].get_title() == "exact flow"
    assert np.allclose(exact.reshape(-1, 2), target(grids(axes)[0].reshape(-1, 2)))
    assert 0 < np.max(np.abs(last - exact)) <= zoo_cases.TOLERANCE
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in axes}) == 1
    assert axes[0].get_ylabel() == r"$\omega$" and axes[1].get_ylabel() == ""


def test_few_maps_and_none():
    flow = random_flow(2, 3, ["plain"] * 2)
    axes = vf.plot.layers(flow, dims=(2, 1), lw=2, color="k")
    assert len(axes) == 3 and axes[1].collections[0].get_linewidth() == [2]
    moved = vf.PlanarFlow(
        np.zeros((0, 2)), np.zeros((0, 2)), [], [0], [2 * np.eye(2)], [[0, 0]], vf.Box([0, 0], [1, 1])
    )
    first, last = grids(vf.plot.layers(moved))
    assert np.allclose(last, 2 * first)


def test_wrong_requests():
    flow = random_flow(2, 2, ["plain"] * 4)
    with pytest.raises(ValueError, match="steps must be"):
        vf.plot.layers(flow, 0)
    with pytest.raises(ValueError, match="columns must be"):
        vf.plot.layers(flow, columns=0)
    with pytest.raises(ValueError, match="dimension 2 but the target has dimension 3"):
        vf.plot.layers(flow, target=zoo_cases.target("hopfield"))
