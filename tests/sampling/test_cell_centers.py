"""The centers of the cells between kinks: where they are, and that a fit errs most there or at vertices."""

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow.constructions.refine.least_squares.least_squares import minimize
from vanillaflow.constructions.refine.slices import sliced_start
from vanillaflow.sampling.samples import sample
from vanillaflow.sampling.vertices import cell_centers, vertices


def grid(d: int, places: np.ndarray) -> vf.PlanarFlow:
    """Kinks at the same places along every axis, each on top of a slope of 1, and next to none."""
    w = np.repeat(np.eye(d), places.size, axis=0)
    a = np.full((len(w), d), 1e-6)
    flow = vf.PlanarFlow(a, w, np.tile(places, d), [len(w)], np.eye(d)[None], np.zeros((1, d)))
    return flow


@pytest.mark.parametrize("d", [1, 2, 3])
def test_between_parallel_kinks(d):
    places = np.array([-0.6, -0.1, 0.2, 0.8])
    box = vf.Box(-np.ones(d), np.ones(d))
    x = box.sample(200, d)
    edges = np.concatenate([[-1.0], places, [1.0]])
    cell = np.searchsorted(edges, x) - 1
    expected = (edges[cell] + edges[cell + 1]) / 2
    # Each kink moves the later ones by a part in a million of the distance to it.
    assert np.allclose(cell_centers(grid(d, places), x, box), expected, rtol=0, atol=2 * d * 4 * 1e-6)


@pytest.mark.parametrize("d", [1, 2, 4])
def test_they_stay_in_the_box_and_are_finite(d):
    rng = np.random.default_rng(d)
    box = vf.Box(-np.ones(d), 2 * np.ones(d))
    kinks = 12
    flow = vf.PlanarFlow(
        0.1 * rng.normal(size=(kinks, d)),
        rng.normal(size=(kinks, d)),
        0.5 * rng.normal(size=kinks),
        [kinks],
        np.eye(d)[None],
        np.zeros((1, d)),
    )
    found = cell_centers(flow, box.sample(300, 1), box)
    assert np.all((found >= box.low) & (found <= box.high))


def test_infinite_heights_do_not_matter():
    box = vf.Box([-1, -1], [1, 1])
    a, w = np.array([[1e300, 0.0], [0.0, 0.0]]), np.array([[0.0, 1.0], [1e200, 0.0]])
    flow = vf.PlanarFlow(a, w, np.array([-1.0, 0.0]), [2], np.eye(2)[None], np.zeros((1, 2)))
    assert np.all(np.isfinite(cell_centers(flow, box.sample(50, 0), box)))


@pytest.mark.parametrize("name", ["pendulum", "duffing", "brusselator"])
def test_with_crossings_they_are_where_a_fit_errs_most(name):
    target = getattr(vf.zoo, name)().target()
    samples = sample(target, 4000, 0)
    x, others = target.domain.sample(2000, 1), target.domain.sample(4000, 2)
    exact, ratios = target(others), []
    # As a rule: a fit may err most at a corner of the box, so that one of several says nothing.
    for seed in range(3):
        rng = np.random.default_rng(seed)
        theta = minimize(sliced_start(target, 24, 4, rng, 0), samples, 2.0, 10, rng).parameters
        flow = theta.flow(target.domain)
        peaks = np.concatenate([vertices(flow, x, target.domain), cell_centers(flow, x, target.domain)])
        at_peaks = np.abs(theta(peaks) - target(peaks)).max(axis=1)
        elsewhere = np.abs(theta(others) - exact).max(axis=1)
        ratios.append(at_peaks.max() / elsewhere.max())
        assert at_peaks.mean() > elsewhere.mean()
    assert np.median(ratios) > 1
